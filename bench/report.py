"""The table and the JSON of one call."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.figures import Figure, Rounds, Row, median

RESULTS = Path(__file__).resolve().parent / "results"


def judged(row: Row, figure: Figure, rounds: Rounds) -> str:
    """One figure: both medians, ratio, target, verdict."""
    ours = median(rounds["ours"], figure.name)
    other_name = figure.against_name or figure.name
    other = median(rounds[figure.against], other_name)
    other_label = other_name if other_name != figure.name else ""
    verdict = "reached" if figure.reached(rounds) else "MISSED"
    label = f"{row.what}: {figure.name}"
    return (
        f"{label:<56} ours {ours:>10.2f}   {figure.against} {other_label}{other:>10.2f}"
        f"   ratio {figure.ratio(rounds):5.2f}   target {figure.wanted()}   {verdict}"
    )


def lines(row: Row, rounds: Rounds) -> str:
    """The judged figures of a row, and whatever makes them believable."""
    shown = [judged(row, figure, rounds) for figure in row.figures]
    for kind in ("ours", "etcd"):
        names = sorted(rounds[kind][0])
        numbers = ", ".join(f"{name} {median(rounds[kind], name):.4g}" for name in names)
        shown.append(f"    {kind:<5} {numbers}")
    return "\n".join(shown)


def source() -> str:
    """The commit that is measured, with a word when the tree has other changes than new results."""
    words = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results"]
    changed = _git(*words)
    commit = _git("git", "rev-parse", "--short", "HEAD") or "unknown"
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    done = subprocess.run(words, cwd=RESULTS.parent.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()


class Report:
    """Everything that one call measures, with machine and commit; kept after each row, as rows take minutes.

    While a call runs, and for good if it is not a full one, its files are `partial.json` and `partial.txt`.
    """

    def __init__(self, options: dict[str, Any], title: str) -> None:
        self._head = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": source(),
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "options": options,
        }
        self._texts = [title]
        self._rows: list[dict[str, Any]] = []

    def add(self, row: Row, rounds: Rounds) -> str:
        """One measured row; its lines of the table."""
        self._rows.append(_document(row, rounds))
        return self._write(lines(row, rounds))

    def add_failure(self, row: Row, reason: str) -> str:
        """One row that could not be measured; its line of the table."""
        self._rows.append({"name": row.name, "what": row.what, "failed": reason})
        return self._write(f"{row.what}: FAILED: {reason}")

    def _write(self, text: str) -> str:
        self._texts.append(text)
        RESULTS.mkdir(exist_ok=True)
        document = json.dumps({**self._head, "rows": self._rows}, indent=1)
        (RESULTS / "partial.json").write_text(document + "\n")
        (RESULTS / "partial.txt").write_text("\n".join(self._texts) + "\n")
        return text

    def finish(self, *, is_full: bool) -> Path:
        """Where the results are now: a full call's take the place of the last full call's."""
        if not is_full:
            return RESULTS / "partial.json"
        (RESULTS / "partial.txt").replace(RESULTS / "latest.txt")
        return (RESULTS / "partial.json").replace(RESULTS / "latest.json")


def _document(row: Row, rounds: Rounds) -> dict[str, Any]:
    figures = [
        {
            "figure": figure.name,
            "ratio": round(figure.ratio(rounds), 4),
            "target": figure.wanted(),
            "reached": figure.reached(rounds),
        }
        for figure in row.figures
    ]
    return {"name": row.name, "what": row.what, "figures": figures, "rounds": rounds}

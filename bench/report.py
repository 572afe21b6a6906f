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


def save(rows: list[Row], results: dict[str, Rounds], options: dict[str, Any]) -> Path:
    """Everything that was measured, with machine and commit."""
    RESULTS.mkdir(exist_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    document = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit,
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "options": options,
        "rows": [_document(row, results[row.name]) for row in rows if row.name in results],
    }
    path = RESULTS / "latest.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


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

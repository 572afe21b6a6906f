"""The table and the JSON of one call."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.rows import Row

RESULTS = Path(__file__).resolve().parent / "results"

Rounds = dict[str, list[dict[str, Any]]]


def median(rounds: list[dict[str, Any]], figure: str) -> float:
    """Median of one figure over the rounds of one server."""
    return statistics.median(float(r[figure]) for r in rounds)


def verdict(row: Row, ratio: float) -> str:
    """Whether the target of the design is reached."""
    reached = ratio >= row.target if row.better == "more" else ratio <= row.target
    return "reached" if reached else "MISSED"


def line(row: Row, rounds: Rounds) -> str:
    """One row of the table: medians, ratio, target, and what makes the figure believable."""
    ours, etcd = median(rounds["ours"], row.figure), median(rounds["etcd"], row.figure)
    ratio = ours / etcd
    sign = ">=" if row.better == "more" else "<="
    text = (
        f"{row.what:<42} ours {ours:>11.2f}   etcd {etcd:>11.2f}   ratio {ratio:5.2f}"
        f"   target {sign} {row.target:<4}  {verdict(row, ratio)}"
    )
    details = []
    for kind in ("ours", "etcd"):
        shown = [
            f"{name} {median(rounds[kind], name):.4g}"
            for name in sorted(rounds[kind][0])
            if name != row.figure
        ]
        details.append(f"    {kind:<5} " + ", ".join(shown))
    return "\n".join([text, *details])


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
        "rows": [
            {
                "name": row.name,
                "what": row.what,
                "figure": row.figure,
                "target": row.target,
                "ratio": median(results[row.name]["ours"], row.figure)
                / median(results[row.name]["etcd"], row.figure),
                "rounds": results[row.name],
            }
            for row in rows
            if row.name in results
        ],
    }
    path = RESULTS / "latest.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path

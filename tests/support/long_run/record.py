"""The record of the last long runs, and whether it still speaks for the sources.

``python -m tests.support.long_run --check`` prints that; it informs and always exits 0, as nobody can be
asked to wait for hours before each commit.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.long_run.parts import PARTS, Part

ROOT = Path(__file__).resolve().parents[3]
RECORD = ROOT / "tests" / "long-run.json"
FORMAT = 2


def git(*words: str) -> str:
    """Output of a git command in the repository."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def trees(part: Part) -> dict[str, str]:
    """Git's hash at HEAD of each folder or file that the part covers."""
    listed = (line.split(maxsplit=3) for line in git("ls-tree", "HEAD", "--", *part.covers).splitlines())
    hashes = {path: tree for _mode, _kind, tree, path in listed}
    return {path: hashes.get(path, "not committed") for path in part.covers}


def uncommitted(part: Part) -> list[str]:
    """Covered files that differ from HEAD."""
    return [line[3:] for line in git("status", "--porcelain", "--", *part.covers).splitlines()]


def staleness(part: Part, entry: dict[str, Any] | None, now: dict[str, str], changed: list[str]) -> list[str]:
    """Why the entry of a part does not speak for the present sources, in words; empty when it does."""
    if entry is None:
        return ["was not run"]
    if entry["result"] != "passed":
        return [entry["result"]]
    found = []
    if entry["count"] < part.count:
        found.append(f"only {entry['count']} of {part.count} {part.what}")
    moved = [path for path, tree in entry["covers"].items() if now.get(path) != tree]
    new = [path for path in now if path not in entry["covers"]]
    if moved:
        found.append(f"{', '.join(moved[:5])} changed since")
    if new:
        found.append(f"{', '.join(new[:5])} was not covered")
    if entry["uncommitted"]:
        found.append(
            f"ran on sources that were changed or not committed: {', '.join(entry['uncommitted'][:5])}"
        )
    if changed:
        found.append(f"there are uncommitted changes: {', '.join(changed[:5])}")
    return found


def entries(text: str) -> dict[str, dict[str, Any]]:
    """The parts of a record by name; none of one in another format."""
    record = json.loads(text) if text.strip() else {}
    return (
        {entry["name"]: entry for entry in record.get("parts", [])} if record.get("format") == FORMAT else {}
    )


def enter(entry: dict[str, Any]) -> None:
    """Put the result of a part into the record. Two long runs may do so at once."""
    with RECORD.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = {**entries(file.read()), entry["name"]: entry}
        parts = [known[part.name] for part in PARTS if part.name in known]
        file.truncate(0)
        file.write(json.dumps({"format": FORMAT, "parts": parts}, indent=2) + "\n")


def check() -> str:
    """A line for what holds, and one for every part that has to be run again."""
    known = entries(RECORD.read_text()) if RECORD.exists() else {}
    holding, stale = [], []
    for part in PARTS:
        found = staleness(part, known.get(part.name), trees(part), uncommitted(part))
        if found:
            stale.append(f"long run: STALE: {part.name}: {'; '.join(found)}")
        else:
            holding.append(f"{known[part.name]['count']} {part.what} ({part.name})")
    lines = [f"long run: covers these sources: {', '.join(holding)}"] if holding else []
    if stale:
        stale.append("long run: `make test-long` makes them anew (ARGS='--only PART': one of them)")
    return "\n".join(lines + stale)

"""The long variants of the proofs, and a record of what they covered.

``python -m tests.support.long_run`` runs them (hours) and writes ``tests/long-run.json``: which trees of
the repository they ran on, seeds, counts, minutes and results. ``--check`` says whether that record still
fits the sources; it informs and always exits 0, as nobody can be asked to wait for hours before each commit.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests" / "long-run.json"
FORMAT = 1
#: What the record depends on: a change in one of these makes it stale.
COVERED = ("rust", "python", "tests/faults")


@dataclass(frozen=True)
class Part:
    """One long proof. `count` is how many rounds, seeds or examples; its option overrides it."""

    name: str
    count: int
    what: str
    tests: tuple[str, ...] = ()
    count_variable: str | None = None

    def command(self, count: int, seed: int) -> list[str]:
        """What is executed."""
        if not self.tests:
            # The simulator of rust/sim: so many seeds from the first on; exit status 0 = every promise held.
            words = ["cargo", "run", "--release", "--quiet", "-p", "coreos-sim", "--"]
            return [*words, "--seeds", str(count), "--first", str(seed)]
        return [sys.executable, "-m", "pytest", "--long", "-m", "long", "-q", "-ra", *self.tests]

    def environment(self, count: int, seed: int) -> dict[str, str]:
        """Variables that tell the tests how much to do."""
        extra = {"COREOS_SEED": str(seed)}
        if self.count_variable is not None:
            extra[self.count_variable] = str(count)
        return {**os.environ, **extra}

    def missing(self) -> str | None:
        """Why it cannot be run here; None when it can."""
        if self.tests:
            return None
        if shutil.which("cargo") is None:
            return "cargo is not installed"
        if not (ROOT / "rust" / "sim" / "src" / "bin" / "sim.rs").exists():
            return "rust/sim has no program yet"
        return None


PARTS = (
    Part("simulator", 10_000, "seeds"),
    Part("power-cuts", 1000, "cuts", ("tests/faults/test_power_cut.py",), "COREOS_POWER_CUTS"),
    Part("kills", 1000, "kills", ("tests/faults/test_kill.py",), "COREOS_KILLS"),
    Part("model", 5000, "examples for each server", ("tests/api/test_state_machine.py",), "COREOS_EXAMPLES"),
    Part("differential", 10_000, "examples", ("tests/api/test_differential.py",), "COREOS_EXAMPLES"),
    Part("malformed", 50_000, "examples", ("tests/api/test_malformed.py",), "COREOS_EXAMPLES"),
)


def git(*words: str) -> str:
    """Output of a git command in the repository."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def trees() -> dict[str, str]:
    """Git's tree hash of each covered folder at HEAD."""
    return {folder: git("rev-parse", f"HEAD:{folder}").strip() for folder in COVERED}


def uncommitted() -> list[str]:
    """Covered files that differ from HEAD."""
    return [line[3:] for line in git("status", "--porcelain", "--", *COVERED).splitlines()]


def staleness(record: dict[str, Any], now: dict[str, str], changed: list[str]) -> list[str]:
    """Why a record does not speak for the present sources, in words; empty when it does."""
    if record.get("format") != FORMAT:
        return ["it was written in another format"]
    found = [
        f"{folder} has changed since ({old[:10]} was tested, {now.get(folder, 'nothing')[:10]} is there)"
        for folder, old in record["covers"].items()
        if now.get(folder) != old
    ]
    found += [f"{folder} is not covered" for folder in now if folder not in record["covers"]]
    if record["uncommitted"]:
        found.append(f"it was made with uncommitted changes: {', '.join(record['uncommitted'][:5])}")
    if changed:
        found.append(f"there are uncommitted changes: {', '.join(changed[:5])}")
    recorded = {part["name"]: part for part in record["parts"]}
    for part in PARTS:
        entry = recorded.get(part.name, {"result": "was not run"})
        if entry["result"] != "passed":
            found.append(f"{part.name}: {entry['result']}")
        elif entry["count"] < part.count:
            found.append(f"{part.name}: only {entry['count']} of {part.count} {part.what}")
    return found


def check() -> str:
    """One paragraph about the record."""
    if not RECORD.exists():
        return "long run: never recorded here; `make test-long` does it"
    record = json.loads(RECORD.read_text())
    found = staleness(record, trees(), uncommitted())
    if found:
        return "long run: STALE: " + "; ".join(found) + "; `make test-long` makes it anew"
    counts = ", ".join(f"{part['count']} {part['what']}" for part in record["parts"])
    return f"long run: covers these sources ({record['date']}: {counts})"


def run_part(part: Part, count: int, seed: int) -> dict[str, Any]:
    """Run one part; its entry for the record."""
    entry: dict[str, Any] = {"name": part.name, "count": count, "what": part.what, "seed": seed}
    if reason := part.missing():
        return {**entry, "result": f"not run: {reason}", "minutes": 0.0}
    command = part.command(count, seed)
    print(f"== {part.name}: {count} {part.what}, seed {seed}\n   {' '.join(command)}", flush=True)
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=part.environment(count, seed))
    minutes = round((time.monotonic() - began) / 60, 1)
    result = "passed" if done.returncode == 0 else f"failed with exit status {done.returncode}"
    print(f"== {part.name}: {result} in {minutes} minutes", flush=True)
    return {**entry, "result": result, "minutes": minutes}


def run(only: list[str], counts: dict[str, int], seed: int) -> bool:
    """Run the parts and write the record; whether all of them passed."""
    before, changed = trees(), uncommitted()
    entries = [
        run_part(part, counts.get(part.name, part.count), seed)
        for part in PARTS
        if not only or part.name in only
    ]
    record = {
        "format": FORMAT,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}",
        "covers": before,
        "uncommitted": sorted({*changed, *uncommitted()}),
        "parts": entries,
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    return all(entry["result"] == "passed" for entry in entries)


def main(words: list[str] | None = None) -> int:
    """Entry point; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.long_run", description=__doc__)
    parser.add_argument("--check", action="store_true", help="say whether the record is stale, run nothing")
    parser.add_argument("--only", action="append", default=[], choices=[part.name for part in PARTS])
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: from the clock")
    for part in PARTS:
        parser.add_argument(
            f"--{part.name}", type=int, metavar="N", help=f"{part.what} (default {part.count})"
        )
    options = vars(parser.parse_args(words))
    if options["check"]:
        print(check())
        return 0
    given = {part.name: options[part.name.replace("-", "_")] for part in PARTS}
    counts = {name: count for name, count in given.items() if count is not None}
    return 0 if run(options["only"], counts, options["seed"]) else 1


if __name__ == "__main__":
    sys.exit(main())

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
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.support import power
from tests.support.server import debian_etcd

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests" / "long-run.json"
FORMAT = 1
#: What the record depends on: a change in one of these makes it stale.
COVERED = (
    *("rust", "python", "Cargo.toml", "Cargo.lock"),
    *("tests/conftest.py", "tests/api", "tests/faults", "tests/model", "tests/support"),
)


@dataclass(frozen=True)
class Part:
    """One long proof. `count` is how many rounds, seeds or examples; its option overrides it.

    Either tests of pytest, marked `long`, or a call of cargo, in whose words `{count}` and `{seed}` are put.
    """

    name: str
    count: int
    what: str
    tests: tuple[str, ...] = ()
    count_variable: str | None = None
    needs: Callable[[], str | None] = lambda: None
    cargo: tuple[str, ...] = ()

    def command(self, count: int, seed: int, report: Path) -> list[str]:
        """What is executed. pytest writes to `report` (JUnit's XML) what it did."""
        if self.cargo:
            # Exit status 0 = every promise held.
            return ["cargo", *(word.format(count=count, seed=seed) for word in self.cargo)]
        words = [sys.executable, "-m", "pytest", "--long", "-m", "long", "-q", "-ra"]
        # The examples of Hypothesis do not come from COREOS_SEED.
        return [*words, f"--hypothesis-seed={seed}", f"--junitxml={report}", *self.tests]

    def environment(self, count: int, seed: int) -> dict[str, str]:
        """Variables that tell the tests how much to do."""
        extra = {"COREOS_SEED": str(seed)}
        if self.count_variable is not None:
            extra[self.count_variable] = str(count)
        return {**os.environ, **extra}

    def result(self, status: int, report: Path) -> str:
        """`passed`, or what was not. pytest exits with 0 when everything was skipped: that proves nothing."""
        if status != 0:
            return f"failed with exit status {status}"
        if self.cargo:
            return "passed"
        cases = list(ElementTree.parse(report).iter("testcase"))
        reasons = [why.get("message", "no reason given") for case in cases for why in case.iter("skipped")]
        if reasons:
            return f"not run: {len(reasons)} of {len(cases)} tests skipped: {'; '.join(sorted(set(reasons)))}"
        return "passed" if cases else "not run: there was no test"


def cargo_missing() -> str | None:
    """Why the parts in Rust cannot be run here."""
    return None if shutil.which("cargo") else "cargo is not installed"


def oracle_missing() -> str | None:
    """Why ours cannot be compared here."""
    return None if debian_etcd() else "Debian's etcd-server 3.4 is not installed"


_EXAMPLES = "COREOS_EXAMPLES"
_SIMULATOR = (
    "run",
    "--release",
    "--quiet",
    "-p",
    "coreos-sim",
    "--",
    "--seeds",
    "{count}",
    "--first",
    "{seed}",
)


def fuzz(name: str, count: int, crate: str) -> Part:
    """The fuzzing of a crate."""
    words = ("test", "--release", "--quiet", "-p", crate, "--test", "fuzz")
    return Part(name, count, "inputs", cargo=words, count_variable="COREOS_FUZZ_CASES", needs=cargo_missing)


PARTS = (
    Part("simulator", 10_000, "seeds", cargo=_SIMULATOR, needs=cargo_missing),
    fuzz("fuzz-http", 2_000_000, "coreos-http"),
    fuzz("fuzz-log", 200_000, "coreos-wal"),
    Part("power-cuts", 1000, "cuts", ("tests/faults/test_power_cut.py",), "COREOS_POWER_CUTS", power.missing),
    Part("kills", 1000, "kills", ("tests/faults/test_kill.py",), "COREOS_KILLS"),
    Part("model", 5000, "examples for each server", ("tests/api/test_state_machine.py",), _EXAMPLES),
    Part("differential", 10_000, "examples", ("tests/api/test_differential.py",), _EXAMPLES, oracle_missing),
    Part("malformed", 50_000, "examples", ("tests/api/test_malformed.py",), _EXAMPLES),
)


def git(*words: str) -> str:
    """Output of a git command in the repository."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def trees() -> dict[str, str]:
    """Git's hash of each covered folder or file at HEAD."""
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
        found.append(f"sources were changed or not committed: {', '.join(record['uncommitted'][:5])}")
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
    if reason := part.needs():
        return {**entry, "result": f"not run: {reason}", "minutes": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = part.command(count, seed, report)
        print(f"== {part.name}: {count} {part.what}, seed {seed}\n   {' '.join(command)}", flush=True)
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=part.environment(count, seed))
        minutes = round((time.monotonic() - began) / 60, 1)
        result = part.result(done.returncode, report)
    print(f"== {part.name}: {result} in {minutes} minutes", flush=True)
    return {**entry, "result": result, "minutes": minutes}


def run(only: list[str], counts: dict[str, int], seed: int) -> bool:
    """Run the parts and write the record, after each one; whether all that were run have passed."""
    covers, changed = trees(), uncommitted()
    ran: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        if only and part.name not in only:
            continue
        ran[part.name] = run_part(part, counts.get(part.name, part.count), seed)
        moved = [name for name, tree in trees().items() if covers[name] != tree]
        changed = sorted({*changed, *uncommitted(), *moved})
        known = {**kept(covers, changed), **ran}
        record = {
            "format": FORMAT,
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python "
            f"{platform.python_version()}",
            "covers": covers,
            "uncommitted": changed,
            "parts": [known[part.name] for part in PARTS if part.name in known],
        }
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
    return all(entry["result"] == "passed" for entry in ran.values())


def kept(covers: dict[str, str], changed: list[str]) -> dict[str, dict[str, Any]]:
    """The parts of the present record, by name, if they were run on these very sources."""
    if changed or not RECORD.exists():
        return {}
    record = json.loads(RECORD.read_text())
    if record.get("format") != FORMAT or record["covers"] != covers or record["uncommitted"]:
        return {}
    return {part["name"]: part for part in record["parts"]}


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

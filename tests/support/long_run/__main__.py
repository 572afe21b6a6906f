"""Run the long proofs: ``python -m tests.support.long_run --help``."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.long_run import record
from tests.support.long_run.parts import PARTS, Part


def run_part(part: Part, count: int, seed: int) -> dict[str, Any]:
    """Run one part; what it did."""
    entry: dict[str, Any] = {"name": part.name, "count": count, "what": part.what, "seed": seed}
    if reason := part.needs():
        return {**entry, "result": f"not run: {reason}", "minutes": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = part.command(count, seed, report)
        print(f"== {part.name}: {count} {part.what}, seed {seed}\n   {' '.join(command)}", flush=True)
        began = time.monotonic()
        done = subprocess.run(command, cwd=record.ROOT, env=part.environment(count, seed))
        minutes = round((time.monotonic() - began) / 60, 1)
        result = part.result(done.returncode, report)
    print(f"== {part.name}: {result} in {minutes} minutes", flush=True)
    return {**entry, "result": result, "minutes": minutes}


def not_built() -> str | None:
    """Why the extension there is not that of the sources, in its release profile."""
    stamp = record.ROOT / ".venv" / ".release"
    if not stamp.exists():
        return "there is no release build"
    listed = record.git(
        "ls-files", "Cargo.toml", "Cargo.lock", "rust/*/Cargo.toml", "rust/*/src/**"
    ).splitlines()
    newer = [name for name in listed if (record.ROOT / name).stat().st_mtime > stamp.stat().st_mtime]
    return f"the release build is older than {newer[0]}" if newer else None


def extension() -> str:
    """What the daemon runs: the hash of the extension's file."""
    found = (record.ROOT / "python" / "coreos_py").glob("_core*.so")
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found))


def run(only: list[str], counts: dict[str, int], seed: int) -> bool:
    """Run the parts and enter each into the record as it ends; whether all that were run have passed."""
    parts = [part for part in PARTS if not only or part.name in only]
    # The daemon has been built from these, whatever is committed while an earlier part runs.
    began = {part.name: (record.trees(part), record.uncommitted(part)) for part in parts}
    built = extension()
    results = []
    for part in parts:
        covers, changed = began[part.name]
        entry = run_part(part, counts.get(part.name, part.count), seed)
        moved = [path for path, tree in record.trees(part).items() if covers[path] != tree]
        entry |= {
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python "
            f"{platform.python_version()}",
            "covers": covers,
            "uncommitted": sorted({*changed, *record.uncommitted(part), *moved}),
        }
        if extension() != built:
            entry["result"] = "not run: the extension was built anew meanwhile"
        record.enter(entry)
        results.append(entry["result"])
    return all(result == "passed" for result in results)


def main(words: list[str] | None = None) -> int:
    """Entry point; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.long_run", description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what of the record is stale, run nothing")
    parser.add_argument("--only", action="append", default=[], choices=[part.name for part in PARTS])
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: from the clock")
    for part in PARTS:
        parser.add_argument(
            f"--{part.name}", type=int, metavar="N", help=f"{part.what} (default {part.count})"
        )
    options = vars(parser.parse_args(words))
    if options["check"]:
        print(record.check())
        return 0
    if reason := not_built():
        print(f"long run: {reason}: `make test-long` builds it", file=sys.stderr)
        return 1
    given = {part.name: options[part.name.replace("-", "_")] for part in PARTS}
    counts = {name: count for name, count in given.items() if count is not None}
    return 0 if run(options["only"], counts, options["seed"]) else 1


if __name__ == "__main__":
    sys.exit(main())

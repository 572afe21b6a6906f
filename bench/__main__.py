"""Command line of the benchmarks; see the package's docstring."""

from __future__ import annotations

import argparse
import http.client
import resource
import subprocess
import sys

from bench.figures import Rounds, Row
from bench.generator import LOADGEN
from bench.report import Report
from bench.rows import ROWS
from bench.servers import KINDS, debian

#: What is less than this is a try, and does not take the place of the last full results.
ROUNDS = 3
SECONDS = 4.0
#: How a measurement fails when a server or the generator does; the other rows are measured all the same.
MEASURING_FAILS = (OSError, RuntimeError, subprocess.SubprocessError, http.client.HTTPException)


def main() -> int:
    """Measure the chosen rows in alternating rounds, print the table, keep it and the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="alternating rounds per row (default 3)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of one load (default 4)")
    parser.add_argument("--only", default="", help="comma list of row names")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    options = parser.parse_args()
    if options.list:
        for row in ROWS:
            print(f"{row.name:<12} {row.what}")
        return 0
    names = {name for name in options.only.split(",") if name}
    unknown = names - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))} (--list names them)")
    try:
        debian()
    except FileNotFoundError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if not LOADGEN.exists():
        print("bench: build first: make bench", file=sys.stderr)
        return 1
    raise_descriptor_limit()
    rows = [row for row in ROWS if not names or row.name in names]
    title = f"values 64 bytes and 10,000 distinct keys unless said; {options.rounds} rounds"
    print(title, flush=True)
    report = Report(vars(options), title)
    failed = False
    for row in rows:
        try:
            text = report.add(row, alternate(row, options.rounds, options.seconds))
        except MEASURING_FAILS as error:
            failed = True
            text = report.add_failure(row, str(error) or repr(error))
        print(text, flush=True)
    is_full = not names and not failed and options.rounds >= ROUNDS and options.seconds >= SECONDS
    print(f"wrote {report.finish(is_full=is_full)}")
    return 1 if failed else 0


def alternate(row: Row, count: int, seconds: float) -> Rounds:
    """The rounds of one row; who begins changes, so that a machine that slows down is fair to both."""
    rounds: Rounds = {kind: [] for kind in KINDS}
    for number in range(count):
        for kind in KINDS if number % 2 == 0 else KINDS[::-1]:
            rounds[kind].append(row.measure(kind, seconds))
    return rounds


def raise_descriptor_limit() -> None:
    """To the hard limit, for both servers and the generator: 8,000 watchers take 8,000 sockets each side."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())

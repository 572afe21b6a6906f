"""Command line of the benchmarks; see the package's docstring."""

from __future__ import annotations

import argparse
import sys

from bench.figures import Rounds
from bench.generator import LOADGEN
from bench.report import lines, save
from bench.rows import ROWS
from bench.servers import KINDS, missing_peer


def main() -> int:
    """Measure the chosen rows in alternating rounds, print the table, keep the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds per row (default 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one load (default 4)")
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
    problem = missing_peer() or (None if LOADGEN.exists() else "build first: make bench")
    if problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    rows = [row for row in ROWS if not names or row.name in names]
    results: dict[str, Rounds] = {}
    print(f"values 64 bytes and 10,000 distinct keys unless said; {options.rounds} rounds", flush=True)
    for row in rows:
        rounds: Rounds = {kind: [] for kind in KINDS}
        for number in range(options.rounds):
            order = KINDS if number % 2 == 0 else KINDS[::-1]
            for kind in order:
                rounds[kind].append(row.measure(kind, options.seconds))
        results[row.name] = rounds
        print(lines(row, rounds), flush=True)
    print(f"wrote {save(rows, results, vars(options))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The `etcdctl` command: a command line for the v2 key space.

Only this file is known from outside; the parts are in `etcdctl_`. Each command's code is imported when it is
called, so that `etcdctl get` starts in a few milliseconds.
"""

from __future__ import annotations

import sys

from coreos_py.cli.etcdctl_.run import run

_NESTING_MAX = 20_000
"""For recursive listings; the interpreter's own limit is reached at some 400 directories in one another."""


def main() -> int:
    """Run the command line of this process and give its exit status."""
    sys.setrecursionlimit(_NESTING_MAX)
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

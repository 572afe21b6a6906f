"""`etcd`: reads the command line, then is the daemon."""

import os
import sys
from collections.abc import Sequence

from coreos_py.cli.streams import complain, open_missing_descriptors, say
from coreos_py.etcd.errors import FlagError
from coreos_py.etcd.settings import Settings, Show, parse


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 after a clean end, 1 when the member cannot start, 2 for a wrong command line."""
    open_missing_descriptors()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        settings = parse(arguments, os.environ)
    except FlagError as error:
        complain(f"etcd: {error.message}\n")
        if error.exit_code == 2:
            from coreos_py.etcd.usage import USAGE

            complain(USAGE)
        return error.exit_code
    if isinstance(settings, Show):
        return _show(settings)
    return _run(settings, arguments)


def _show(what: Show) -> int:
    from coreos_py.etcd.usage import help_text, version_text

    return say(help_text() if what is Show.HELP else version_text())


def _run(settings: Settings, arguments: Sequence[str]) -> int:
    from coreos_py.etcd.daemon import run

    return run(settings, arguments, os.environ)


if __name__ == "__main__":
    raise SystemExit(main())

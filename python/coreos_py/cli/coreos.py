"""`coreos`: everything that is not a daemon's or client's own command, as subcommands."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from coreos_py import __version__
from coreos_py.cli.streams import complain, open_missing_descriptors, say


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand, loaded when it is used.

    `module` has `main(arguments) -> exit status` and `add_arguments(parser)`, which says what can be typed.
    """

    module: str
    help: str


SUBCOMMANDS = {
    "etcd": Subcommand(
        "coreos_py.cli.coreos_etcd",
        "verify or repair a member's data directory, import a running etcd's keys",
    ),
    "completion": Subcommand("coreos_py.cli.completion", "print a script that completes command lines"),
}


def help_text() -> str:
    """What can be typed."""
    width = max(map(len, SUBCOMMANDS))
    lines = (f"  {name:<{width}}  {command.help}" for name, command in SUBCOMMANDS.items())
    return "\n".join(["Usage: coreos [--version] [--help] COMMAND ...", "", "Commands:", *lines]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: that of the subcommand, 2 for a wrong command line."""
    open_missing_descriptors()
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = arguments[0] if arguments else ""
    if first in ("--version", "-V"):
        return say(f"coreos {__version__}\n")
    if first in ("--help", "-h", "help"):
        return say(help_text())
    if first in SUBCOMMANDS:
        run: Callable[[Sequence[str]], int] = import_module(SUBCOMMANDS[first].module).main
        return run(arguments[1:])
    if not first:
        complain(help_text())
    else:
        complain(f"coreos: '{first}' is not a command of coreos. See 'coreos --help'.\n")
    return 2


if __name__ == "__main__":
    raise SystemExit(main())

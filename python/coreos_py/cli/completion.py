"""`coreos completion bash|zsh`: scripts that complete the command lines of `etcd`, `etcdctl` and `coreos`.

The programs do not parse with argparse: each one's flag table is copied into a parser that only `shtab` sees.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

from coreos_py.cli.streams import say

SHELLS = ("bash", "zsh")
_FILES = ("-file", "snap", "config")
_FOLDERS = ("-dir",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed behind `coreos completion`."""
    parser.add_argument("shell", choices=SHELLS, help='as in: eval "$(coreos completion bash)"')


def main(argv: Sequence[str]) -> int:
    """0, or 2 for a wrong command line."""
    parser = argparse.ArgumentParser(
        "coreos completion", allow_abbrev=False, description=__doc__.splitlines()[0]
    )
    add_arguments(parser)
    try:
        options = parser.parse_args(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 2
    return say("\n".join(script(build(), options.shell) for build in PROGRAMS.values()))


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of one program."""
    import shtab

    text: str = shtab.complete(parser, shell=shell)
    return text if text.endswith("\n") else text + "\n"


def etcd_parser() -> argparse.ArgumentParser:
    """The daemon's flags; those that are only refused are left out."""
    from coreos_py.etcd.flags import FLAGS, Fate

    parser = _parser("etcd")
    for flag in FLAGS.values():
        if flag.fate is Fate.ACTS and not flag.hidden:
            _add_flag(parser, [flag.dashed], flag.help, is_switch=flag.kind.is_switch)
    parser.add_argument("--help", "-h", action="store_true", help="show help")
    parser.add_argument("--version", action="store_true", help="print the version")
    return parser


def etcdctl_parser() -> argparse.ArgumentParser:
    """The commands, and the global flags before and behind each."""
    from coreos_py.cli.etcdctl_.command import Command
    from coreos_py.cli.etcdctl_.flags import Flag
    from coreos_py.cli.etcdctl_.help import HELP_SUMMARY
    from coreos_py.cli.etcdctl_.table import COMMANDS, GLOBAL_FLAGS, VERSION

    def add_flags(parser: argparse.ArgumentParser, flags: Iterable[Flag]) -> None:
        for flag in flags:
            dashed = [f"{'-' if len(name) == 1 else '--'}{name}" for name in flag.names]
            choices = ("simple", "extended", "json") if flag.names[0] == "output" else ()
            _add_flag(
                parser,
                dashed,
                flag.help,
                is_switch=flag.kind == "switch",
                is_repeated=flag.kind == "texts",
                choices=choices,
            )

    def add_commands(
        parser: argparse.ArgumentParser, commands: Iterable[Command]
    ) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        subparsers = parser.add_subparsers(dest="command")
        for command in commands:
            subparser = subparsers.add_parser(
                command.name, help=_plain(command.summary), add_help=False, allow_abbrev=False
            )
            add_flags(subparser, (*GLOBAL_FLAGS, *command.flags))
            if command.subcommands:
                add_commands(subparser, command.subcommands)
            elif command.arguments:
                words = subparser.add_argument("words", nargs="*", help=_plain(command.arguments))
                _complete_path(words, "")
        return subparsers

    parser = _parser("etcdctl")
    add_flags(parser, (*GLOBAL_FLAGS, VERSION))
    subparsers = add_commands(parser, COMMANDS)
    helper = subparsers.add_parser("help", help=HELP_SUMMARY, add_help=False, allow_abbrev=False)
    helper.add_argument("topic", nargs="?", choices=[command.name for command in COMMANDS])
    return parser


def coreos_parser() -> argparse.ArgumentParser:
    """The subcommands, each of which brings its own arguments."""
    from coreos_py.cli.coreos import SUBCOMMANDS

    parser = _parser("coreos")
    parser.add_argument("--help", "-h", action="store_true", help="show help")
    parser.add_argument("--version", "-V", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(dest="command")
    for name, command in SUBCOMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.help, allow_abbrev=False)
        import_module(command.module).add_arguments(subparser)
        _complete_paths(subparser)
    return parser


PROGRAMS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "etcd": etcd_parser,
    "etcdctl": etcdctl_parser,
    "coreos": coreos_parser,
}


def _parser(name: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(name, add_help=False, allow_abbrev=False)


def _add_flag(
    parser: argparse.ArgumentParser,
    dashed: Sequence[str],
    text: str,
    *,
    is_switch: bool,
    is_repeated: bool = False,
    choices: Sequence[str] = (),
) -> None:
    if is_switch:
        parser.add_argument(*dashed, action="store_true", help=_plain(text))
        return
    # Of a flag that is not to be repeated zsh offers nothing when it has been typed.
    kind = "append" if is_repeated else "store"
    action = parser.add_argument(*dashed, action=kind, choices=choices or None, help=_plain(text))
    _complete_path(action, dashed[0].lstrip("-"))


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    """Let words that are paths be completed as such, in a parser and its subparsers."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                _complete_paths(subparser)
        else:
            _complete_path(action, action.dest.replace("_", "-"))


def _complete_path(action: argparse.Action, name: str) -> None:
    import shtab

    if name.endswith(_FOLDERS):
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    elif name.endswith(_FILES):
        action.complete = shtab.FILE  # type: ignore[attr-defined]
    elif not action.option_strings and not action.choices:
        # A word that can be completed, if to nothing: in place of any other zsh offers no flags.
        action.complete = {"zsh": "( )"}  # type: ignore[attr-defined]


def _plain(text: str) -> str:
    """Help text without what argparse would replace."""
    return text.replace("%", "%%")

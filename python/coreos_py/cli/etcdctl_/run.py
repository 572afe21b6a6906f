"""From a command line to an exit status."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from types import ModuleType

from coreos_py.cli.etcdctl_ import exits
from coreos_py.cli.etcdctl_.command import Command
from coreos_py.cli.etcdctl_.exits import CommandError, describe, error_line
from coreos_py.cli.etcdctl_.flags import Flag, FlagError, UnknownFlagError, Values, parse
from coreos_py.cli.etcdctl_.output import write_error, write_out
from coreos_py.cli.etcdctl_.table import GLOBAL_FLAGS, VERSION, find
from coreos_py.cli.streams import READER_GONE, open_missing_descriptors
from coreos_py.client.errors import EtcdError

ETCD_VERSION = "2.3.8"
"""The release whose command line this one follows; scripts compare this number."""
_HELP_WORDS = ("help", "h")


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line. Never raises, except what ends the process."""
    open_missing_descriptors()
    try:
        return _run(arguments)
    except CommandError as error:
        write_error(error.text)
        return error.exit_status
    except EtcdError as error:
        text, exit_status = describe(error)
        write_error(text)
        return exit_status
    except BrokenPipeError:
        return READER_GONE
    except OSError as error:
        write_error(error_line(f"write standard output: {(error.strerror or str(error)).lower()}"))
        return exits.BAD_ARGUMENTS
    except KeyboardInterrupt:
        return exits.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    api = os.environ.get("ETCDCTL_API", "")
    if api not in ("", "2"):
        raise CommandError(
            error_line(f"ETCDCTL_API={api}: only the v2 API is spoken here; set ETCDCTL_API=2")
        )
    values = Values()
    try:
        words = parse(arguments, (*GLOBAL_FLAGS, VERSION), values, positionals_max=0)
    except FlagError as error:
        raise _usage_error(error, None) from error
    if values.switch("version"):
        return _print_version()
    if not words or (values.switch("help") and find(words[0]) is None):
        return _print_help([])
    if words[0] in _HELP_WORDS:
        return _print_help(words[1:])
    command = find(words[0])
    if command is None:
        raise CommandError(_unknown(words[0]))
    parent, words = "", words[1:]
    if command.subcommands:
        words = _parse(words, GLOBAL_FLAGS, values, command, positionals_max=0)
        if words and words[0] in _HELP_WORDS:
            return _print_help([command.name, *words[1:]])
        if words:
            subcommand = command.find(words[0])
            if subcommand is None:
                raise CommandError(_unknown(words[0], command.name))
            parent, command, words = command.name, subcommand, words[1:]
    flags = (*GLOBAL_FLAGS, *command.flags)
    rest = _parse(words, flags, values, command, parent, positionals_max=command.positionals_max)
    if values.switch("help"):
        write_out(_command_help(command, parent))
        return exits.OK
    if command.subcommands:
        raise CommandError(_command_help(command, parent))
    if len(rest) > 1 and not parent and (line := _v3().range_line(command.name)):
        raise CommandError(line)
    return _execute(command, values, rest)


def _parse(
    words: Sequence[str],
    flags: Sequence[Flag],
    values: Values,
    command: Command,
    parent: str = "",
    *,
    positionals_max: int | None,
) -> list[str]:
    try:
        return parse(words, flags, values, positionals_max=positionals_max)
    except FlagError as error:
        raise _usage_error(error, command, parent) from error


def _execute(command: Command, values: Values, words: Sequence[str]) -> int:
    session_module = importlib.import_module("coreos_py.cli.etcdctl_.session")
    module = importlib.import_module(f"coreos_py.cli.etcdctl_.{command.module}")
    session = session_module.Session(values, asks_for_password=not command.is_local)
    try:
        status: int | None = module.run(command.name, session, values, words)
    finally:
        session.close()
    return status or exits.OK


def _print_help(words: Sequence[str]) -> int:
    """The help of the command that `words` name (`member add`), or of the program."""
    help_module = importlib.import_module("coreos_py.cli.etcdctl_.help")
    if not words or words[0] in _HELP_WORDS:
        write_out(help_module.program_help())
        return exits.OK
    command = find(words[0])
    if command is None:
        raise CommandError(_unknown(words[0]))
    parent = ""
    if command.subcommands and len(words) > 1:
        parent, subcommand = command.name, command.find(words[1])
        if subcommand is None:
            raise CommandError(_unknown(words[1], parent))
        command = subcommand
    write_out(help_module.command_help(command, parent))
    return exits.OK


def _print_version() -> int:
    from coreos_py import __version__

    write_out(f"etcdctl version {ETCD_VERSION}\ncoreos_py version {__version__}\n")
    return exits.OK


def _usage_error(error: FlagError, command: Command | None, parent: str = "") -> CommandError:
    if isinstance(error, UnknownFlagError):
        name = f"{parent} {command.name}".lstrip() if command else ""
        if line := _v3().flag_line(name, error.name):
            return CommandError(line)
    if command is None:
        # All of the program's help would push the reason off the screen.
        return CommandError(f"Incorrect Usage: {error}\n\nSee 'etcdctl --help'.\n")
    return CommandError(f"Incorrect Usage: {error}\n\n{_command_help(command, parent)}")


def _command_help(command: Command, parent: str) -> str:
    help_module = importlib.import_module("coreos_py.cli.etcdctl_.help")
    text: str = help_module.command_help(command, parent)
    return text


def _unknown(name: str, parent: str = "") -> str:
    return _v3().command_line(f"{parent} {name}".lstrip()) or f"No help topic for '{name}'\n"


def _v3() -> ModuleType:
    return importlib.import_module("coreos_py.cli.etcdctl_.v3")

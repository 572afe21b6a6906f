"""Help texts, made from the table."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.command import Command
from coreos_py.cli.etcdctl_.flags import Flag
from coreos_py.cli.etcdctl_.table import COMMANDS, GLOBAL_FLAGS, VERSION

HELP_SUMMARY = "Shows a list of commands or help for one command"


def program_help() -> str:
    """All commands and all global flags."""
    commands = [(command.name, command.summary) for command in COMMANDS]
    commands.append(("help, h", HELP_SUMMARY))
    return (
        "NAME:\n   etcdctl - A simple command line client for etcd.\n\n"
        "USAGE:\n   etcdctl [global options] command [command options] [arguments...]\n\n"
        f"COMMANDS:\n{_columns(commands)}\n"
        f"GLOBAL OPTIONS:\n{_options((*GLOBAL_FLAGS, VERSION))}\n"
        "ENVIRONMENT:\n   COREOS_COMPAT=2014  print results as the etcdctl of 2014 (0.4) did\n"
    )


def command_help(command: Command, parent: str = "") -> str:
    """One command; `parent` is the command that it is a subcommand of."""
    name = f"{parent} {command.name}".lstrip()
    words = ["etcdctl", name, "[command options]" if command.flags else "", command.arguments]
    if command.subcommands:
        words.append("command [command options] [arguments...]")
    parts = [
        f"NAME:\n   etcdctl {name} - {command.summary}\n",
        f"USAGE:\n   {' '.join(word for word in words if word)}\n",
    ]
    if command.subcommands:
        rows = [(subcommand.name, subcommand.summary) for subcommand in command.subcommands]
        parts.append(f"COMMANDS:\n{_columns(rows)}")
    if command.description:
        lines = command.description.splitlines()
        parts.append("DESCRIPTION:\n" + "".join(f"   {line}".rstrip() + "\n" for line in lines))
    if command.flags:
        parts.append(f"OPTIONS:\n{_options(command.flags)}")
    return "\n".join(parts)


def _options(flags: Sequence[Flag]) -> str:
    return _columns([(_option_names(flag), _option_text(flag)) for flag in flags])


def _option_names(flag: Flag) -> str:
    value = "" if flag.kind == "switch" else " value"
    return ", ".join(f"{'-' if len(name) == 1 else '--'}{name}{value}" for name in flag.names)


def _option_text(flag: Flag) -> str:
    text = flag.help
    if flag.default:
        text += f" (default: {flag.default})"
    if flag.environment:
        text += f" [${flag.environment}]"
    return text


def _columns(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in rows)
    return "".join(f"   {left:<{width}}  {right}\n" for left, right in rows)

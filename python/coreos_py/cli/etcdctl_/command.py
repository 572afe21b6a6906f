"""What one command of `etcdctl` is, as data."""

from __future__ import annotations

from typing import NamedTuple

from coreos_py.cli.etcdctl_.flags import Flag


class Command(NamedTuple):
    """One command. `module` (in this package) has a function `run(name, session, values, words)`.

    A command with `subcommands` does nothing by itself and has no module. `is_local` tells that it talks to
    no server. `positionals_max`: see `flags.parse`.
    """

    name: str
    arguments: str
    summary: str
    module: str = ""
    flags: tuple[Flag, ...] = ()
    description: str = ""
    positionals_max: int | None = None
    subcommands: tuple[Command, ...] = ()
    is_local: bool = False

    def find(self, name: str) -> Command | None:
        """The subcommand of that name."""
        return next((command for command in self.subcommands if command.name == name), None)

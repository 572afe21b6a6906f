"""The steps that a watch consists of, and the words in which it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, TypeVar

from coreos_py.client import keys
from coreos_py.client._text import as_shown, clean_key
from coreos_py.client.requests import Request

Item = TypeVar("Item")


class Open(NamedTuple):
    """Send this watch; answer with its `Head`. Raise into the generator what went wrong."""

    request: Request


class More(NamedTuple):
    """Read on in the watch that is open; answer with a line, or with None when it has ended in any way."""


class Fetch(NamedTuple):
    """Carry out this request; answer with the `Reply`. Raise into the generator what went wrong."""

    request: Request


class Pause(NamedTuple):
    """Wait so long; answer with None."""

    seconds: float


class Told(NamedTuple, Generic[Item]):
    """Give this to the caller; answer with None."""

    item: Item


class Snapshot(NamedTuple):
    """The state of a watched key at `etcd_index`, with all that is below it; None where there is nothing.

    Every event with a higher index follows.
    """

    node: keys.Node | None
    etcd_index: int

    def files(self) -> dict[str, keys.Node]:
        """All files of it by their keys."""
        if self.node is None:
            return {}
        return {node.key: node for node in (self.node, *self.node.walk()) if not node.is_dir}


class Target(NamedTuple):
    """What is watched, and how."""

    key: str
    recursive: bool
    stream: bool

    def concerns(self, event: keys.Event) -> bool:
        """Whether a live watch would have been told.

        Looking into the past, etcd's server also finds hidden keys and, for the end of `/foo`, a watch on
        `/foobar`.
        """
        key, own = event.node.key, as_shown(self.key)
        below = own.rstrip("/") + "/"
        if key == own:
            return True
        if key.startswith(below):
            return self.recursive and "/_" not in key[len(below) - 1 :]
        return own.startswith(key.rstrip("/") + "/")


class Setting(NamedTuple):
    """Where from, with what clock (seconds), and how long to go on when nobody answers."""

    clock: Callable[[], float]
    outage_s: float | None


Step = Open | More | Fetch | Pause | Told[Item]
Steps = Generator[Step[Item], Any, None]


def target_of(key: str, *, recursive: bool, stream: bool) -> Target:
    """The target that a caller's words mean."""
    return Target(clean_key(key), recursive, stream)

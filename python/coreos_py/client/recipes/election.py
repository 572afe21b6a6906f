"""Leader election: one leader at a time, whom everybody can see.

To lead is to hold a lock whose value names the leader, so the promises are those of `recipes.lock`: one
leader at a time, a body that is cancelled when the leadership is lost (`LeadershipLostError`), a `fence` that
grows with each leader. Observers are told each change in order; one that was away is told the present leader,
not those in between. An observer that is told nothing reads the key every ten seconds, as a watch on a server
that hangs would say nothing. It is behind the truth by the time that a message takes: what a leader writes
has to be fenced.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import trio

from coreos_py.client.errors import (
    AttemptError,
    KeyNotFoundError,
    LeadershipLostError,
    NotADirError,
    ServerError,
    UnavailableError,
)
from coreos_py.client.keys import Node, Result
from coreos_py.client.mirror import REMOVALS
from coreos_py.client.recipes.lock import Held, hold, unsigned
from coreos_py.client.steps import Snapshot

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client


LOOK_S = 10.0
"""How long an observer is told nothing before it reads the key itself."""
GRACE_S = 1.0
"""How long a watch has to tell what such a read has found."""


class Leader(NamedTuple):
    """Who leads. `fence` is higher for each next leader."""

    value: str
    fence: int


class Term(Held):
    """What the leader knows. `check`, `is_held` and `fence` are those of a lock."""

    async def resign(self) -> None:
        """Stop leading before the end of the body."""
        await self.release()


@asynccontextmanager
async def campaign(
    etcd: Client, key: str, value: str, *, ttl_s: int = 10, wait_s: float | None = None
) -> AsyncIterator[Term]:
    """Wait to be elected, and lead while the body runs. `value` is what observers are told."""
    async with hold(etcd, key, value, ttl_s, wait_s, Term, LeadershipLostError) as term:
        yield term


class Observation:
    """The leaders as an async iterator, the present one first; None while there is none."""

    def __init__(self, etcd: Client, key: str) -> None:
        self._etcd = etcd
        self._key = key
        self._watch = etcd.follow(key, recursive=False)
        self._has_told = False
        self._last: Leader | None = None
        # When the key is read though nothing was told, and when anybody answered last.
        self._look_at = math.inf
        self._heard = -math.inf

    async def __aenter__(self) -> Observation:
        await self._watch.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.close()

    def __aiter__(self) -> Observation:
        return self

    async def __anext__(self) -> Leader | None:
        while True:
            found = _leader(await self._item())
            if found != self._last or not self._has_told:
                self._last, self._has_told = found, True
                return found

    async def _item(self) -> Snapshot | Result:
        """What the watch tells next; a new watch when it has missed something, as on a server that hangs."""
        while True:
            # The first item is a read, which has limits of its own.
            with trio.CancelScope(deadline=self._look_at):
                item = await anext(self._watch)
                self._is_heard()
                return item
            if not await self._is_behind():
                continue
            # It may be just about to tell.
            with trio.move_on_after(GRACE_S):
                return await anext(self._watch)
            self._watch.close()
            self._watch = self._etcd.follow(self._key, recursive=False)
            self._look_at = math.inf

    async def _is_behind(self) -> bool:
        """Whether the leader is another one than was told."""
        try:
            now = _leader(await self._etcd.get(self._key, quorum=True))
        except (UnavailableError, AttemptError, ServerError) as failed:
            if not isinstance(failed, (KeyNotFoundError, NotADirError)):
                if not self._etcd.bears(failed, self._heard):
                    raise
                self._look_at = trio.current_time() + LOOK_S
                return False
            now = None
        self._is_heard()
        return now != self._last

    def _is_heard(self) -> None:
        self._heard = trio.current_time()
        self._look_at = self._heard + LOOK_S


def _leader(item: Snapshot | Result) -> Leader | None:
    node: Node | None = item.node
    if node is None or node.is_dir or (isinstance(item, Result) and item.action in REMOVALS):
        return None
    return Leader(unsigned(node.value), node.created_index)

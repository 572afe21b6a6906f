"""Leader election: one leader at a time, whom everybody can see.

To lead is to hold a lock whose value names the leader, so the promises are those of `recipes.lock`: one
leader at a time, a body that is cancelled when the leadership is lost (`LeadershipLostError`), a `fence` that
grows with each leader. Observers are told each change in order; one that was away is told the present leader,
not those in between. An observer is behind the truth by the time that a message takes: what a leader writes
has to be fenced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from coreos_py.client.errors import LeadershipLostError
from coreos_py.client.keys import Node, Result
from coreos_py.client.mirror import REMOVALS
from coreos_py.client.recipes.lock import Held, hold, unsigned
from coreos_py.client.steps import Snapshot
from coreos_py.client.trio_watch import Watch

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client


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

    def __init__(self, watch: Watch[Snapshot | Result]) -> None:
        self._watch = watch
        self._has_told = False
        self._last: Leader | None = None

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
            item = await anext(self._watch)
            found = _leader(item)
            if found != self._last or not self._has_told:
                self._last, self._has_told = found, True
                return found


def _leader(item: Snapshot | Result) -> Leader | None:
    node: Node | None = item.node
    if node is None or node.is_dir or (isinstance(item, Result) and item.action in REMOVALS):
        return None
    return Leader(unsigned(node.value), node.created_index)

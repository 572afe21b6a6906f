"""One key that belongs to us as long as we refresh it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from coreos_py.client import key_operations
from coreos_py.client.errors import (
    CompareFailedError,
    ConfigurationError,
    EtcdError,
    InvalidReplyError,
    KeyNotFoundError,
    OutcomeUnknownError,
)
from coreos_py.client.keys import Node, Result

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client

PAUSE_S = 0.1
"""Between two tries of what has failed for the moment."""
RELEASE_S = 5.0
"""How long a key is tried to be removed at the end; after that its time limit does it."""
DOUBT_S = 1.0
"""How long a key is looked for that may be created yet; after that its time limit removes it."""


class KeptKey:
    """A key that is ours while it has our value.

    `until` is when it may be gone, on Trio's clock; `lost` says why it is not ours any more, empty while it
    is. It has more than one value after a write whose outcome is not known: each of them is ours.
    """

    def __init__(self, etcd: Client, key: str, value: str, ttl_s: int) -> None:
        if ttl_s < 1:
            raise ConfigurationError("ttl_s must be at least 1")
        self.key = key
        self.ttl_s = ttl_s
        self.until = 0.0
        self.lost = ""
        self.is_removed = False
        self._etcd = etcd
        self._values = [value]
        # Which node it is, and its last state that we made: somebody else's may have the same value.
        self._created_index = 0
        self._modified_index = 0
        # Whether a write of ours was not answered: then a node that is not known may be ours as well.
        self._is_in_doubt = True
        # Counts the writes that were begun or ended, for a refresh at the same time.
        self._writes = 0

    @property
    def value(self) -> str:
        """What was written last, or may have been."""
        return self._values[-1]

    def begin(self, sent: float, node: Node) -> None:
        """It was written by a request that was sent then, and answered with this node."""
        self._created_index, self._modified_index = node.created_index, node.modified_index
        self._is_in_doubt = False
        self._prolong(sent)

    def _prolong(self, sent: float) -> None:
        self.until = max(self.until, sent + self.ttl_s)

    @property
    def is_ours(self) -> bool:
        """Whether nobody else can have it now."""
        return not (self.lost or self.is_removed) and trio.current_time() < self.until

    def _is_over(self) -> bool:
        return bool(self.lost) or self.is_removed

    async def rewrite(self, value: str) -> Result:
        """Give it another value. It stays kept, whatever comes of it: with the one, the other, or either."""
        before = self._values
        self._values = [*(one for one in before if one != value), value]
        self._writes += 1
        sent = trio.current_time()
        was_in_doubt, self._is_in_doubt = self._is_in_doubt, True
        try:
            result = await self._etcd.set(self.key, value, ttl_s=self.ttl_s)
        except EtcdError as failed:
            if not is_doubt(failed):
                self._values, self._is_in_doubt = before, was_in_doubt
            raise
        finally:
            self._writes += 1
        self._values = [value]
        self.begin(sent, result.node)
        return result

    async def keep(self) -> None:
        """Refresh it again and again; returns when it is lost or removed."""
        while not self._is_over():
            until = self.until
            with trio.CancelScope(deadline=until):
                await trio.sleep_until(until - self.ttl_s * 2 / 3)
                await self.refresh()
            # A write may have prolonged it meanwhile.
            if trio.current_time() >= self.until and not self._is_over():
                self.lost = f"{self.key} could not be refreshed within its {self.ttl_s} s"

    async def guard(self, body: trio.CancelScope) -> None:
        """Keep it, and cancel the body when it is lost."""
        await self.keep()
        if self.lost:
            body.cancel()

    async def refresh(self) -> None:
        """Refresh it once, trying until it is done or known to be lost."""
        while not self._is_over():
            writes = self._writes
            try:
                await self._refresh_as_it_is()
                return
            except (KeyNotFoundError, CompareFailedError) as gone:
                # Not when it is us who removed or wrote it meanwhile.
                if writes == self._writes and not self.is_removed:
                    self.lost = str(gone)
            except EtcdError:
                # It is ours for some time yet; `keep` ends this when that is over.
                await trio.sleep(PAUSE_S)

    async def _refresh_as_it_is(self) -> None:
        """Refresh it with the value that it has. Raises what the server says when it has none of ours."""
        # The last one comes last: a write that has not been carried out yet can only lead there.
        for value in (values := self._values):
            sent = trio.current_time()
            # A comparison with what it leaves as it is can be repeated, whatever became of the first. Nobody
            # who is asked may use up the time in which another one would have answered.
            operation = key_operations.refresh(self.key, ttl_s=self.ttl_s, prev_value=value)
            try:
                node = (await self._etcd.run_hurried(operation, self.ttl_s / 3)).node
            except CompareFailedError:
                if value == values[-1]:
                    raise
                continue
            self._prolong(sent)
            if self._is_in_doubt or node.created_index == self._created_index:
                self._created_index = node.created_index
                self._modified_index = max(self._modified_index, node.modified_index)
            return

    async def remove(self, *, may_come_yet: bool = False) -> bool:
        """Remove it if it is still ours: False when it was gone before.

        Not interrupted by cancellation, but short. If no server answers, its time limit removes it. One that
        `may_come_yet` is looked for again and again, for a moment.
        """
        with trio.CancelScope(deadline=trio.current_time() + min(RELEASE_S, self.ttl_s), shield=True):
            return await self.remove_at_once(may_come_yet=may_come_yet)
        return True

    async def remove_at_once(self, *, may_come_yet: bool = False) -> bool:
        """The same, as long as the caller's scope lets it."""
        self.is_removed = True
        look_until = trio.current_time() + DOUBT_S if may_come_yet else 0.0
        was_sent = False
        while True:
            try:
                if self._modified_index or await self._find():
                    await self._etcd.compare_and_delete(self.key, prev_index=self._modified_index)
                    return True
                if was_sent or trio.current_time() >= look_until:
                    return was_sent
                await trio.sleep(PAUSE_S)
            except KeyNotFoundError:
                if trio.current_time() >= look_until:
                    return was_sent
                self._modified_index = 0
                await trio.sleep(PAUSE_S)
            except CompareFailedError:
                # Somebody else wrote it, or we did and were not told.
                self._modified_index = 0
            except EtcdError as failed:
                was_sent = was_sent or is_doubt(failed)
                await trio.sleep(PAUSE_S)

    async def _find(self) -> bool:
        """Look for the present state of our own node: False when somebody else's is there."""
        node = (await self._etcd.get(self.key, quorum=True)).node
        if node.value not in self._values:
            return False
        if not self._is_in_doubt and node.created_index != self._created_index:
            return False
        self._modified_index = node.modified_index
        return True


def is_doubt(error: EtcdError) -> bool:
    """Whether a write that failed with this may have been carried out, or be carried out yet."""
    return isinstance(error, (OutcomeUnknownError, InvalidReplyError))


@asynccontextmanager
async def beside(task: Callable[[trio.CancelScope], Awaitable[object]]) -> AsyncIterator[trio.Nursery]:
    """Run a task beside the body, whose end cancels it; it is given the scope of both.

    An error of the body alone comes out as it is, not in a group.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task, nursery.cancel_scope)
            yield nursery
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        others = group.split(trio.Cancelled)[1]
        if others is None or len(others.exceptions) != 1:
            raise
        error = others.exceptions[0]
        cause, context, is_quiet = error.__cause__, error.__context__, error.__suppress_context__
        try:
            raise error
        finally:
            # As it was in the body: raising it here has put the group in the place of what led to it.
            error.__cause__, error.__context__, error.__suppress_context__ = cause, context, is_quiet

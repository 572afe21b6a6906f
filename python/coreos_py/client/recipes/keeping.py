"""One key that belongs to us as long as we refresh it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from coreos_py.client.errors import (
    CompareFailedError,
    ConfigurationError,
    EtcdError,
    KeyNotFoundError,
    OutcomeUnknownError,
)

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client

PAUSE_S = 0.1
"""Between two tries of what has failed for the moment."""
RELEASE_S = 5.0
"""How long a key is tried to be removed at the end; after that its time limit does it."""


class KeptKey:
    """A key that is ours while it has our value.

    `until` is when it may be gone, on Trio's clock; `lost` says why it is not ours any more, empty while it
    is.
    """

    def __init__(self, etcd: Client, key: str, value: str, ttl_s: int) -> None:
        if ttl_s < 1:
            raise ConfigurationError("ttl_s must be at least 1")
        self.key = key
        self.value = value
        self.ttl_s = ttl_s
        self.until = 0.0
        self.lost = ""
        self._etcd = etcd
        self.is_removed = False

    def begin(self, sent: float) -> None:
        """It was written by a request that was sent then."""
        self.until = sent + self.ttl_s

    @property
    def is_ours(self) -> bool:
        """Whether nobody else can have it now."""
        return not (self.lost or self.is_removed) and trio.current_time() < self.until

    async def keep(self) -> None:
        """Refresh it again and again; returns when it is lost or removed."""
        while not (self.lost or self.is_removed):
            with trio.CancelScope(deadline=self.until) as scope:
                await trio.sleep_until(self.until - self.ttl_s * 2 / 3)
                await self.refresh()
            if scope.cancelled_caught and not self.is_removed:
                self.lost = f"{self.key} could not be refreshed within its {self.ttl_s} s"

    async def guard(self, body: trio.CancelScope) -> None:
        """Keep it, and cancel the body when it is lost."""
        await self.keep()
        if self.lost:
            body.cancel()

    async def refresh(self) -> None:
        """Refresh it once, trying until it is done or known to be lost."""
        while not (self.lost or self.is_removed):
            sent = trio.current_time()
            try:
                # A comparison with what it leaves as it is can be repeated, whatever became of the first.
                await self._etcd.refresh(self.key, ttl_s=self.ttl_s, prev_value=self.value)
            except (KeyNotFoundError, CompareFailedError) as gone:
                # Not when it is us who removed it meanwhile.
                if not self.is_removed:
                    self.lost = str(gone)
            except EtcdError:
                # It is ours for some time yet; `keep` ends this when that is over.
                await trio.sleep(PAUSE_S)
            else:
                self.begin(sent)
                return

    async def remove(self) -> bool:
        """Remove it if it is still ours: False when it was gone before.

        Not interrupted by cancellation, but short. If no server answers, its time limit removes it.
        """
        self.is_removed = True
        is_in_doubt = False
        with trio.CancelScope(deadline=trio.current_time() + min(RELEASE_S, self.ttl_s), shield=True):
            while True:
                try:
                    await self._etcd.compare_and_delete(self.key, prev_value=self.value)
                    return True
                except (KeyNotFoundError, CompareFailedError):
                    return is_in_doubt
                except EtcdError as failed:
                    is_in_doubt = is_in_doubt or isinstance(failed, OutcomeUnknownError)
                    await trio.sleep(PAUSE_S)
        return True


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
        if others is not None and len(others.exceptions) == 1:
            raise others.exceptions[0] from None
        raise

"""A lock: one holder at a time over all clients of the cluster.

The lock is a file that only its holder can have made: creating it fails while it exists, and its value ends
in a token of the holder's own. Waiters watch it and try again when it goes; who of them comes first is not
decided by how long they have waited.

What is promised: while the body of the `async with` runs, no other body for the same key runs, as long as

- nobody but its holder removes or writes the key (such a thing is noticed at the next refresh);
- no process stands still for longer than `ttl_s` (see the package for what then helps);
- members' clocks agree, where the server measures time limits with them, as etcd's own does.

When the lock is lost (no member took a refresh for `ttl_s`, or somebody did remove it) the body is cancelled
and `LockLostError` raised, even if the body had just come to its end. A create whose answer was lost is
looked for by its token, and taken if it is there. What dies holding the lock holds it for `ttl_s` at most.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import trio

from coreos_py.client.errors import (
    AttemptError,
    EtcdError,
    EventsLostError,
    KeyExistsError,
    KeyNotFoundError,
    LeaseLostError,
    LockLostError,
    NotAFileError,
    ServerError,
    TakenError,
    UnavailableError,
)
from coreos_py.client.keys import Result
from coreos_py.client.recipes.keeping import PAUSE_S, KeptKey, beside, is_doubt

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client


class Held:
    """What the holder knows. `fence` is the key's `created_index`: each next holder has a higher one."""

    def __init__(self, kept: KeptKey, fence: int, lost_type: type[LeaseLostError]) -> None:
        self.fence = fence
        self._kept = kept
        self._lost_type = lost_type

    @property
    def key(self) -> str:
        """The lock's key."""
        return self._kept.key

    @property
    def is_held(self) -> bool:
        """Whether nobody else can hold it now; needs no server."""
        return self._kept.is_ours

    def check(self) -> None:
        """Raise the error of a loss now, in code that has not awaited anything for long."""
        if not self.is_held:
            raise self._lost_type(self._kept.lost or f"{self.key} is not held any more")

    async def release(self) -> None:
        """Let it go before the end of the body."""
        # If it was gone before, somebody else may have had it while we believed to.
        if not self._kept.is_removed and not await self._kept.remove():
            raise self._lost_type(f"{self.key} was gone before it was released")


HeldT = TypeVar("HeldT", bound=Held)


@asynccontextmanager
async def lock(
    etcd: Client, key: str, *, ttl_s: int = 10, value: str = "", wait_s: float | None = None
) -> AsyncIterator[Held]:
    """Wait for the lock and hold it while the body runs. `value` says to people who holds it.

    `wait_s` bounds the time that somebody else may go on holding it: `TakenError` after that.
    """
    async with hold(etcd, key, value, ttl_s, wait_s, Held, LockLostError) as held:
        yield held


@asynccontextmanager
async def hold(
    etcd: Client,
    key: str,
    value: str,
    ttl_s: int,
    wait_s: float | None,
    kind: Callable[[KeptKey, int, type[LeaseLostError]], HeldT],
    lost_type: type[LeaseLostError],
) -> AsyncIterator[HeldT]:
    """Own a key: what locks and elections have in common."""
    kept = KeptKey(etcd, key, signed(value), ttl_s)
    held = kind(kept, await _acquire(etcd, kept, wait_s), lost_type)
    try:
        async with beside(kept.guard):
            yield held
    except BaseException:
        if not (kept.lost or kept.is_removed):
            await kept.remove()
        raise
    if kept.lost:
        raise lost_type(kept.lost)
    await held.release()


async def _acquire(etcd: Client, kept: KeptKey, wait_s: float | None) -> int:
    """Wait until the key is ours, and give its fence.

    When that fails, a create of ours whose outcome is not known is looked for, for a moment, and removed. One
    that is carried out later than that goes by its time limit.
    """
    end = math.inf if wait_s is None else trio.current_time() + wait_s
    is_in_doubt = False
    try:
        while True:
            sent = trio.current_time()
            before, is_in_doubt = is_in_doubt, True
            doubt: EtcdError | None = None
            try:
                created = await etcd.create(kept.key, kept.value, ttl_s=kept.ttl_s)
            except EtcdError as failed:
                if is_doubt(failed):
                    # It may be there, or come yet: looked for below, by its value.
                    doubt = failed
                    await trio.sleep(PAUSE_S)
                else:
                    is_in_doubt = before
                    if not isinstance(failed, KeyExistsError):
                        raise
            else:
                kept.begin(sent, created.node)
                return created.node.created_index
            try:
                found = await etcd.get(kept.key, quorum=True)
            except KeyNotFoundError:
                if doubt is not None and trio.current_time() >= end:
                    raise doubt from None
                continue
            if found.node.is_dir:
                # Nobody holds it, so nobody will let it go.
                raise NotAFileError(403, 102, "Not a file", kept.key, found.etcd_index)
            if found.value == kept.value:
                if await _adopt(kept):
                    return found.node.created_index
            elif not await _has_changed(etcd, kept, found, end):
                raise TakenError(f"{kept.key} is held by {unsigned(found.value) or 'somebody else'}")
    except BaseException:
        if is_in_doubt:
            await kept.remove(may_come_yet=True)
        raise


async def _adopt(kept: KeptKey) -> bool:
    """Take over a key of our own whose making was never confirmed: a refresh says that it is still there."""
    with trio.CancelScope(deadline=trio.current_time() + kept.ttl_s):
        await kept.refresh()
        if not kept.lost:
            return True
    kept.lost = ""
    return False


async def _has_changed(etcd: Client, kept: KeptKey, found: Result, end: float) -> bool:
    """Wait until the key is another one than `found`, or gone: False when the time is over.

    A watch says so. One on a server that hangs would say nothing for ever, so the key is read as well.
    """
    watch = etcd.watch(kept.key, wait_index=found.etcd_index + 1)
    heard = trio.current_time()
    try:
        while trio.current_time() < end:
            with trio.CancelScope(deadline=min(end, trio.current_time() + kept.ttl_s)):
                await anext(watch)
                return True
            with trio.CancelScope(deadline=end):
                try:
                    now = await etcd.get(kept.key, quorum=True)
                except (UnavailableError, AttemptError, ServerError) as failed:
                    if isinstance(failed, KeyNotFoundError):
                        return True
                    if not etcd.bears(failed, heard):
                        raise
                else:
                    heard = trio.current_time()
                    if now.node.created_index != found.node.created_index:
                        return True
    except EventsLostError:
        # Whatever it was, it is time to look.
        return True
    finally:
        watch.close()
    return False


def signed(value: str) -> str:
    """A value that nobody else writes."""
    return f"{value} {os.urandom(16).hex()}"


def unsigned(value: str) -> str:
    """What `signed` was given."""
    return value.rpartition(" ")[0]

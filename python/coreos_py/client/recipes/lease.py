"""A lease: keys that exist while their owner runs, such as the address of a service.

What is promised: a key that was `put` is there until the body of the `async with` ends, unless somebody else
changes it or no member takes a refresh for `ttl_s`; then the body is cancelled and `LeaseLostError` raised.
At the end the keys are removed, if they are still ours and not a successor's with the same values; what
cannot be removed within five seconds, or after a crash, goes by itself within `ttl_s`. A first `put` of a key
whose answer was lost raises `OutcomeUnknownError` and is not kept alive: it goes by itself, or can be put
again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from coreos_py.client.errors import ConfigurationError, LeaseLostError
from coreos_py.client.keys import Result
from coreos_py.client.recipes.keeping import RELEASE_S, KeptKey, beside

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client


class Lease:
    """Keys that are kept alive together."""

    def __init__(self, etcd: Client, ttl_s: int, nursery: trio.Nursery) -> None:
        self.ttl_s = ttl_s
        self._etcd = etcd
        self._nursery = nursery
        self._kept: dict[str, KeptKey] = {}
        self._turns: dict[str, trio.Lock] = {}
        self._lost = ""

    @property
    def keys(self) -> list[str]:
        """The keys that it keeps."""
        return list(self._kept)

    async def put(self, key: str, value: str) -> Result:
        """Write a file and keep it alive from now on, in place of what the lease had put there.

        If that fails, what the lease had put there is kept as before. If nobody knows whether it failed, or
        it was cancelled, the key is kept with the old value or the new one.
        """
        if not value:
            raise ConfigurationError("a lease recognises its keys by their values, which cannot be empty")
        async with self._turns.setdefault(key, trio.Lock()):
            kept = self._kept.get(key)
            if kept is not None and not (kept.lost or kept.is_removed):
                result = await kept.rewrite(value)
                if not kept.is_removed:
                    return result
                # Dropped meanwhile, by another task: this came after it.
            fresh = KeptKey(self._etcd, key, value, self.ttl_s)
            result = await fresh.rewrite(value)
            self._kept[key] = fresh
            self._nursery.start_soon(self._guard, fresh)
            return result

    async def drop(self, key: str) -> None:
        """Remove a key and keep it no longer."""
        kept = self._kept.pop(key)
        self._note(kept)
        if not kept.lost:
            await kept.remove()

    async def drop_all(self) -> None:
        """Remove all keys that are still ours, at the same time. Cancelling does not interrupt it."""
        with trio.CancelScope(deadline=trio.current_time() + min(RELEASE_S, self.ttl_s), shield=True):
            async with trio.open_nursery() as nursery:
                for kept in self._kept.values():
                    self._note(kept)
                    if not kept.lost:
                        nursery.start_soon(kept.remove_at_once)
        self._kept.clear()

    def lost(self) -> str:
        """Why the lease is lost; empty while it is not."""
        return self._lost or next((kept.lost for kept in self._kept.values() if kept.lost), "")

    async def _guard(self, kept: KeptKey) -> None:
        """Keep a key, and cancel the body when it is lost."""
        await kept.keep()
        if kept.lost:
            self._note(kept)
            self._nursery.cancel_scope.cancel()

    def _note(self, kept: KeptKey) -> None:
        """A loss stays one, whatever becomes of the key."""
        self._lost = self._lost or kept.lost


@asynccontextmanager
async def lease(etcd: Client, *, ttl_s: int = 10) -> AsyncIterator[Lease]:
    """Keep keys alive while the body runs."""
    held: Lease | None = None
    try:
        async with beside(_nothing) as nursery:
            held = Lease(etcd, ttl_s, nursery)
            yield held
    finally:
        if held is not None:
            await held.drop_all()
    if held.lost():
        raise LeaseLostError(held.lost())


async def _nothing(_body: trio.CancelScope) -> None:
    await trio.lowlevel.checkpoint()

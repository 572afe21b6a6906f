"""A lease: keys that exist while their owner runs, such as the address of a service.

What is promised: a key that was `put` is there until the body of the `async with` ends, unless somebody else
changes it or no member takes a refresh for `ttl_s`; then the body is cancelled and `LeaseLostError` raised.
At the end the keys are removed, if they still have our values; after a crash they go by themselves within
`ttl_s`. A `put` whose answer was lost raises `OutcomeUnknownError` and is not kept alive: it goes by itself,
or can be put again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from coreos_py.client.errors import ConfigurationError, LeaseLostError
from coreos_py.client.keys import Result
from coreos_py.client.recipes.keeping import KeptKey, beside

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client


class Lease:
    """Keys that are kept alive together."""

    def __init__(self, etcd: Client, ttl_s: int, nursery: trio.Nursery) -> None:
        self.ttl_s = ttl_s
        self._etcd = etcd
        self._nursery = nursery
        self._kept: dict[str, KeptKey] = {}

    @property
    def keys(self) -> list[str]:
        """The keys that it keeps."""
        return list(self._kept)

    async def put(self, key: str, value: str) -> Result:
        """Write a file and keep it alive from now on, in place of what the lease had put there."""
        if not value:
            raise ConfigurationError("a lease recognises its keys by their values, which cannot be empty")
        before = self._kept.pop(key, None)
        if before is not None:
            before.is_removed = True
        kept = KeptKey(self._etcd, key, value, self.ttl_s)
        sent = trio.current_time()
        result = await self._etcd.set(key, value, ttl_s=self.ttl_s)
        kept.begin(sent)
        self._kept[key] = kept
        self._nursery.start_soon(kept.guard, self._nursery.cancel_scope)
        return result

    async def drop(self, key: str) -> None:
        """Remove a key and keep it no longer."""
        kept = self._kept.pop(key)
        if not kept.lost:
            await kept.remove()

    async def drop_all(self) -> None:
        """Remove all keys that are still ours."""
        for key in self.keys:
            await self.drop(key)

    def lost(self) -> str:
        """Why the lease is lost; empty while it is not."""
        return next((kept.lost for kept in self._kept.values() if kept.lost), "")


@asynccontextmanager
async def lease(etcd: Client, *, ttl_s: int = 10) -> AsyncIterator[Lease]:
    """Keep keys alive while the body runs."""
    held: Lease | None = None
    try:
        async with beside(_nothing) as nursery:
            held = Lease(etcd, ttl_s, nursery)
            yield held
    finally:
        lost = held.lost() if held is not None else ""
        if held is not None:
            await held.drop_all()
    if lost:
        raise LeaseLostError(lost)


async def _nothing(_body: trio.CancelScope) -> None:
    await trio.lowlevel.checkpoint()

"""Taking over what one cluster shows to another one, once, while the source keeps running.

Keys are written one after another in the order in which they were created, since some protocols go by it.
What has to end gets the time that is left at the moment of writing. What is there already is not written
again, so that whatever was cut off can be done anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coreos_py.client import requests, transfer
from coreos_py.client.engine import Engine
from coreos_py.client.errors import EtcdError, ServerError
from coreos_py.client.transfer import Item

_NOT_FOUND = 100
_ORDERED_NAME_DIGITS = 20


@dataclass
class Count:
    """What has come of the items so far. `failures` has one text each."""

    files: int = 0
    dirs: int = 0
    ttls: int = 0
    same: int = 0
    expired: int = 0
    failures: list[str] = field(default_factory=list)


class Takeover:
    """One run: `read`, look at `strange`, then `write`. All of them raise `EtcdError`.

    Hidden names are not in any listing, so those in `hidden` are asked for by name. Everything is put below
    `prefix`.
    """

    def __init__(
        self,
        source: Engine,
        target: Engine,
        *,
        hidden: Sequence[str] = (),
        prefix: str = "",
    ) -> None:
        self.items: list[Item] = []
        """What the source shows, with the keys of the target, in the order of creation."""
        self.source_index = 0
        self.count = Count()
        self._source = source
        self._target = target
        self._hidden = list(hidden)
        self._prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self._there: dict[str, Item] = {}
        self._read_at = 0.0

    def read(self) -> None:
        """Read both sides; writes nothing."""
        found: dict[str, Item] = {}
        for key in ("/", *self._hidden):
            result = self._source.call(requests.get(key, recursive=True, is_sorted=True, quorum=True))
            # The last reply's time counts for all: an earlier one would make what it shows too short.
            self._read_at = time.monotonic()
            self.source_index = self.source_index or result.etcd_index
            found |= {item.key: item for item in transfer.items_of(result.event.node)}
        ordered = sorted(found.values(), key=transfer.order)
        self.items = [item._replace(key=self._prefix + item.key) for item in ordered]
        for key in (self._prefix or "/", *(f"{self._prefix}/{key.strip('/')}" for key in self._hidden)):
            self._there |= {item.key: item for item in self._read_target(key)}
        self._there.pop(self._prefix, None)

    def strange(self) -> list[str]:
        """Keys that the target holds and the source does not have so: not the work of an earlier run."""
        wanted = {item.key: item for item in self.items}
        return sorted(
            key
            for key, item in self._there.items()
            if key not in wanted or not transfer.is_same(wanted[key], item)
        )

    def write(self, on_progress: Callable[[int, int], None]) -> None:
        """Write what is not there; `on_progress` is told before each item how many are done, and of how many.

        An item that the target refuses is counted, and the rest goes on. Other errors end it.
        """
        for number, item in enumerate(self.items):
            on_progress(number, len(self.items))
            self._write(item, self._there.get(item.key))
        # Only now do directories get their end: one that ended in between would come back with its next key,
        # and stay.
        for item in reversed(self.items):
            if item.is_dir and item.ttl_s:
                self._end(item)

    def notes(self) -> list[str]:
        """What nobody can tell from the numbers, for people."""
        told = f" except {', '.join(self._hidden)}" if self._hidden else " (see --hidden)"
        notes = [f"names that begin with _ are hidden: what is below them was not seen{told}"]
        if any("\N{REPLACEMENT CHARACTER}" in item.value for item in self.items):
            notes.append("some values hold U+FFFD, which is how etcd shows bytes that are not UTF-8")
        names = [item.key.rpartition("/")[2] for item in self.items if not item.is_dir]
        ordered = [int(name) for name in names if len(name) == _ORDERED_NAME_DIGITS and _is_number(name)]
        target_index = self._target.call(requests.get("/")).etcd_index if ordered else 0
        if ordered and max(ordered) > target_index:
            notes.append(
                f"in-order names reach {max(ordered)}, the target's index is {target_index}: until it has"
                " passed that, new in-order keys sort before those taken over"
            )
        try:
            now = self._source.call(requests.get("/")).etcd_index
        except EtcdError as error:
            notes.append(f"whether the source has changed meanwhile is not known: {str(error).rstrip()}")
        else:
            if now != self.source_index:
                change = f"index {self.source_index} to {now}"
                notes.append(f"the source has changed meanwhile ({change}): run this again")
        return notes

    def _read_target(self, key: str) -> list[Item]:
        try:
            result = self._target.call(requests.get(key, recursive=True, quorum=True))
        except ServerError as error:
            if error.code != _NOT_FOUND:
                raise
            return []
        return transfer.items_of(result.event.node)

    def _write(self, item: Item, other: Item | None) -> None:
        ttl_s = self._ttl_left_s(item)
        if ttl_s is None and not item.is_dir:
            self.count.expired += 1
            return
        if other is not None and transfer.is_same(item, other) and not item.ttl_s and not other.ttl_s:
            self.count.same += 1
            return
        try:
            transfer.write(self._target, item, 0 if item.is_dir else ttl_s or 0)
        except ServerError as error:
            self.count.failures.append(f"{item.key}: {error}")
            return
        if item.is_dir:
            self.count.dirs += 1
        else:
            self.count.files += 1
            self.count.ttls += bool(ttl_s)

    def _end(self, item: Item) -> None:
        """Give a directory its end, or carry it out if it has come meanwhile."""
        ttl_s = self._ttl_left_s(item)
        try:
            if ttl_s is None:
                self._target.call(requests.delete(item.key, recursive=True))
                self.count.expired += 1
            else:
                self._target.call(requests.update_dir(item.key, ttl_s=ttl_s))
                self.count.ttls += 1
        except ServerError as error:
            self.count.failures.append(f"{item.key}: {error}")

    def _ttl_left_s(self, item: Item) -> int | None:
        return transfer.ttl_left_s(item, time.monotonic() - self._read_at)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()

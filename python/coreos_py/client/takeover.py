"""Taking over what one cluster shows to another one, as often as need be, while the source keeps running.

Keys are written one after another in the order in which they were created, since some protocols go by it.
What has to end gets the time that is left at the moment of writing. What is there already is not written
again, so that whatever was cut off can be done anew; what an earlier run wrote follows the source.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coreos_py.client import requests, transfer
from coreos_py.client._text import clean_key
from coreos_py.client.engine import Engine
from coreos_py.client.errors import KeyNotFoundError, ServerError
from coreos_py.client.operation import decode_result
from coreos_py.client.takeover_own import Own
from coreos_py.client.takeover_record import Record, batches
from coreos_py.client.transfer import Item


@dataclass
class Count:
    """What has come of the items so far. `failures` has one text each.

    `removed` counts what an earlier run wrote and the source no longer has. `kept` are keys that should have
    been removed, or have an end, and are not our work alone.
    """

    files: int = 0
    dirs: int = 0
    ttls: int = 0
    same: int = 0
    expired: int = 0
    removed: int = 0
    kept: list[str] = field(default_factory=list)
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
        self.source = source
        self._address = ",".join(sorted(endpoint.authority for endpoint in source.endpoints))
        self.target = target
        self.hidden = list(hidden)
        self.items: list[Item] = []
        """What the source shows, with the keys of the target, in the order of creation."""
        self.source_index = 0
        self.count = Count()
        # As the target shows it: what was written could not be found again otherwise.
        self._prefix = clean_key(prefix).rstrip("/")
        self._there: dict[str, Item] = {}
        self._own = Own(target)
        self._record = Record(target, self._prefix, "")
        self._ending: dict[str, Item] = {}
        self._read_at = 0.0

    @property
    def record_key(self) -> str:
        """The hidden key of the target below which is noted what was written."""
        return self._record.key

    def read(self) -> None:
        """Read both sides; writes nothing."""
        found: dict[str, Item] = {}
        cluster_id = ""
        for key in ("/", *self.hidden):
            reply = self.source.send(requests.get(key, recursive=True, is_sorted=True, quorum=True))
            # The last reply's time counts for all: an earlier one would make what it shows too short.
            self._read_at = time.monotonic()
            result = decode_result(reply)
            cluster_id = reply.head.headers.get("x-etcd-cluster-id", "")
            self.source_index = self.source_index or result.etcd_index
            found |= {item.key: item for item in transfer.items_of(result.event.node)}
        ordered = sorted(found.values(), key=transfer.order)
        self.items = [item._replace(key=self._prefix + item.key) for item in ordered]
        self._ending = {item.key: item for item in self.items if item.is_dir and item.ttl_s}
        for key in (self._prefix or "/", *(self._prefix + clean_key(key) for key in self.hidden)):
            self._there |= {item.key: item for item in self._read_target(key)}
        self._there.pop(self._prefix, None)
        self._record = Record(self.target, self._prefix, f"{cluster_id}@{self._address}")
        self._record.read()
        self._own.add(item for item in self._there.values() if self._record.is_ours(item))

    def strange(self) -> list[str]:
        """Keys that the target holds, the source does not have so, and no earlier run has written so."""
        wanted = {item.key: item for item in self.items}
        return sorted(
            key
            for key, item in self._there.items()
            if key not in self._own and (key not in wanted or not transfer.is_same(wanted[key], item))
        )

    def write(self, on_progress: Callable[[int, int], None]) -> None:
        """Write what is not there; `on_progress` is told before each item how many are done, and of how many.

        An item that the target refuses is counted, and the rest goes on. Other errors end it.
        """
        self._record.begin(self._own)
        self._remove_gone()
        number = 0
        for batch in batches(self.items):
            self._record.plan([item for item in batch if self._is_to_write(item)])
            for item in batch:
                on_progress(number, len(self.items))
                self._write(item)
                number += 1
            self._record.confirm(self._own)
        # Only now do directories get their end: one that ended in between would come back with its next key,
        # and stay.
        for item in reversed(self.items):
            if item.key in self._ending:
                self._end(item)

    def _read_target(self, key: str) -> list[Item]:
        try:
            result = self.target.call(requests.get(key, recursive=True, quorum=True))
        except KeyNotFoundError:
            return []
        return transfer.items_of(result.event.node)

    def _remove_gone(self) -> None:
        """What an earlier run wrote and the source has no longer, or has as something else."""
        wanted = {item.key: item for item in self.items if not self._is_over(item, 0.0)}
        gone = [
            key
            for key, item in self._own.items()
            if key not in wanted or (item.is_dir and not wanted[key].is_dir)
        ]
        kept = self._own.remove(gone)
        self.count.removed += len(gone) - len(kept)
        self.count.kept += kept
        for key in gone:
            if key not in kept:
                del self._there[key]

    def _is_to_write(self, item: Item) -> bool:
        other = self._there.get(item.key)
        if other is None:
            return True
        if transfer.is_same(item, other):
            # Of what is not our work nobody knows whether its end is to be another one.
            return item.key in self._own and bool(item.ttl_s or other.ttl_s)
        return True

    def _write(self, item: Item) -> None:
        elapsed_s = time.monotonic() - self._read_at
        if self._is_over(item, elapsed_s):
            self.count.expired += 1
            return
        if not self._is_to_write(item):
            self.count.same += 1
            return
        ttl_s = 0 if item.is_dir else transfer.ttl_left_s(item, elapsed_s) or 0
        try:
            self._own.add([transfer.write(self.target, item, ttl_s)])
        except ServerError as error:
            # It may have been written all the same: then the plan tells, and not what was there before.
            self._own.forget(item.key)
            self.count.failures.append(f"{item.key}: {error}")
            return
        if item.is_dir:
            self.count.dirs += 1
        else:
            self.count.files += 1
            self.count.ttls += bool(ttl_s)

    def _end(self, item: Item) -> None:
        """Give a directory its end, or carry it out if it has come; what others keep there stays."""
        ttl_s = transfer.ttl_left_s(item, time.monotonic() - self._read_at)
        other = self._there.get(item.key)
        is_theirs = item.key not in self._own and other is not None and other.is_dir
        if item.key not in self._own and not is_theirs:
            return
        try:
            if ttl_s is None:
                kept = self._own.remove(self._own.below(item.key)) + [item.key] * is_theirs
                self.count.kept += kept
                self.count.expired += not kept
            elif is_theirs or self._own.has_others(item.key):
                self.count.kept.append(item.key)
            else:
                self.target.call(requests.update_dir(item.key, ttl_s=ttl_s))
                self.count.ttls += 1
        except ServerError as error:
            self.count.failures.append(f"{item.key}: {error}")

    def _is_over(self, item: Item, elapsed_s: float) -> bool:
        """Whether its time, or that of a directory around it, has come."""
        if transfer.ttl_left_s(item, elapsed_s) is None:
            return True
        key = item.key.rpartition("/")[0]
        while key and self._ending:
            around = self._ending.get(key)
            if around is not None and transfer.ttl_left_s(around, elapsed_s) is None:
                return True
            key = key.rpartition("/")[0]
        return False

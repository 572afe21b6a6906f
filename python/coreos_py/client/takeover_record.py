"""What a takeover has written, noted in the target itself, so that a further run can tell its own keys.

Below `PREFIX/_coreos-import/CLUSTER@HOST:PORT` (the source's id and address: clusters that were set up alike
have one id) are files of JSON: an object from key to mark. Before keys are written their marks are digests of
what they are to hold (text); afterwards the index under which they came (number): a file's modifiedIndex, a
directory's createdIndex. A key is ours as long as one of its marks fits: one that somebody has written since,
even with the same value, is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from coreos_py.client import requests
from coreos_py.client.engine import Engine
from coreos_py.client.errors import InvalidReplyError, KeyNotFoundError
from coreos_py.client.keys import Node
from coreos_py.client.transfer import Item

_NAME = "_coreos-import"
_BATCH_ITEMS = 200
_BATCH_CHARACTERS = 16_384
_DIGEST_DIGITS = 16


class Record:
    """The notes below one prefix of the target on what came from one source. All of it raises `EtcdError`."""

    def __init__(self, target: Engine, prefix: str, source_id: str) -> None:
        self.key = f"{prefix}/{_NAME}"
        """What holds the notes on all sources."""
        self._target = target
        self._dir = f"{self.key}/{source_id}"
        self._marks: dict[str, set[str | int]] = {}
        self._files: dict[str, set[str]] = {}
        self._number = 0
        self._planned: Sequence[Item] = ()

    def read(self) -> None:
        """Learn what earlier runs have noted."""
        try:
            found = self._target.call(requests.get(self._dir, recursive=True, quorum=True)).node
        except KeyNotFoundError:
            return
        for node in found.walk():
            marks = _marks(node)
            for key, mark in marks:
                self._marks.setdefault(key, set()).add(mark)
            self._files[node.key] = {key for key, _ in marks}
            self._number = max(self._number, int(node.key.rpartition("/")[2]))

    def is_ours(self, item: Item) -> bool:
        """Whether what the target holds there is what a run has written."""
        marks = self._marks.get(item.key, set())
        return mark_of(item) in marks or _digest(item) in marks

    def begin(self, ours: Mapping[str, Item]) -> None:
        """Note these in place of what was noted before, of which the rest is not there any more.

        What was noted on hidden keys stays: this run may not have asked for them.
        """
        old = [
            file
            for file, keys in self._files.items()
            if not any("/_" in key and key not in ours for key in keys)
        ]
        if not old:
            return
        for batch in batches(ours.values()):
            self._add({item.key: mark_of(item) for item in batch})
        for file in old:
            self._target.call(requests.delete(file))

    def plan(self, items: Sequence[Item]) -> None:
        """Note what is to be written next."""
        self._planned = items
        if items:
            self._add({item.key: _digest(item) for item in items})

    def confirm(self, ours: Mapping[str, Item]) -> None:
        """Note under which indexes it came; what did not come stays a plan."""
        if self._planned:
            marks = {
                item.key: mark_of(ours[item.key]) if item.key in ours else _digest(item)
                for item in self._planned
            }
            self._put(marks)

    def _add(self, marks: Mapping[str, str | int]) -> None:
        self._number += 1
        self._put(marks)

    def _put(self, marks: Mapping[str, str | int]) -> None:
        text = json.dumps(marks, separators=(",", ":"))
        self._target.call(requests.set_value(f"{self._dir}/{self._number}", text.encode("ascii")))


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Pieces whose notes are small enough for any server."""
    batch: list[Item] = []
    characters = 0
    for item in items:
        if batch and (len(batch) == _BATCH_ITEMS or characters + len(item.key) > _BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(item)
        characters += len(item.key)
    if batch:
        yield batch


def mark_of(item: Item) -> int:
    """A directory's modifiedIndex moves with its time to live, its createdIndex never."""
    return item.created_index if item.is_dir else item.modified_index


def _digest(item: Item) -> str:
    held = b"dir" if item.is_dir else b"=" + item.value.encode("utf-8", "surrogatepass")
    return hashlib.sha256(held).hexdigest()[:_DIGEST_DIGITS]


def _marks(file: Node) -> list[tuple[str, str | int]]:
    try:
        marks = json.loads(file.value)
        is_number = file.key.rpartition("/")[2].isdecimal()
    except ValueError:
        marks, is_number = None, False
    if not is_number or not isinstance(marks, dict):
        raise InvalidReplyError(f"{file.key} in the target is no note of an import: remove it")
    return [(key, mark) for key, mark in marks.items() if isinstance(mark, str | int)]

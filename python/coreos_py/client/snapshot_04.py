"""Reading a snapshot of etcd 0.4. No I/O.

A `.ss` file is eight hexadecimal digits (CRC-32 of the rest), a newline, and a JSON object whose `state` is,
in base64, the store: a JSON object with the tree at `Root`. The store alone, as 0.4 gave it out over HTTP, is
accepted too.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from coreos_py.client._text import clean_key
from coreos_py.client.transfer import Item, order

_CHECKSUM_DIGITS = 8


class SnapshotError(Exception):
    """The bytes are no snapshot of etcd 0.4; the text says why."""


class Snapshot:
    """The tree of one snapshot."""

    def __init__(self, root: dict[str, Any], now: datetime) -> None:
        self._root = root
        self._now = now

    def items(self, keys: Sequence[str]) -> list[Item]:
        """What is at and below these keys, each once, in the order of creation.

        Hidden names are left out unless they are among the keys. An end that is past counts as one second.
        Raises `SnapshotError` for a key that is not there.
        """
        found = {item.key: item for key in keys for item in self._below(clean_key(key))}
        return sorted(found.values(), key=order)

    def _below(self, key: str) -> Iterator[Item]:
        node = self._root
        for part in key.split("/"):
            if part:
                children = node.get("Children") or {}
                if part not in children:
                    raise SnapshotError(f"it has no key {key}")
                node = _object(children[part])
        waiting = [(key.rstrip("/"), node)]
        while waiting:
            path, node = waiting.pop()
            children = node.get("Children")
            if path:
                yield self._item(path, node, is_dir=children is not None)
            for name, child in _object(children or {}).items():
                if not name.startswith("_"):
                    waiting.append((f"{path}/{name}", _object(child)))

    def _item(self, key: str, node: dict[str, Any], *, is_dir: bool) -> Item:
        value, index = node.get("Value"), node.get("CreatedIndex")
        if not isinstance(value, str) or not isinstance(index, int):
            raise SnapshotError(f"the node {key} has no value or index")
        return Item(key, is_dir, value, self._ttl_s(key, node.get("ExpireTime")), index)

    def _ttl_s(self, key: str, text: Any) -> int:
        """Go's zero time, in the year 1, means that there is no end."""
        if text is None or str(text).startswith("0001-"):
            return 0
        try:
            end = datetime.fromisoformat(_without_nanoseconds(str(text)))
            return max(1, -int((self._now - end).total_seconds() // 1))
        except (ValueError, TypeError) as error:
            raise SnapshotError(f"the node {key} ends at {text!r}, which is no time") from error


def parse_snapshot(data: bytes, now: datetime | None = None) -> Snapshot:
    """Read a file. Raises `SnapshotError`."""
    digits, newline, rest = data[:_CHECKSUM_DIGITS], data[_CHECKSUM_DIGITS : _CHECKSUM_DIGITS + 1], data[9:]
    if newline == b"\n" and _is_hexadecimal(digits):
        if zlib.crc32(rest) != int(digits, 16):
            raise SnapshotError("its checksum is wrong")
        try:
            state = base64.b64decode(_json(rest).get("state") or "", validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise SnapshotError("its state is not base64") from error
    else:
        state = data
    root = _json(state).get("Root")
    if not isinstance(root, dict):
        raise SnapshotError("it holds no store of etcd 0.4")
    return Snapshot(root, now or datetime.now(UTC))


def _is_hexadecimal(digits: bytes) -> bool:
    return len(digits) == _CHECKSUM_DIGITS and not digits.strip(b"0123456789abcdefABCDEF")


def _json(data: bytes) -> dict[str, Any]:
    try:
        return _object(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise SnapshotError("it is not JSON") from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SnapshotError("it is not the JSON of a store")
    return value


def _without_nanoseconds(text: str) -> str:
    """Go writes up to nine digits; Python 3.11 reads six."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return f"{head}.{digits[:6]}{tail[len(digits) :]}"

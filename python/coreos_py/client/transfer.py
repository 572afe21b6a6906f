"""Taking keys over from one place to another, with the time that they still have."""

from __future__ import annotations

import math
from typing import NamedTuple

from coreos_py.client import requests
from coreos_py.client._text import to_bytes
from coreos_py.client.engine import Engine
from coreos_py.client.errors import NotAFileError
from coreos_py.client.keys import Node


class Item(NamedTuple):
    """One file or directory to take over.

    `ttl_s` is what it had left when it was read, 0 without an end, below 0 when its time was over already.
    """

    key: str
    is_dir: bool
    value: str
    ttl_s: int
    created_index: int
    modified_index: int = 0


def items_of(node: Node) -> list[Item]:
    """A node and all that its reply shows below it, in the order of creation; the root itself is not one."""
    found = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.key not in ("", "/"):
            found.append(_item(node))
        waiting += node.nodes or []
    return sorted(found, key=order)


def _item(node: Node) -> Item:
    return Item(node.key, node.is_dir, node.value, _ttl_s(node), node.created_index, node.modified_index)


def _ttl_s(node: Node) -> int:
    """What is overdue is shown until the server sweeps: with its end, and without a `ttl` that would be 0."""
    return -1 if node.expiration and node.ttl_s <= 0 else node.ttl_s


def order(item: Item) -> tuple[int, int, str]:
    """What sorts items by creation: a directory that came with its first child has the same index."""
    return (item.created_index, item.key.count("/"), item.key)


def ttl_left_s(item: Item, elapsed_s: float) -> int | None:
    """What to write as time to live `elapsed_s` after the reply that showed the item; None when it is over.

    Never shorter than what is left: servers show a time to live rounded up, and this rounds up too.
    """
    if not item.ttl_s:
        return 0
    left_s = math.ceil(item.ttl_s - elapsed_s)
    return left_s if left_s > 0 else None


def is_same(item: Item, other: Item) -> bool:
    """Whether both are the same file or directory, apart from times and indexes."""
    return (item.key, item.is_dir, item.value) == (other.key, other.is_dir, other.value)


def write(client: Engine, item: Item, ttl_s: int) -> Item:
    """Write one item, over a file too; a directory stays with what is in it. Returns it as it is there now.

    Raises `EtcdError`.
    """
    if not item.is_dir:
        result = client.call(requests.set_value(item.key, to_bytes(item.value), ttl_s=ttl_s))
    else:
        try:
            result = client.call(requests.set_dir(item.key, ttl_s=ttl_s))
        except NotAFileError:
            # The server refuses to set a directory over one.
            result = client.call(requests.update_dir(item.key, ttl_s=ttl_s))
    node = result.node
    return item._replace(created_index=node.created_index, modified_index=node.modified_index)

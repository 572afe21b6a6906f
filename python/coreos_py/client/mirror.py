"""A local copy of all files below a key, kept by what `follow` tells. No I/O."""

from __future__ import annotations

from coreos_py.client.keys import Node, Result
from coreos_py.client.steps import Snapshot

REMOVALS = ("delete", "expire", "compareAndDelete")


class Mirror:
    """`files` is what the key held at `etcd_index`: give it each item of a recursive `follow`, in order.

    A change of a TTL alone (`refresh`) is not told by a watch, so `expiration` and `modified_index` here may
    be older than the server's.
    """

    def __init__(self) -> None:
        self.files: dict[str, Node] = {}
        self.etcd_index = 0

    def apply(self, item: Snapshot | Result) -> None:
        """Take the next item in."""
        if isinstance(item, Snapshot):
            self.files = item.files()
            self.etcd_index = item.etcd_index
            return
        node = item.node
        self.etcd_index = node.modified_index
        if item.action in REMOVALS:
            below = node.key.rstrip("/") + "/"
            gone = [key for key in self.files if key == node.key or key.startswith(below)]
            for key in gone:
                del self.files[key]
        elif node.is_dir:
            # It may have taken the place of a file.
            self.files.pop(node.key, None)
        else:
            self.files[node.key] = node

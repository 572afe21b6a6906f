"""What a server tells about itself."""

from __future__ import annotations

from typing import NamedTuple

from coreos_py.client._json import object_of, text_of
from coreos_py.client._wire import Reply
from coreos_py.client.operation import Operation, decoded_body, expect_success
from coreos_py.client.requests import Request


class Version(NamedTuple):
    """Versions of the answering server and of the cluster (empty where there is no such thing)."""

    server: str
    cluster: str


def version() -> Operation[Version]:
    """The version of the server that answers."""

    def read(body: bytes) -> Version:
        if not body.startswith(b"{"):
            # 0.4 and 2.0 answer with a line of text.
            return Version(body.decode("ascii", "replace").removeprefix("etcd ").strip(), "")
        fields = object_of(body)
        return Version(text_of(fields, "etcdserver"), text_of(fields, "etcdcluster"))

    return Operation(Request("GET", "/version", None, repeatable=True), decoded_body(read))


def health() -> Operation[bool]:
    """Whether the server that answers can take writes. etcd's own takes up to a second for it."""

    def read(reply: Reply) -> bool:
        if reply.head.status == 503:
            return False
        expect_success(reply)
        return object_of(reply.body).get("health") in ("true", True)

    return Operation(Request("GET", "/health", None, repeatable=True, takes_503=True), read)

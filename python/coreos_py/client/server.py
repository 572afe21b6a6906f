"""What a server tells about itself."""

from __future__ import annotations

from typing import NamedTuple

from coreos_py.client._json import parse_object, text_of
from coreos_py.client.keys import raise_for_status
from coreos_py.client.operation import Operation, by
from coreos_py.client.requests import Request


class Version(NamedTuple):
    """Versions of the answering server and of the cluster (empty where there is no such thing)."""

    server: str
    cluster: str


def version() -> Operation[Version]:
    """The version of the server that answers."""

    def read(status: int, body: bytes) -> Version:
        raise_for_status(status, body)
        if not body.startswith(b"{"):
            # 0.4 and 2.0 answer with a line of text.
            return Version(body.decode("ascii", "replace").removeprefix("etcd ").strip(), "")
        fields = parse_object(body)
        return Version(text_of(fields, "etcdserver"), text_of(fields, "etcdcluster"))

    return Operation(Request("GET", "/version", None, repeatable=True), by(read))

"""A way to a real server on which single requests go wrong."""

from __future__ import annotations

from collections.abc import Callable

from tests.etcdctl.fake import Answer, Asked, FakeServer
from tests.support.server import Server

#: What becomes of a request instead of being passed on; None to pass it on.
Rule = Callable[[Asked], Answer | None]

#: A watch that is accepted and never told anything.
SILENT = Answer(b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n", "hang")
REFUSED = Answer(
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 65\r\n\r\n"
    b'{"errorCode":102,"message":"Not a file","cause":"/k","index":123}'
)


def passed_on(server: Server, asked: Asked) -> Answer:
    """What the server answers; the request is carried out."""
    body = asked.body.encode("latin-1") if asked.method in ("PUT", "POST") else None
    found = server.request(asked.method, asked.target, body)
    lines = [f"{name}: {value}" for name, value in found.headers if name.lower().startswith("x-")]
    head = [f"HTTP/1.1 {found.status} X", *lines, f"Content-Length: {len(found.body)}", "", ""]
    return Answer("\r\n".join(head).encode() + found.body)


def gate(server: Server, rule: Rule) -> FakeServer:
    """A server that passes on what the rule leaves alone. It cannot pass on watches: they are silent."""

    def answer(asked: Asked) -> Answer:
        return rule(asked) or (SILENT if "wait=true" in asked.target else passed_on(server, asked))

    return FakeServer(answer)


def is_refresh(asked: Asked) -> bool:
    """Whether it only prolongs a key's time."""
    return "refresh=true" in asked.body


def is_put_of(asked: Asked, value: str) -> bool:
    """Whether it writes this value."""
    return asked.method == "PUT" and f"value={value}" in asked.body

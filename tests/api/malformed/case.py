"""One malformed request: what is sent, and what may come back."""

from __future__ import annotations

from dataclasses import dataclass, field

HOST = b"Host: 127.0.0.1\r\n"
FORM_TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"
ANY_4XX = frozenset(range(400, 500))
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """One malformed request. `statuses` are the correct ones; `must_reply` forbids a silent close."""

    name: str
    pieces: tuple[bytes, ...]
    statuses: frozenset[int] = field(default=ANY_4XX)
    replies: int | None = 1
    must_reply: bool = True
    half_close: bool = False
    head_only: bool = False
    names: bytes = b""
    """Text that the reply's body has to contain, such as the limit that was exceeded."""


def only(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def get(target: bytes, more: bytes = b"") -> tuple[bytes, ...]:
    return (b"GET " + target + b" HTTP/1.1\r\n" + HOST + more + b"\r\n",)


def put(body: bytes, more: bytes = FORM_TYPE, target: bytes = b"/v2/keys/mal") -> tuple[bytes, ...]:
    length = f"Content-Length: {len(body)}\r\n".encode()
    return (b"PUT " + target + b" HTTP/1.1\r\n" + HOST + more + length + b"\r\n", body)


def chunked(body: bytes, more: bytes = FORM_TYPE) -> tuple[bytes, ...]:
    head = b"PUT /v2/keys/mal HTTP/1.1\r\n" + HOST + more + b"Transfer-Encoding: chunked\r\n\r\n"
    return (head, body)

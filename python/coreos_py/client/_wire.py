"""HTTP/1.1 of a client as bytes in, bytes out: no socket, no clock.

Only what an etcd server sends is understood: Content-Length, chunked, or a body that ends with the
connection.
"""

from __future__ import annotations

from typing import NamedTuple

from coreos_py.client.errors import InvalidReplyError
from coreos_py.client.requests import FORM

_MAX_HEAD_BYTES = 64 * 1024


class Head(NamedTuple):
    """Status line and headers of a reply; header names in lower case."""

    status: int
    headers: dict[str, str]

    @property
    def etcd_index(self) -> int:
        """The store's index when the reply was made, 0 when the server did not say."""
        return self._number("x-etcd-index")

    @property
    def raft_index(self) -> int:
        """The log's index when the reply was made, 0 when the server did not say."""
        return self._number("x-raft-index")

    @property
    def raft_term(self) -> int:
        """The term when the reply was made, 0 when the server did not say."""
        return self._number("x-raft-term")

    def _number(self, name: str) -> int:
        text = self.headers.get(name, "0")
        return int(text) if text.isascii() and text.isdigit() else 0

    @property
    def cluster_id(self) -> str:
        """Which cluster answered, empty when the server did not say (0.4)."""
        return self.headers.get("x-etcd-cluster-id", "")


class Reply(NamedTuple):
    """A reply. The body of a watch that was accepted is still to come, and empty here."""

    head: Head
    body: bytes


def encode_request(
    method: str, path: str, host: str, headers: dict[str, str], form: str | None, content_type: str = FORM
) -> bytes:
    """The bytes of one request. `form` is an already encoded body, None for no body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    body = b""
    if form is not None:
        body = form.encode("ascii")
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class ReplyReader:
    """Collects one reply from received bytes.

    Give bytes to `feed` (none at all means that the connection ended) until `done`; `head` is there as soon
    as all headers are. `keeps_alive` says afterwards whether the connection can carry another request.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.done = False
        self.keeps_alive = False
        self._buffer = bytearray()
        self._body = bytearray()
        self._left = 0
        self._framing = ""

    @property
    def body(self) -> bytes:
        """The body as far as it has come."""
        return bytes(self._body)

    def take_line(self) -> bytes | None:
        """Cut the next line off the body, without its end; None while there is no whole one.

        A body that is done may end without a line end.
        """
        end = self._body.find(b"\n")
        if end < 0 and not (self.done and self._body):
            return None
        line = bytes(self._body[:end] if end >= 0 else self._body)
        del self._body[: len(line) + 1]
        return line

    @property
    def started(self) -> bool:
        """True when the server has sent anything."""
        return self.head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what was received. Raises `InvalidReplyError` for what is not HTTP or ends too early."""
        if not data:
            self._end_of_stream()
            return
        self._buffer += data
        while self.head is None and self._take_head():
            pass
        if self.head is not None and not self.done:
            self._take_body()

    def _end_of_stream(self) -> None:
        if self.head is None or self._framing != "until-close":
            raise InvalidReplyError("unexpected EOF" if self.started else "EOF")
        self.done = True

    def _take_head(self) -> bool:
        """Cut one head off the buffer. True when it was an interim one (1xx), after which another follows."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if not b"HTTP/".startswith(self._buffer[:5]):
                raise InvalidReplyError(f"malformed HTTP response {_shown(bytes(self._buffer))}")
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise InvalidReplyError("the reply's headers are too long")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = lines[0].partition(" ")
        status_text = rest[:3]
        if not version.startswith("HTTP/1.") or not (status_text.isascii() and status_text.isdigit()):
            raise InvalidReplyError(f"malformed HTTP response {_shown(lines[0].encode('latin-1'))}")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise InvalidReplyError(f"malformed HTTP header {_shown(line.encode('latin-1'))}")
            headers[name.strip().lower()] = value.strip()
        status = int(status_text)
        if 100 <= status < 200:
            return True
        self.head = Head(status, headers)
        self._choose_framing(version)
        return False

    def _choose_framing(self, version: str) -> None:
        assert self.head is not None
        headers = self.head.headers
        self.keeps_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        length = headers.get("content-length")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            self._framing = "chunk-size"
        elif self.head.status in (204, 304):
            self._framing, self._left = "length", 0
        elif length is None:
            self._framing, self.keeps_alive = "until-close", False
        elif length.isascii() and length.isdigit():
            self._framing, self._left = "length", int(length)
        else:
            raise InvalidReplyError(f"bad Content-Length {_shown(length.encode('latin-1'))}")

    def _take_body(self) -> None:
        if self._framing == "until-close":
            self._body += self._buffer
            self._buffer.clear()
        elif self._framing == "length":
            self._move()
            self.done = self._left == 0
        else:
            while not self.done and self._take_chunk_part():
                pass
        if self.done and self._buffer:
            # More than was asked for: what is read next would not be the answer to what is sent next.
            self.keeps_alive = False

    def _move(self) -> None:
        part = self._buffer[: self._left]
        self._body += part
        self._left -= len(part)
        del self._buffer[: len(part)]

    def _take_chunk_part(self) -> bool:
        """Go one step on in a chunked body; False when more bytes are needed."""
        if self._framing == "chunk-data":
            self._move()
            if self._left:
                return False
            self._framing = "chunk-end"
        line = self._take_line()
        if line is None:
            return False
        if self._framing == "chunk-end":
            if line:
                raise InvalidReplyError("malformed chunked encoding")
            self._framing = "chunk-size"
        elif self._framing == "trailer":
            self.done = not line
        else:
            try:
                self._left = int(line.split(b";")[0].strip(), 16)
            except ValueError as error:
                raise InvalidReplyError("malformed chunked encoding") from error
            if self._left < 0:
                raise InvalidReplyError("malformed chunked encoding")
            self._framing = "chunk-data" if self._left else "trailer"
        return True

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise InvalidReplyError("malformed chunked encoding")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _shown(data: bytes) -> str:
    """At most 40 bytes of `data`, printable, in quotes."""
    return repr(data[:40])[1:]

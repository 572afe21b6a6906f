"""HTTP/1.1 over plain sockets: exact bytes out, exact bytes in.

A client library would repair, merge or retry what these tests have to see, so there is none here.
"""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

FORM = "application/x-www-form-urlencoded"
Headers = tuple[tuple[str, str], ...]


class PeerClosed(Exception):
    """The server ended the connection; `partial` is what had arrived of the reply being read."""

    def __init__(self, partial: bytes, *, reset: bool) -> None:
        super().__init__(f"connection {'reset' if reset else 'closed'} after {partial[:200]!r}")
        self.partial = partial
        self.reset = reset


class BadReply(Exception):
    """The server sent something that is not an HTTP/1.1 reply."""


@dataclass(frozen=True)
class Reply:
    """One reply; `body` is joined from its chunks. Header names keep the capitals of the wire."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """First value of a header, whatever its capitals."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def names(self) -> list[str]:
        """Header names as they were on the wire."""
        return [name for name, _ in self.headers]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def etcd_index(self) -> int:
        """X-Etcd-Index as a number."""
        value = self.header("X-Etcd-Index")
        assert value is not None, f"no X-Etcd-Index in {self.headers}"
        return int(value)

    @property
    def keeps_alive(self) -> bool:
        """Whether the server promises to read another request on this connection."""
        return (self.header("Connection") or "").lower() != "close"


def form(**fields: str | bytes | int) -> bytes:
    """A form body; `form(value="a b", ttl=5)` gives ``value=a%20b&ttl=5``."""
    pairs = []
    for name, value in fields.items():
        raw = value if isinstance(value, bytes) else str(value).encode()
        pairs.append(f"{name}={quote_from_bytes(raw, safe='')}")
    return "&".join(pairs).encode()


def request_bytes(
    method: str, target: str, body: bytes | None = None, headers: Headers = (), *, host: str = "127.0.0.1"
) -> bytes:
    """A well-formed request; a body gets its length and, unless a type is given, the form type."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    given = {name.lower() for name, _ in headers}
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if "content-type" not in given:
            lines.append(f"Content-Type: {FORM}")
    lines += [f"{name}: {value}" for name, value in headers if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


class Connection:
    """One client connection. Reads give up after `timeout_s` (TimeoutError): a hang is a failure."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        timeout_s: float = 15.0,
        tls: ssl.SSLContext | None = None,
        receive_buffer_bytes: int | None = None,
    ) -> None:
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if receive_buffer_bytes is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            raw.settimeout(timeout_s)
            raw.connect(address)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = raw if tls is None else tls.wrap_socket(raw, server_hostname=address[0])
        except BaseException:
            raw.close()
            raise
        self.buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close at once; unread input makes the kernel send a reset."""
        self.socket.close()

    def half_close(self) -> None:
        """Say that no more bytes will come; replies can still be read.

        Under TLS too it is the TCP connection that ends, without TLS's own farewell, as when a program goes.
        (The method of `SSLSocket` would throw the session away, and with it what is still to be read.)
        """
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self.socket.sendall(data)

    def request(self, method: str, target: str, body: bytes | None = None, headers: Headers = ()) -> Reply:
        """Send one well-formed request and read its reply."""
        self.send(request_bytes(method, target, body, headers))
        return self.read_reply(head_only=method == "HEAD")

    def put(self, key: str, value: str | bytes, query: str = "", **fields: str | int) -> Reply:
        """PUT a value, given the key's path below /v2/keys."""
        return self.request("PUT", f"/v2/keys{key}{query}", form(value=value, **fields))

    def get(self, key: str, query: str = "") -> Reply:
        """GET, given the key's path below /v2/keys."""
        return self.request("GET", f"/v2/keys{key}{query}")

    def delete(self, key: str, query: str = "") -> Reply:
        """DELETE, given the key's path below /v2/keys."""
        return self.request("DELETE", f"/v2/keys{key}{query}")

    def _more(self, have: bytes) -> bytes:
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            raise PeerClosed(have, reset=True) from None
        except ssl.SSLEOFError:
            raise PeerClosed(have, reset=False) from None
        if not data:
            raise PeerClosed(have, reset=False)
        return data

    def _until(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            self.buffer += self._more(self.buffer)
        taken, self.buffer = self.buffer[:at], self.buffer[at + len(mark) :]
        return taken

    def _exactly(self, count: int) -> bytes:
        pieces = [self.buffer]
        have = len(self.buffer)
        while have < count:
            piece = self._more(b"".join(pieces))
            pieces.append(piece)
            have += len(piece)
        joined = b"".join(pieces)
        taken, self.buffer = joined[:count], joined[count:]
        return taken

    def read_head(self) -> Reply:
        """Status line and headers of the next reply; its body stays unread."""
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        code, _, reason = rest.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(code) != 3 or not code.isdigit():
            raise BadReply(f"status line {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise BadReply(f"header line {line!r}")
            headers.append((name, value.strip()))
        return Reply(int(code), reason, tuple(headers))

    def read_chunk(self) -> bytes | None:
        """The next chunk of a chunked body; None at its end."""
        size_text = self._until(b"\r\n").split(b";")[0].strip()
        try:
            size = int(size_text, 16)
        except ValueError:
            raise BadReply(f"chunk size {size_text!r}") from None
        if size == 0:
            if self._until(b"\r\n") != b"":
                raise BadReply("trailers after the last chunk")
            return None
        data = self._exactly(size)
        if self._exactly(2) != b"\r\n":
            raise BadReply("no line end after a chunk")
        return data

    def read_object(self) -> Any:
        """The next JSON object of a chunked stream (one per line); None when the body has ended."""
        line = b""
        while not line.endswith(b"\n"):
            chunk = self.read_chunk()
            if chunk is None:
                if line:
                    raise BadReply(f"stream ended inside an object: {line[:200]!r}")
                return None
            line += chunk
        objects = line.splitlines()
        if len(objects) != 1:
            raise BadReply(f"several objects in one chunk: {line[:200]!r}")
        return json.loads(objects[0])

    def read_reply(self, *, head_only: bool = False) -> Reply:
        """The next whole reply; interim 1xx replies are skipped."""
        head = self.read_head()
        while head.status < 200:
            head = self.read_head()
        if head_only or head.status in (204, 304):
            return head
        return self.read_body(head)

    def read_body(self, head: Reply) -> Reply:
        """The rest of the reply whose head has been read."""
        if (head.header("Transfer-Encoding") or "").lower() == "chunked":
            pieces = []
            while (chunk := self.read_chunk()) is not None:
                pieces.append(chunk)
            return Reply(head.status, head.reason, head.headers, b"".join(pieces))
        length = head.header("Content-Length")
        if length is not None:
            return Reply(head.status, head.reason, head.headers, self._exactly(int(length)))
        try:
            while True:
                self.buffer += self._more(b"")
        except PeerClosed:
            body, self.buffer = self.buffer, b""
            return Reply(head.status, head.reason, head.headers, body)

    def replies_until_close(self, most: int) -> list[Reply]:
        """All whole replies until the server closes (or `most`); BadReply when it closes inside one."""
        replies: list[Reply] = []
        while len(replies) < most:
            try:
                replies.append(self.read_reply())
            except PeerClosed as closed:
                if closed.partial:
                    raise BadReply(f"closed inside a reply: {closed.partial!r}") from None
                break
        return replies

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing at all arrives within that time (for "no event" checks)."""
        if self.buffer:
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self.buffer += self.socket.recv(1 << 16)
        except (TimeoutError, BlockingIOError):
            return True
        finally:
            self.socket.settimeout(before)
        return False

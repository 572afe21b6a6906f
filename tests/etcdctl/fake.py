"""A server that answers exactly what a test wants: late, in pieces, wrong, or never."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One request as it came in."""

    method: str
    target: str
    body: str
    headers: dict[str, str]


class Answer(NamedTuple):
    """Bytes to send, then go on with the connection, `close` it, or `hang` until the client goes away."""

    data: bytes
    then: str = "keep"


HANG = Answer(b"", "hang")
CLOSE = Answer(b"", "close")


def reply(
    body: object, status: int = 200, headers: str = "X-Etcd-Index: 7\r\n", then: str = "keep"
) -> Answer:
    """A proper reply; `body` is bytes, or made JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(
        f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data, then
    )


def file_event(value: str, index: int = 7, action: str = "get") -> dict[str, Any]:
    """The object for one file `/k`."""
    node = {"key": "/k", "value": value, "modifiedIndex": index, "createdIndex": index}
    return {"action": action, "node": node}


def always(answer: Answer) -> Callable[[Asked], Answer]:
    """The same answer to everything."""
    return lambda _: answer


class FakeServer:
    """Answers each request with what `handler` returns for it. `asked` is what came in, in order."""

    def __init__(self, handler: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._handler = handler
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def connections(self) -> int:
        """How many have been opened."""
        with self._lock:
            return len(self._open)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> FakeServer:
        self._threads[0].start()
        return self

    def stop_listening(self) -> None:
        """Refuse new connections from now on."""
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._threads[0].join()
            self._listener.close()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop_listening()
        with self._lock:
            for connection in self._open:
                # The client may have gone already: then there is nothing left to shut.
                if connection.fileno() >= 0:
                    _shut(connection)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            with self._lock:
                self._open.append(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        except OSError:
            plain.close()
            return
        with connection, connection.makefile("rb") as stream:
            try:
                while (asked := _read(stream)) is not None:
                    self.asked.append(asked)
                    data, then = self._handler(asked)
                    connection.sendall(data)
                    if then == "hang":
                        stream.read()
                        return
                    if then == "close":
                        return
            except OSError:
                return


def _read(stream: Any) -> Asked | None:
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3 or not first[2].startswith("HTTP/"):
        # TLS where it should be plain, say: a line of that may fall into three parts as well.
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().strip().decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0"))).decode("latin-1")
    return Asked(first[0], first[1], body, headers)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

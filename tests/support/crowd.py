"""Thousands of watchers in one thread: raw non-blocking sockets behind one selector."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

Done = Callable[["Watcher"], bool]


class Watcher:
    """One connection and all the bytes that it has received."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(30)
        self.socket.connect(address)
        self.socket.sendall(request)
        self.socket.setblocking(False)
        self.received = b""
        self.is_open = True

    def read(self) -> None:
        """Take what is there."""
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                self.is_open = False
                return
            self.received += data

    @property
    def has_head(self) -> bool:
        """Whether the server has accepted the watch."""
        return b"\r\n\r\n" in self.received

    @property
    def is_over(self) -> bool:
        """Whether the chunked body has ended."""
        return self.received.endswith(b"\r\n0\r\n\r\n")

    def events(self) -> list[bytes]:
        """The chunks of the body so far, each one event; ValueError when they are not well-formed."""
        body = self.received.partition(b"\r\n\r\n")[2]
        found = []
        while body:
            size_text, _, rest = body.partition(b"\r\n")
            size = int(size_text, 16)
            if size == 0:
                if rest != b"\r\n":
                    raise ValueError(f"after the end: {rest[:100]!r}")
                break
            found.append(rest[:size])
            if rest[size : size + 2] != b"\r\n":
                raise ValueError(f"broken chunk: {rest[:100]!r}")
            body = rest[size + 2 :]
        return found


class Crowd:
    """All watchers; closes them at the end."""

    def __init__(self, address: tuple[str, int], count: int, request: bytes) -> None:
        self.selector = selectors.DefaultSelector()
        self.watchers: list[Watcher] = []
        for _ in range(count):
            watcher = Watcher(address, request)
            self.watchers.append(watcher)
            self.selector.register(watcher.socket, selectors.EVENT_READ, watcher)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for watcher in self.watchers:
            watcher.socket.close()
        self.selector.close()

    def wait_all(self, done: Done, deadline_s: float, what: str) -> None:
        """Read until `done` holds for everybody; AssertionError with the count of the others."""
        deadline = time.monotonic() + deadline_s
        waiting = {id(watcher) for watcher in self.watchers if not done(watcher)}
        while waiting:
            left = deadline - time.monotonic()
            assert left > 0, f"{len(waiting)} of {len(self.watchers)} watchers: not {what} in {deadline_s} s"
            for key, _ in self.selector.select(left):
                watcher: Watcher = key.data
                watcher.read()
                if not watcher.is_open:
                    self.selector.unregister(watcher.socket)
                if done(watcher):
                    waiting.discard(id(watcher))
                else:
                    assert watcher.is_open, f"closed before {what}: {watcher.received[-300:]!r}"

    def drain(self) -> None:
        """Read what has arrived, waiting for nobody."""
        for watcher in self.watchers:
            if watcher.is_open:
                watcher.read()


def wrongly_told(crowd: list[list[bytes]], expected: list[bytes]) -> list[str]:
    """Who was not told exactly the expected events, once each and in order."""
    return [
        f"watcher {number}: {len(got)} events, {[event[:120] for event in got[:3]]}"
        for number, got in enumerate(crowd)
        if got != expected
    ]

"""A way to a server that can be cut."""

from __future__ import annotations

import random
import socket
import threading


class CuttingProxy:
    """Forwards TCP connections to `port` on loopback, and cuts each after a random number of bytes of the
    replies.

    `cuts` counts how often that has happened. `calm` ends it.
    """

    def __init__(self, port: int, chance: random.Random, *, bytes_max: int, cuts_max: int = 1 << 30) -> None:
        self.cuts = 0
        self._cuts_max = cuts_max
        self._port = port
        self._chance = chance
        self._bytes_max = bytes_max
        self._is_calm = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def calm(self) -> None:
        """Cut nothing any more."""
        self._is_calm = True

    def __enter__(self) -> CuttingProxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self._open:
            _cut(connection)
        for thread in self._threads[1:]:
            thread.join()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            self._open += [client, server]
            limit = self._chance.randrange(1, self._bytes_max)
            for source, sink, count in ((client, server, 1 << 60), (server, client, limit)):
                thread = threading.Thread(target=self._forward, args=(source, sink, count))
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, sink: socket.socket, left: int) -> None:
        try:
            while data := source.recv(65536):
                if len(data) >= left and not self._is_calm and self.cuts < self._cuts_max:
                    self.cuts += 1
                    sink.sendall(data[:left])
                    break
                left -= len(data)
                sink.sendall(data)
        except OSError:
            # The other direction has been cut: so is this one.
            pass
        _cut(source)
        _cut(sink)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself.
        return

"""A member that is none: it lists itself as the cluster, and answers clients as a test wants it to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

Answer = Callable[[socket.socket, bytes], None]


class OddMember:
    """Both ports in one. `heads` are the requests of clients, `answer` gets the connection and the head.

    `more_urls` are other client URLs that it says it has.
    """

    name = "odd"

    def __init__(self, answer: Answer, *more_urls: str) -> None:
        self.heads: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.peer_port = self._listener.getsockname()[1]
        self._client_urls = [f"http://127.0.0.1:{self.peer_port}", *more_urls]
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []

    def __enter__(self) -> OddMember:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = connection.recv(1)
                if not byte:
                    return
                head += byte
            if head.startswith(b"GET /members "):
                member = {"id": 5, "name": "odd", "clientURLs": self._client_urls}
                member["peerURLs"] = [f"http://127.0.0.1:{self.peer_port}"]
                reply(connection, json.dumps([member]).encode(), b"X-Etcd-Cluster-Id: 7\r\n")
            else:
                self.heads.append(head)
                self._answer(connection, head)
        except OSError:
            # The test has ended, or the proxy has gone.
            return
        finally:
            connection.close()


def reply(connection: socket.socket, body: bytes, headers: bytes = b"") -> None:
    """A whole one, and the end."""
    connection.sendall(
        b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (headers, len(body), body)
    )

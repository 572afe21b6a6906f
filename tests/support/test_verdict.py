"""The judge of malformed requests, shown servers that are bad in every way it must notice."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.verdict import exchange, faults
from tests.support.wire import Connection

Behaviour = Callable[[socket.socket], None]


@contextmanager
def fake_server(behave: Behaviour) -> Iterator[Callable[[], Connection]]:
    """A server that accepts one connection and then behaves as told; the connection ends with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            conn, _ = listener.accept()
            with conn:
                behave(conn)
                if behave is hang:
                    done.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield lambda: Connection(listener.getsockname())
        finally:
            done.set()
            thread.join()


def say(data: bytes) -> Behaviour:
    def behave(conn: socket.socket) -> None:
        conn.recv(1000)
        conn.sendall(data)

    return behave


def hang(conn: socket.socket) -> None:
    conn.recv(1000)


def reset(conn: socket.socket) -> None:
    conn.recv(1000)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_control_a_good_refusal_passes() -> None:
    with fake_server(say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad")) as connect:
        assert faults(exchange(connect, [b"nonsense\r\n\r\n"], replies=None)) == []
    with fake_server(say(b"")) as connect:
        assert faults(exchange(connect, [b"nonsense\r\n\r\n"], replies=None)) == []


@pytest.mark.parametrize(
    ("behaviour", "complaint"),
    [
        (say(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nOops"), "status 500"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "status 200"),
        (
            say(b"HTTP/1.1 400 Bad\r\nContent-Length: 35\r\n\r\nTraceback (most recent call last):\n"),
            "stack trace",
        ),
        (say(b"HTTP/1.1 400 Bad\r\nContent-Length: 99\r\n\r\nshort"), "inside a reply"),
        (say(b"HTTP/1.1 400"), "inside a reply"),
        (say(b"thread 'main' panicked at\r\n\r\n"), "not HTTP"),
        (reset, "reset"),
        (hang, "no answer in time"),
    ],
    ids=["500", "200", "trace", "short body", "short head", "not http", "reset", "hang"],
)
def test_control_bad_servers_are_noticed(behaviour: Behaviour, complaint: str) -> None:
    with fake_server(behaviour) as connect:
        found = faults(exchange(connect, [b"nonsense\r\n\r\n"], replies=None, deadline_s=0.5))
    assert any(complaint in one for one in found), found


def test_control_a_second_reply_to_one_request_is_noticed() -> None:
    """What a smuggled request would look like."""
    twice = b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    with fake_server(say(twice)) as connect:
        found = faults(exchange(connect, [b"x\r\n\r\n"], replies=None))
    assert found == ["status 201, expected one of " + str(sorted(range(400, 412)))]

"""What a call across the border with Rust costs, without sockets: `feed`, `turn`, `take_output`, `status`."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from coreos_py._core import Engine, Front

PEER_URL = "http://127.0.0.1:2380"
CLIENT_URL = "http://127.0.0.1:2379"
REPLY_DEADLINE_S = 10.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh member that leads itself."""
    opened = Engine.open(
        str(tmp_path / "data"),
        name="bench",
        initial_cluster=[("bench", [PEER_URL])],
        token=None,
        peer_urls=[PEER_URL],
        client_urls=[CLIENT_URL],
    )
    yield opened
    opened.close()


class Exchange:
    """One fed connection: requests in, whole replies out."""

    def __init__(self, engine: Engine) -> None:
        self.front = Front(engine)
        self.connection = self.front.open_fed("127.0.0.1:1")

    def __call__(self, request: bytes, status: bytes) -> bytes:
        """The reply to one request; it must have this status."""
        self.front.feed(self.connection, request)
        while True:
            self.front.turn()
            reply, is_closing = self.front.take_output(self.connection)
            if reply:
                assert reply.startswith(b"HTTP/1.1 " + status), reply
                assert not is_closing
                return reply
            ready, _, _ = select.select([self.front.fileno()], [], [], REPLY_DEADLINE_S)
            assert ready, "no reply came"


@pytest.fixture
def exchange(engine: Engine) -> Exchange:
    """A connection to a member that has one key."""
    made = Exchange(engine)
    made(put("/v2/keys/k"), b"201")
    return made


def get(path: str) -> bytes:
    """A read."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:2379\r\n\r\n".encode()


def put(path: str) -> bytes:
    """A write of 64 bytes."""
    body = "value=" + "v" * 64
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()


def test_an_empty_turn(benchmark: BenchmarkFixture, exchange: Exchange) -> None:
    requests, fed_ready, _ = benchmark(exchange.front.turn)
    assert (requests, fed_ready) == ([], [])


def test_a_read(benchmark: BenchmarkFixture, exchange: Exchange) -> None:
    reply = benchmark(exchange, get("/v2/keys/k"), b"200")
    assert b'"value":"' + b"v" * 64 in reply


def test_a_missing_key(benchmark: BenchmarkFixture, exchange: Exchange) -> None:
    assert b'"errorCode":100' in benchmark(exchange, get("/v2/keys/nope"), b"404")


def test_a_durable_write(benchmark: BenchmarkFixture, exchange: Exchange) -> None:
    """One fdatasync each: mostly the disk."""
    assert b'"action":"set"' in benchmark(exchange, put("/v2/keys/k"), b"200")


def test_status(benchmark: BenchmarkFixture, engine: Engine) -> None:
    assert benchmark(engine.status)["state"] == "StateLeader"

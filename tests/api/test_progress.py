"""Notices of progress on watches (docs/v2-extensions.md): plain and TLS."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.crowd import Crowd, wrongly_told
from tests.support.plain_and_tls import plain_and_tls
from tests.support.server import Kind, Server
from tests.support.wire import Connection, request_bytes

Servers = Callable[[Kind], Server]
server = plain_and_tls()
#: Longer than a notice takes: its second of silence, and the second until the server looks.
SILENT_S = 3.0
#: In each of them one stream is silent until it has been told how far it is.
ROUNDS = 4


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def plain(module_servers: Servers) -> Server:
    """Where the transport makes no difference."""
    return module_servers(Kind.OURS)


def watch(server: Server, stack: ExitStack, key: str, query: str = "&progress=1") -> Connection:
    """A watch that the server has accepted."""
    conn = stack.enter_context(server.connect())
    conn.send(f"GET /v2/keys{key}?wait=true{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert conn.read_head().status == 200
    return conn


def index(conn: Connection) -> int:
    return conn.get("/_none").etcd_index


def test_a_long_poll_ends_with_the_index_to_go_on_from(server: Server, stack: ExitStack) -> None:
    """The quiet key's watcher learns of a busy neighbour's indexes, and loses no event of its own."""
    writer = stack.enter_context(server.connect())
    before = index(writer)
    waiting = watch(server, stack, "/quiet", f"&progress=1&waitIndex={before + 1}")
    for number in range(50):
        writer.put("/busy", str(number))
    told = waiting.read_object()
    assert told == {"action": "progress", "index": before + 50}
    assert waiting.read_chunk() is None, "the request ends"
    event = writer.put("/quiet", "1").json()
    again = f"GET /v2/keys/quiet?wait=true&waitIndex={told['index'] + 1} HTTP/1.1\r\nHost: x\r\n\r\n"
    waiting.send(again.encode())
    assert waiting.read_head().status == 200, "the connection is still good"
    assert waiting.read_object() == event


def test_a_stream_is_told_again_and_again_and_goes_on(server: Server, stack: ExitStack) -> None:
    writer = stack.enter_context(server.connect())
    stream = watch(server, stack, "/s", "&progress=1&stream=true&recursive=true")
    first, second = stream.read_object(), stream.read_object()
    assert first == second == {"action": "progress", "index": index(writer)}
    event = writer.put("/s/a", "1").json()
    assert stream.read_object() == event
    assert stream.read_object() == {"action": "progress", "index": event["node"]["modifiedIndex"]}


def test_a_watch_that_waits_for_a_later_index_is_not_sent_back(plain: Server, stack: ExitStack) -> None:
    writer = stack.enter_context(plain.connect())
    now = index(writer)
    waiting = watch(plain, stack, "/later", f"&progress=1&waitIndex={now + 100}")
    assert waiting.read_object() == {"action": "progress", "index": now + 99}


def test_who_did_not_ask_is_told_nothing(plain: Server, stack: ExitStack) -> None:
    """The control; an hour's notice does not come after a second either."""
    silent = [watch(plain, stack, "/n", query) for query in ("", "&stream=true", "&progress=3600")]
    assert watch(plain, stack, "/n").read_object()["action"] == "progress"
    assert watch(plain, stack, "/n").read_object()["action"] == "progress"
    writer = stack.enter_context(plain.connect())
    event = writer.put("/n", "1").json()
    assert [conn.read_object() for conn in silent] == [event] * 3


def test_events_put_a_notice_off(plain: Server, stack: ExitStack) -> None:
    """It says that nothing came; a stream that has events all the time needs none."""
    writer = stack.enter_context(plain.connect())
    stream = watch(plain, stack, "/fast", "&progress=2&stream=true")
    other = watch(plain, stack, "/other", "&progress=2&stream=true")
    seen: list[Any] = []
    other.socket.settimeout(0.05)
    while other.is_quiet(0.05):
        event = writer.put("/fast", "1").json()
        assert stream.read_object() == event
        seen.append(event)
    assert len(seen) > 3


def too_late(seen: list[Any]) -> list[Any]:
    """Events that came behind a notice which had said that nothing like them would."""
    told, late = 0, []
    for one in seen:
        if one["action"] == "progress":
            told = max(told, one["index"])
        elif one["node"]["modifiedIndex"] <= told:
            late.append(one)
    return late


def test_nothing_at_or_below_the_index_comes_later(server: Server, stack: ExitStack) -> None:
    """Streams on many keys, some silent for a second while the others are written without a pause."""
    choice = random.Random(20261127)
    keys = [f"/g/{number}" for number in range(60)]
    writer = stack.enter_context(server.connect())
    since = index(writer) + 1
    streams = {key: watch(server, stack, key, f"&progress=1&stream=true&waitIndex={since}") for key in keys}
    written: dict[str, list[int]] = {key: [] for key in keys}
    seen: dict[str, list[Any]] = {key: [] for key in keys}
    for _ in range(ROUNDS):
        silent, *busy = choice.sample(keys, 30)
        is_told = False
        while not is_told:
            batch = choice.choices(busy, k=100)
            writer.send(b"".join(request_bytes("PUT", f"/v2/keys{key}", b"value=1") for key in batch))
            for key in batch:
                written[key].append(writer.read_reply().json()["node"]["modifiedIndex"])
            while not streams[silent].is_quiet(0.001):
                seen[silent].append(streams[silent].read_object())
                is_told = seen[silent][-1]["action"] == "progress"
    for key, stream in streams.items():
        last = writer.put(key, "last").json()
        seen[key] += [*iter(stream.read_object, last), last]
        assert too_late(seen[key]) == []
        got = [one["node"]["modifiedIndex"] for one in seen[key] if one["action"] != "progress"]
        assert got == [*written[key], last["node"]["modifiedIndex"]], "every event once, and in order"
    # How many more there are depends on how long the rounds took.
    assert sum(one["action"] == "progress" for key in keys for one in seen[key]) >= ROUNDS


def test_control_an_event_behind_its_notice_is_found() -> None:
    notice, event = {"action": "progress", "index": 5}, {"action": "set", "node": {"modifiedIndex": 5}}
    assert too_late([event, notice]) == []
    assert too_late([notice, event]) == [event]


def test_thousands_of_silent_watchers_are_told_in_one_go(plain: Server) -> None:
    """Each once; a write afterwards finds none of them left, and the server as quick as before."""
    count = 2000
    request = request_bytes("GET", "/v2/keys/crowd?wait=true&progress=2")
    with plain.connect() as conn, Crowd(plain.address, count, request) as crowd:
        crowd.wait_all(lambda watcher: watcher.is_over, 45.0, "told")
        expected = f'{{"action":"progress","index":{index(conn)}}}\n'.encode()
        wrong = wrongly_told([watcher.events() for watcher in crowd.watchers], [expected])
        assert not wrong, (len(wrong), wrong[:5])
        assert conn.request("GET", "/v2/stats/store").json()["watchers"] == 0
        assert conn.put("/crowd", "1").status == 201
        crowd.drain()
        assert not wrongly_told([watcher.events() for watcher in crowd.watchers], [expected])


@pytest.mark.parametrize(
    "value", ["", "0", "-1", "x", "1.5", "86401", "99999999999999999999"], ids=lambda value: value or "empty"
)
def test_bad_values(plain: Server, value: str) -> None:
    with plain.connect() as conn:
        reply = conn.get("/p", f"?wait=true&progress={value}")
    cause = 'invalid value for "progress": it is a number of seconds from 1 to 86400'
    expected = {"errorCode": 209, "message": "Invalid field", "cause": cause, "index": 0}
    assert (reply.status, reply.json()) == (400, expected)


def test_an_http_1_0_client_gets_its_line_and_the_end(plain: Server) -> None:
    with plain.connect() as conn:
        conn.send(b"GET /v2/keys/old?wait=true&progress=1 HTTP/1.0\r\nHost: x\r\n\r\n")
        reply = conn.read_reply()
    assert reply.json()["action"] == "progress"
    assert not reply.keeps_alive


def test_with_quorum_and_from_the_past(plain: Server, stack: ExitStack) -> None:
    writer = stack.enter_context(plain.connect())
    first = writer.put("/past", "1").json()
    writer.put("/elsewhere", "1")
    since = first["node"]["modifiedIndex"]
    stream = watch(plain, stack, "/past", f"&progress=1&stream=true&quorum=true&waitIndex={since}")
    assert stream.read_object() == first
    assert stream.read_object() == {"action": "progress", "index": index(writer)}


@pytest.mark.parametrize("kind", [Kind.UPSTREAM, Kind.ETCD34], ids=lambda kind: kind.value)
def test_an_old_server_ignores_it(module_servers: Servers, stack: ExitStack, kind: Kind) -> None:
    silent = watch(module_servers(kind), stack, "/u", "&progress=1&stream=true")
    assert silent.is_quiet(SILENT_S)

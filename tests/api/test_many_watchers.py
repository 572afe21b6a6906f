"""Watches in numbers and over time: everybody is told exactly once, in order, also from the past."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.crowd import Crowd, wrongly_told
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.wire import Connection, PeerClosed, form, request_bytes

Servers = Callable[[Kind], Server]
OURS_AND_ORACLE = pytest.mark.parametrize("kind", [Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
WATCHERS = 5000
TOLD_S = 60.0


def watch_request(key: str, query: str = "") -> bytes:
    return f"GET /v2/keys{key}?wait=true{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def watchers(conn: Connection) -> int:
    """How many watches the server holds."""
    count: int = conn.request("GET", "/v2/stats/store").json()["watchers"]
    return count


def pipelined_puts(conn: Connection, puts: list[tuple[str, bytes]], batch: int = 64) -> list[int]:
    """Write many keys on one connection; their indexes."""
    indexes = []
    for start in range(0, len(puts), batch):
        part = puts[start : start + batch]
        conn.send(b"".join(request_bytes("PUT", f"/v2/keys{key}", form(value=value)) for key, value in part))
        for _ in part:
            reply = conn.read_reply()
            assert reply.status in (200, 201), reply
            indexes.append(reply.json()["node"]["modifiedIndex"])
    return indexes


@OURS_AND_ORACLE
def test_five_thousand_watchers_of_one_key(module_servers: Servers, kind: Kind) -> None:
    """One write tells all of them, once; a second write finds nobody left to tell."""
    server = module_servers(kind)
    with server.connect() as conn, Crowd(server.address, WATCHERS, watch_request("/crowd")) as crowd:
        crowd.wait_all(lambda watcher: watcher.has_head, TOLD_S, "accepted")
        if kind.is_ours:
            assert watchers(conn) == WATCHERS
        event = conn.put("/crowd", "first").body
        conn.put("/crowd", "second")
        crowd.wait_all(lambda watcher: watcher.is_over, TOLD_S, "told")
        crowd.drain()
        wrong = wrongly_told([watcher.events() for watcher in crowd.watchers], [event])
        assert not wrong, (len(wrong), wrong[:5])
        if kind.is_ours:
            assert watchers(conn) == 0


def test_a_thousand_streams_get_every_event_in_order(module_servers: Servers) -> None:
    server = module_servers(Kind.OURS)
    request = watch_request("/streams", "&recursive=true&stream=true")
    with server.connect() as conn, Crowd(server.address, 1000, request) as crowd:
        crowd.wait_all(lambda watcher: watcher.has_head, TOLD_S, "accepted")
        events = []
        for number in range(30):
            events.append(conn.put(f"/streams/{number % 3}", str(number)).body)
            conn.put("/streams/_hidden", "x")
            conn.put("/elsewhere", "x")
        last = events[-1]
        crowd.wait_all(lambda watcher: last in watcher.received, TOLD_S, "told")
        wrong = wrongly_told([watcher.events() for watcher in crowd.watchers], events)
        assert not wrong, (len(wrong), wrong[:5])


def test_control_the_count_of_events_is_judged() -> None:
    good = [b"a", b"b"]
    assert wrongly_told([good, good], good) == []
    for bad in ([b"a"], [b"a", b"b", b"b"], [b"b", b"a"], []):
        assert len(wrongly_told([good, bad], good)) == 1


def test_watchers_that_leave_are_forgotten(module_servers: Servers) -> None:
    server = module_servers(Kind.OURS)
    with server.connect() as conn:
        with Crowd(server.address, 500, watch_request("/leavers")) as crowd:
            crowd.wait_all(lambda watcher: watcher.has_head, TOLD_S, "accepted")
        wait_until(lambda: watchers(conn) == 0, lambda: f"{watchers(conn)} watches of closed connections")
        assert conn.put("/leavers", "1").status == 201


def test_a_stream_from_the_past_joins_the_present_without_a_gap(module_servers: Servers) -> None:
    """Streams begin at an old index while another client keeps writing."""
    server = module_servers(Kind.OURS)
    total = 3000
    with server.connect() as writer:
        first = writer.put("/join/k", "0").json()["node"]["modifiedIndex"]
        begun = threading.Event()
        written: list[int] = []

        def write() -> None:
            for start in range(0, total, 100):
                written.extend(
                    pipelined_puts(writer, [("/join/k", str(start + n).encode()) for n in range(100)])
                )
                begun.set()

        thread = threading.Thread(target=write)
        thread.start()
        begun.wait()
        streams = []
        for _ in range(10):
            conn = server.connect()
            conn.send(watch_request("/join/k", f"&stream=true&waitIndex={first}"))
            assert conn.read_head().status == 200
            streams.append(conn)
        thread.join()
        assert len(written) == total
        for conn in streams:
            seen = [conn.read_object()["node"]["modifiedIndex"] for _ in range(total + 1)]
            assert seen == [first, *written]
            conn.close()


def test_a_slow_stream_is_ended_with_the_index_to_go_on_from(module_servers: Servers) -> None:
    """A client that does not read is told everything up to an index, then that index, then closed."""
    server = module_servers(Kind.OURS)
    puts = [(f"/slow/{number}", b"x" * 32768) for number in range(400)]
    with server.connect(receive_buffer_bytes=4096) as slow, server.connect() as writer:
        slow.send(watch_request("/slow", "&recursive=true&stream=true"))
        assert slow.read_head().status == 200
        written = pipelined_puts(writer, puts, batch=8)
        seen: list[int] = []
        final: dict[str, Any] = {}
        while (document := slow.read_object()) is not None:
            assert not final, "nothing comes after the notice"
            if "errorCode" in document:
                final = document
            else:
                seen.append(document["node"]["modifiedIndex"])
        assert seen == written[: len(seen)], "no event is missing before the end"
        assert len(seen) < len(written), "the watcher was not slow enough for the test to mean anything"
        assert final, "closed without a word"
        assert final["errorCode"] == 400
        assert final["index"] == seen[-1]
        assert str(seen[-1] + 1) in final["cause"]
        with pytest.raises(PeerClosed):
            slow.read_head()
        with server.connect() as again:
            again.send(watch_request("/slow", f"&recursive=true&stream=true&waitIndex={seen[-1] + 1}"))
            assert again.read_head().status == 200
            rest = [again.read_object()["node"]["modifiedIndex"] for _ in range(len(written) - len(seen))]
        assert seen + rest == written


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_a_busy_key_does_not_cost_a_quiet_one_its_watch(module_servers: Servers, kind: Kind) -> None:
    """The history overflows with /busy; a watch on /quiet from an old index goes live all the same.

    Upstream gives 401 there, which shows that the history really has overflowed.
    """
    server = module_servers(kind)
    with server.connect() as conn:
        old = conn.put("/quiet/k", "1").json()["node"]["modifiedIndex"] + 1
        value = b"b" * 16384
        pipelined_puts(conn, [(f"/busy/{number % 50}", value) for number in range(2500)])
        reply = conn.get("/busy", f"?wait=true&recursive=true&waitIndex={old}")
        assert (reply.status, reply.json()["errorCode"]) == (400, 401)
        if not kind.has_fixes:
            reply = conn.get("/quiet/k", f"?wait=true&waitIndex={old}")
            assert (reply.status, reply.json()["errorCode"]) == (400, 401)
            return
        watches = []
        for key, query in [
            ("/quiet/k", ""),
            ("/quiet", "&recursive=true"),
            ("/quiet", "&recursive=true&stream=true"),
            ("/quiet/not_yet", ""),
        ]:
            watching = server.connect()
            watching.send(watch_request(key, f"&waitIndex={old}{query}"))
            head = watching.read_head()
            assert head.status == 200, (key, query, watching.buffer)
            watches.append(watching)
        one = json.loads(conn.put("/quiet/k", "2").body)
        other = json.loads(conn.put("/quiet/not_yet", "3").body)
        expected = [one, one, one, other]
        assert [watching.read_object() for watching in watches] == expected
        for watching in watches:
            watching.close()

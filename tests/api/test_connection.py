"""Connections and framing: versions, keep-alive, HEAD, long listings, CORS, and the same over TLS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.plain_and_tls import plain_and_tls
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.wire import PeerClosed, form, request_bytes
from tests.support.writers import flatten

server = plain_and_tls("--cors", "http://allowed.example")


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: Keep-Alive, Close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_who_closes(server: Server, version: str, header: str, stays: bool) -> None:
    with server.connect() as conn:
        conn.send(f"GET /v2/keys/none HTTP/{version}\r\nHost: x\r\n{header}\r\n".encode())
        assert conn.read_reply().status == 404
        if stays:
            assert conn.get("/none").status == 404
        else:
            with pytest.raises(PeerClosed) as caught:
                conn.read_reply()
            assert not caught.value.reset


def test_watch_over_http_1_0_ends_with_the_connection(server: Server) -> None:
    """HTTP/1.0 knows no chunks."""
    with server.connect() as conn, server.connect() as writer:
        conn.send(b"GET /v2/keys/old?wait=true HTTP/1.0\r\n\r\n")
        head = conn.read_head()
        assert head.status == 200
        assert head.header("Transfer-Encoding") is None
        event = writer.put("/old", "1").body
        assert conn._exactly(len(event)) == event
        with pytest.raises(PeerClosed):
            conn.read_head()
        writer.delete("/old")


def test_head_is_get_without_a_body(server: Server) -> None:
    with server.connect() as conn:
        conn.put("/head/a", "x" * 1000)
        for target in ("/v2/keys/head/a", "/v2/keys/head", "/v2/keys/none"):
            head, get = conn.request("HEAD", target), conn.request("GET", target)
            assert head.status == get.status
            assert head.header("Content-Length") == str(len(get.body))
            assert head.header("X-Etcd-Index") == get.header("X-Etcd-Index")


def test_a_long_listing_is_whole_and_sorted(server: Server) -> None:
    """Thousands of nodes, rendered away from the event loop; a write in between does not tear it."""
    count = 3000
    with server.connect() as conn, server.connect() as other:
        for start in range(0, count, 100):
            keys = [f"/long/{n % 10}/{n:05}" for n in range(start, start + 100)]
            conn.send(b"".join(request_bytes("PUT", f"/v2/keys{key}", form(value=key * 5)) for key in keys))
            for _ in keys:
                assert conn.read_reply().status == 201
        conn.send(
            request_bytes("GET", "/v2/keys/long?recursive=true") + request_bytes("GET", "/v2/keys/after")
        )
        other.put("/long/0/zzz", "late")
        reply = conn.read_reply()
        files = flatten(reply.json()["node"])
        assert list(files) == sorted(files)
        assert len(files) in (count, count + 1)
        assert (len(files) == count + 1) == (reply.etcd_index == other.get("/none").etcd_index)
        assert all(value == key * 5 for key, (value, _) in files.items() if value != "late")
        assert conn.read_reply().status == 404, "the request behind it"


def test_a_client_that_leaves_inside_a_long_listing(server: Server) -> None:
    with server.connect() as conn:
        for n in range(300):
            conn.put(f"/leave/{n}", "x" * 20_000)
        for _ in range(5):
            with server.connect() as leaving:
                leaving.send(request_bytes("GET", "/v2/keys/leave?recursive=true"))
                assert leaving.read_head().status == 200
        assert len(conn.get("/leave").json()["node"]["nodes"]) == 300
    server.assert_no_traces()


@pytest.mark.parametrize("stream", ["", "&stream=true"], ids=["once", "stream"])
def test_watches_end_when_their_client_sends_no_more(server: Server, stream: str) -> None:
    """Half-closing is leaving, as it is for etcd: nobody is kept waiting for events in vain."""
    with server.connect() as conn:

        def watchers() -> int:
            count: int = conn.request("GET", "/v2/stats/store").json()["watchers"]
            return count

        wait_until(lambda: watchers() == 0, lambda: f"{watchers()} watches of earlier tests")
        leaving = [server.connect() for _ in range(5)]
        for number, one in enumerate(leaving):
            one.send(request_bytes("GET", f"/v2/keys/half/{number % 2}?wait=true{stream}"))
            assert one.read_head().status == 200
        assert watchers() == len(leaving), "the control: so many are held before"
        for one in leaving:
            one.half_close()
        wait_until(lambda: watchers() == 0, lambda: f"{watchers()} watches of clients that left")
        assert conn.put("/half/0", "1").status in (200, 201)
        for one in leaving:
            one.close()
    server.assert_no_traces()


def test_cors_only_for_the_allowed_origin(server: Server) -> None:
    with server.connect() as conn:
        allowed = conn.request("GET", "/v2/keys/none", headers=(("Origin", "http://allowed.example"),))
        assert allowed.header("Access-Control-Allow-Origin") == "http://allowed.example"
        assert allowed.header("Access-Control-Allow-Methods") == "POST, GET, OPTIONS, PUT, DELETE"
        assert allowed.header("Access-Control-Allow-Headers") == "accept, content-type, authorization"
        other = conn.request("GET", "/v2/keys/none", headers=(("Origin", "http://other.example"),))
        assert not [name for name in other.names() if name.startswith("Access-Control")]
        assert conn.request("OPTIONS", "/v2/keys/x").status == 200


Servers = Callable[[Kind], Server]


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_a_read_sees_the_write_pipelined_before_it(module_servers: Servers, kind: Kind) -> None:
    with module_servers(kind).connect() as conn:
        for number in range(50):
            conn.send(
                request_bytes("PUT", "/v2/keys/pipe", form(value=number))
                + request_bytes("GET", "/v2/keys/pipe")
                + request_bytes("DELETE", "/v2/keys/pipe")
                + request_bytes("GET", "/v2/keys/pipe")
            )
            assert [conn.read_reply().status for _ in range(4)] == [201, 200, 200, 404]

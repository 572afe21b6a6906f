"""What clients see through the proxy: keys, watches, streams, big bodies, and the ends of connections."""

from __future__ import annotations

import contextlib
import socket

import pytest

from coreos_py.client import BlockingClient
from tests.proxy.running import Proxy
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.support.wire import Connection, PeerClosed, form, request_bytes


def watchers(backend: Server) -> int:
    found: int = backend.request("GET", "/v2/stats/store").json()["watchers"]
    return found


def test_keys_are_the_member_s(proxy: Proxy, backend: Server) -> None:
    with proxy.connect() as through, backend.connect() as direct:
        made = through.put("/f/a", "1")
        assert made.status == 201
        ours = through.get("/f/a")
        for query in ("", "?quorum=true", "?recursive=true&sorted=true"):
            ours, theirs = through.get("/f/a", query), direct.get("/f/a", query)
            assert (ours.status, ours.body, ours.etcd_index) == (200, theirs.body, theirs.etcd_index)
        assert through.put("/f/a", "2", "?prevValue=9").json()["errorCode"] == 101
        assert through.request("POST", "/v2/keys/f/q", form(value="x")).status == 201
        head = through.request("HEAD", "/v2/keys/f/a")
        assert (head.status, head.body, head.header("Content-Length")) == (200, b"", str(len(ours.body)))
        assert through.delete("/f/a").json()["action"] == "delete"
        assert through.get("/f/a").status == 404
        assert through.request("GET", "/v2/members").json() == direct.request("GET", "/v2/members").json()


def test_the_client_library_works_through_it(proxy: Proxy) -> None:
    with BlockingClient(f"http://127.0.0.1:{proxy.client_port}") as etcd:
        etcd.set("/lib", b"v")
        assert etcd.get("/lib").value == "v"
        with etcd.watch("/lib") as events:
            etcd.set("/lib", b"w")
            assert next(events).value == "w"


def test_requests_in_a_row_are_answered_in_order(proxy: Proxy) -> None:
    with proxy.connect() as client:
        wanted = [f"/row/{number}" for number in range(20)]
        client.send(b"".join(request_bytes("PUT", f"/v2/keys{key}", form(value="v")) for key in wanted))
        assert [client.read_reply().json()["node"]["key"] for _ in wanted] == wanted


def test_a_chunked_body_arrives_whole(proxy: Proxy) -> None:
    with proxy.connect() as client:
        client.send(
            b"PUT /v2/keys/chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n6\r\nvalue=\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert client.read_reply().json()["node"]["value"] == "abc"


def test_a_client_that_asks_first_is_told_to_go_on(proxy: Proxy) -> None:
    with proxy.connect() as client:
        client.send(
            b"PUT /v2/keys/asked HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 7\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        assert client.read_head().status == 100
        client.send(b"value=x")
        assert client.read_reply().json()["node"]["value"] == "x"


def test_a_megabyte_goes_both_ways(proxy: Proxy) -> None:
    value = "x" * 1_000_000
    with proxy.connect() as client:
        assert client.put("/big", value).status in (200, 201)
        assert client.get("/big").json()["node"]["value"] == value


def test_a_long_poll_is_answered_when_something_happens(proxy: Proxy, backend: Server) -> None:
    before = watchers(backend)
    with proxy.connect() as waiting, backend.connect() as direct:
        waiting.send(request_bytes("GET", "/v2/keys/poll?wait=true"))
        wait_until(lambda: watchers(backend) > before)
        direct.put("/poll", "now")
        assert waiting.read_reply().json()["node"]["value"] == "now"
        # The connection goes on.
        assert waiting.get("/poll").json()["node"]["value"] == "now"


def test_the_head_of_a_watch_comes_at_once(proxy: Proxy, backend: Server) -> None:
    with proxy.connect() as waiting:
        waiting.send(request_bytes("GET", "/v2/keys/nothing?wait=true"))
        head = waiting.read_head()
        assert (head.status, head.etcd_index > 0) == (200, True)


def test_a_stream_passes_event_by_event(proxy: Proxy, backend: Server) -> None:
    with proxy.connect() as waiting, backend.connect() as direct:
        waiting.send(request_bytes("GET", "/v2/keys/s?wait=true&stream=true&recursive=true"))
        assert waiting.read_head().status == 200
        for number in range(5):
            direct.put(f"/s/{number}", str(number))
            assert waiting.read_object()["node"]["value"] == str(number)


@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_a_client_that_goes_takes_its_watch_with_it(proxy: Proxy, backend: Server, how: str) -> None:
    # Those of the tests before this one end when their members notice.
    wait_until(lambda: watchers(backend) == 0)
    with proxy.connect() as waiting:
        waiting.send(request_bytes("GET", "/v2/keys/gone?wait=true"))
        wait_until(lambda: watchers(backend) == 1)
        if how == "reset":
            waiting.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if how == "half":
            waiting.half_close()
        else:
            waiting.close()
        wait_until(lambda: watchers(backend) == 0)


def test_a_client_that_ends_its_half_still_gets_its_reply(proxy: Proxy) -> None:
    with proxy.connect() as client:
        client.send(request_bytes("PUT", "/v2/keys/half", form(value="v")))
        client.half_close()
        assert client.read_reply().status in (200, 201)
        with pytest.raises(PeerClosed):
            client.read_head()


def test_old_clients_of_http_1_0(proxy: Proxy) -> None:
    with proxy.connect() as client:
        client.send(b"GET /v2/keys/nothing HTTP/1.0\r\n\r\n")
        reply = client.read_reply()
        assert (reply.status, reply.json()["errorCode"]) == (404, 100)
        with pytest.raises(PeerClosed):
            client.read_head()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/keys HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /v2/keys HTTP/1.1\r\nHost: h\r\nX: " + b"a" * (1 << 21) + b"\r\n\r\n", 431),
        (b"PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\n", 413),
        (b"PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nA00001\r\n"
         + b"a" * 0xA00001, 413),
    ],
)  # fmt: skip
def test_what_cannot_be_forwarded_is_refused_and_ends(proxy: Proxy, sent: bytes, status: int) -> None:
    with proxy.connect() as client:
        # It may end before it has read all of it; its answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(sent)
        reply = client.read_reply()
        assert reply.status == status
        assert reply.body.endswith(b"\n")
        assert reply.header("Connection") == "close"


def test_keys_beyond_ascii_as_people_type_them(proxy: Proxy) -> None:
    request = (
        "PUT /v2/keys/ä?prevExist=false&x=ö HTTP/1.1\r\nHost: h\r\nX-Name: ä\r\nContent-Length: 0\r\n\r\n"
    )
    with proxy.connect() as client:
        # All at once, and byte by byte; the second of two that come together is no other than the first.
        client.send(2 * request.encode())
        assert client.read_reply().json()["node"]["key"] == "/ä"
        assert client.read_reply().json()["errorCode"] == 105
        for byte in request.encode():
            client.send(bytes([byte]))
        assert client.read_reply().json()["cause"] == "/ä"
        assert client.request("DELETE", "/v2/keys/%C3%A4").status == 200


def test_no_tunnels_and_no_malformed_paths(proxy: Proxy) -> None:
    with proxy.connect() as client:
        assert client.request("CONNECT", "h:1").status == 400
        for target in ("/v2/keys/%zz", "/v2/keys/%", "*", "v2/keys"):
            assert client.request("GET", target).body == b"malformed path in the request line\n"


def test_other_connections_do_not_notice_bad_ones(proxy: Proxy) -> None:
    with proxy.connect() as good, proxy.connect() as bad:
        bad.send(b"\0" * 100)
        assert good.get("/_none").status == 404


def test_absolute_targets_are_for_us(proxy: Proxy, backend: Server) -> None:
    with Connection(proxy.address) as client:
        client.send(b"GET http://elsewhere.example:1/v2/keys/abs HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
        # A name that DNS can point anywhere is not served by a proxy that listens on loopback alone.
        assert client.read_reply().status == 403
        client.send(b"GET http://127.0.0.1:1/v2/keys/abs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.read_reply().json()["errorCode"] == 100

"""Servers that are away, silent, broken or somewhere else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.conftest import ServerFactory
from tests.etcdctl.fake import CLOSE, HANG, Answer, Asked, FakeServer, always, file_event, reply
from tests.etcdctl.runner import Ctl, client_url
from tests.support.ports import free_port
from tests.support.server import Kind

NOWHERE = "http://127.0.0.1:1"
REFUSED = "dial tcp 127.0.0.1:1: connect: connection refused"
UNAVAILABLE = "Error:  client: etcd cluster is unavailable or misconfigured\n"
UNKNOWN = "the request was sent, so it may have been carried out: the outcome is unknown\n"
QUICK = ("--timeout", "200ms")


def ctl_for(*servers: FakeServer | str) -> Ctl:
    """Our etcdctl for these endpoints."""
    return Ctl.ours(",".join(server if isinstance(server, str) else server.url for server in servers))


def ok(_: Asked) -> Answer:
    """Every key holds `v`."""
    return reply(file_event("v"))


def members_only(answer: Answer) -> Callable[[Asked], Answer]:
    """This answer when asked for members; every key holds `v`."""
    return lambda asked: answer if asked.target == "/v2/members" else ok(asked)


def test_unreachable_j254_j255() -> None:
    wanted = (2, "", f"{UNAVAILABLE}error #0: {REFUSED}\n\n")
    assert ctl_for(NOWHERE).run("get", "/x") == wanted
    assert ctl_for(NOWHERE).run("--no-sync", "get", "/x") == wanted
    assert ctl_for(NOWHERE).run("--no-sync", "set", "/x", "1") == wanted
    assert ctl_for(NOWHERE).run("watch", "/x") == wanted
    assert ctl_for(NOWHERE).run("--debug", "get", "/x").code == 2


def test_all_reasons_are_listed() -> None:
    code, _, err = ctl_for(NOWHERE, "http://127.0.0.1:2", "no-such-host.invalid:2379").run("get", "/x")
    assert code == 2
    assert err.startswith(UNAVAILABLE)
    assert sorted(line.partition(": ")[2] for line in err.splitlines()[1:4]) == [
        REFUSED,
        REFUSED.replace(":1:", ":2:"),
        "dial tcp: lookup no-such-host.invalid: no such host",
    ]


def test_a_silent_server() -> None:
    with FakeServer(always(HANG)) as server:
        text = f"client: endpoint {server.url} exceeded header timeout"
        assert ctl_for(server).run(*QUICK, "get", "/k") == (4, "", f"{UNAVAILABLE}error #0: {text}\n\n")
        late = ctl_for(server).run("--timeout", "10s", "--total-timeout", "200ms", "--no-sync", "get", "/k")
        assert late == (4, "", "Error:  context deadline exceeded\n")


@contextmanager
def unreachable() -> Iterator[str]:
    """A server that no connection comes to: its queue is full, and further ones get no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_nobody_within_the_total_time_is_nobody() -> None:
    """2 whichever limit ends it, with the reasons so far."""
    with unreachable() as first, unreachable() as second:
        # The control: it is a try's own limit that ends it.
        code, _, err = ctl_for(first).run(*QUICK, "--no-sync", "get", "/k")
        timeout = f"dial tcp {first.removeprefix('http://')}: i/o timeout"
        assert (code, err) == (2, f"{UNAVAILABLE}error #0: {timeout}\n\n")
        over = (2, "", "Error:  context deadline exceeded\n")
        late = ("--timeout", "30s", "--total-timeout", "200ms")
        assert ctl_for(first).run(*late, "get", "/k") == over
        assert ctl_for(first).run(*late, "member", "list") == over
        assert ctl_for(first).run(*late, "--no-sync", "mk", "/k", "v") == over
        late = ("--timeout", "2s", "--total-timeout", "2200ms")
        code, out, err = ctl_for(first, second).run(*late, "--no-sync", "get", "/k")
        assert (code, out) == (2, "")
        lines = err.splitlines()
        assert lines[0] == "Error:  context deadline exceeded"
        assert lines[1:] in (
            [f"error #0: {timeout}"],
            [f"error #0: {timeout.replace(first[7:], second[7:])}"],
        )


@pytest.mark.parametrize("words", [["mk", "/k", "v"], ["mk", "--in-order", "/k", "v"], ["rm", "/k"]])
def test_what_must_not_happen_twice_is_sent_once(words: list[str]) -> None:
    with FakeServer(always(HANG)) as first, FakeServer(always(CLOSE)) as second:
        code, out, err = ctl_for(first, second).run(*QUICK, "--no-sync", *words)
        assert (code, out) == (4, "")
        assert err.endswith(UNKNOWN)
        assert len(first.asked) + len(second.asked) == 1


def test_a_write_that_may_be_repeated_goes_to_the_next_member() -> None:
    with FakeServer(always(HANG)) as silent, FakeServer(always(CLOSE)) as closing, FakeServer(ok) as good:
        ctl = ctl_for(silent, closing, good)
        for words in (["set", "/k", "v"], ["update", "/k", "v"], ["get", "/k"]):
            assert ctl.run("--timeout", "1s", "--no-sync", *words) == (0, "v\n", "")
        assert ctl_for(silent).run(*QUICK, "--no-sync", "set", "/k", "v").err.endswith(UNKNOWN)


def test_refused_connections_are_passed_over_for_every_request() -> None:
    with FakeServer(ok) as good:
        for _ in range(4):
            assert ctl_for(NOWHERE, good).run("--no-sync", "mk", "/k", "v") == (0, "v\n", "")


def test_errors_of_the_server_itself() -> None:
    error = {
        "errorCode": 300,
        "message": "Raft Internal Error",
        "cause": "etcdserver: request timed out",
        "index": 0,
    }
    with FakeServer(lambda _: reply(error, 500)) as bad, FakeServer(ok) as good:
        text = "Error:  300: Raft Internal Error (etcdserver: request timed out) [0]\n"
        for words in (["get", "/k"], ["mk", "/k", "v"]):
            assert ctl_for(bad).run("--no-sync", *words) == (4, "", text)
        for _ in range(4):
            assert ctl_for(bad, good).run("--no-sync", "get", "/k") == (0, "v\n", "")
    with FakeServer(lambda _: reply(b"<html>", 502)) as proxy:
        text = "Error:  client: server error, HTTP status 502\n"
        assert ctl_for(proxy).run("--no-sync", "get", "/k") == (4, "", text)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (413, "request body too long: the limit is 10485760 bytes"),
        (414, "key of 70001 bytes: the limit is 65536 (--max-key-bytes)"),
        (421, "etcd received your request, but the Host header was unrecognized."),
        (431, "request headers too long: the limit is 1048576 bytes"),
    ],
)
def test_what_a_server_does_not_take_is_told_in_its_words(status: int, text: str) -> None:
    with FakeServer(lambda _: reply(f"\n{text}\n\nMore.\n".encode(), status)) as server:
        for words in (["set", "/k", "v"], ["rm", "/k"], ["watch", "/k"]):
            assert ctl_for(server).run("--no-sync", *words) == (4, "", f"Error:  {text}\n")
        assert ctl_for(server).run("--no-sync", "user", "remove", "al") == (1, "", f"{text}\n")


def test_our_servers_limits_are_told(make_server: ServerFactory) -> None:
    ctl = ctl_for(client_url(make_server(Kind.OURS).start()))
    long_key = (4, "", "Error:  key of 70001 bytes: the limit is 65536 (--max-key-bytes)\n")
    assert ctl.run("set", "/" + "k" * 70_000, "v") == long_key
    long_value = (4, "", "Error:  request body too long: the limit is 10485760 bytes\n")
    assert ctl.run("set", "/k", stdin=b"x" * 12_000_000) == long_value
    assert ctl.run("get", "/k").code == 4


def test_control_a_page_is_not_a_servers_words() -> None:
    for body, status in ((b"<html>too long</html>", 414), (b"", 413), (b"nothing here", 404)):
        with FakeServer(lambda _, body=body, status=status: reply(body, status)) as server:  # type: ignore[misc]
            code, out, err = ctl_for(server).run("--no-sync", "set", "/k", "v")
        assert (code, out) == (4, "")
        assert err.startswith("Error:  client: response ")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (reply(b"404 page not found\n", 404), "client: response is invalid json. The endpoint is"),
        (reply(b"[1]"), "client: response is invalid json. The endpoint is"),
        (reply({"action": "get"}), "client: response is invalid json. The endpoint is"),
        (reply({"action": "get", "node": {"key": 5}}), "client: response is invalid json. The endpoint is"),
        (
            reply({"action": "get", "node": {"nodes": [1]}}),
            "client: response is invalid json. The endpoint is",
        ),
        (reply(b""), "client: response body is empty"),
        (Answer(b"SSH-2.0-OpenSSH\r\n", "close"), "malformed HTTP response"),
        (Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "close"), "unexpected EOF"),
        (Answer(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", "close"), "bad Content-Length"),
        (Answer(b"HTTP/1.1 200 OK\r\nbad line\r\n\r\n{}", "close"), "malformed HTTP header"),
        (
            Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "close"),
            "malformed chunked",
        ),
        (Answer(b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 70_000, "hang"), "headers are too long"),
        (CLOSE, "EOF"),
    ],
)
def test_what_is_no_etcd(answer: Answer, text: str) -> None:
    with FakeServer(always(answer)) as server:
        code, out, err = ctl_for(server).run("--no-sync", "get", "/k")
        assert (code, out) == (4, "")
        assert text in err


def test_replies_in_every_framing() -> None:
    body = b'{"action":"get","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}'
    chunks = (
        b"".join(b"1;x=y\r\n" + body[at : at + 1] + b"\r\n" for at in range(len(body))) + b"0\r\nT: x\r\n\r\n"
    )
    for answer in (
        Answer(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        ),
        Answer(b"HTTP/1.0 200 OK\r\n\r\n" + body, "close"),
        reply(body, headers="Connection: close\r\n", then="close"),
    ):
        with FakeServer(always(answer)) as server:
            assert ctl_for(server).run("--no-sync", "get", "/k") == (0, "v\n", "")


def test_a_refused_body_is_answered_although_the_server_stops_reading() -> None:
    """An answer before the whole body was read, then a close: the answer counts, not the broken pipe."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        big = b"x" * 30_000_000
        with Ctl.ours(url).start_with_input("--no-sync", "set", "/k", stdin=big) as run:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10)
                connection.sendall(
                    reply({"errorCode": 413, "message": "too big", "cause": "/k", "index": 1}, 413).data
                )
                # Only half a close: with unread data in its buffer a full one would take the answer away.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass
                assert run.ended() == (4, "", "Error:  413: too big (/k) [1]\n")


class Members:
    """A handler that knows a member list and one value."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.urls: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.target == "/v2/members":
            members = [
                {"id": "1", "name": "a", "peerURLs": [], "clientURLs": self.urls},
                {"clientURLs": None},
            ]
            return reply({"members": members})
        return reply(file_event(self.value))


@pytest.fixture
def members() -> Iterator[tuple[FakeServer, Members, FakeServer]]:
    """A server to ask for members, its handler, and another server."""
    handler = Members("first")
    with FakeServer(handler) as first, FakeServer(Members("second")) as second:
        yield first, handler, second


def test_sync_leads_to_what_the_members_advertise(members: tuple[FakeServer, Members, FakeServer]) -> None:
    first, handler, second = members
    handler.urls = [second.url]
    assert ctl_for(first).run("get", "/k") == (0, "second\n", "")
    assert ctl_for(first).run("--no-sync", "get", "/k") == (0, "first\n", "")


def test_sync_falls_back_to_what_was_given(members: tuple[FakeServer, Members, FakeServer]) -> None:
    first, handler, _ = members
    closed = f"http://127.0.0.1:{free_port()}"
    for urls in ([], [closed], ["nonsense://x", "http://"]):
        handler.urls = urls
        assert ctl_for(first).run("get", "/k") == (0, "first\n", "")


def test_a_server_without_a_member_list_is_used_as_given() -> None:
    for answer in (reply(b"404 page not found\n", 404), reply(b"nonsense"), reply({"members": 5})):
        with FakeServer(members_only(answer)) as server:
            assert ctl_for(server).run("get", "/k") == (0, "v\n", "")


def test_one_connection_serves_sync_and_command(members: tuple[FakeServer, Members, FakeServer]) -> None:
    first, handler, _ = members
    handler.urls = [first.url]
    code, _, err = ctl_for(first).run("--debug", "get", "/k")
    assert code == 0
    assert err == (
        f"start to sync cluster using endpoints({first.url})\n"
        f"cURL Command: curl -X GET {first.url}/v2/members\n"
        f"got endpoints({first.url}) after sync\n"
        f"Cluster-Endpoints: {first.url}\n"
        f"cURL Command: curl -X GET {first.url}/v2/keys/k?quorum=false&recursive=false&sorted=false\n"
    )
    assert [asked.target for asked in first.asked] == [
        "/v2/members",
        "/v2/keys/k?quorum=false&recursive=false&sorted=false",
    ]


def test_a_connection_closed_in_between_is_replaced() -> None:
    with FakeServer(members_only(reply({"members": []}, then="close"))) as server:
        for _ in range(5):
            assert ctl_for(server).run("mk", "/k", "v") == (0, "v\n", "")
            assert ctl_for(server).run("get", "/k") == (0, "v\n", "")


def test_redirects_are_followed() -> None:
    with FakeServer(ok) as leader:
        to_leader = f"Location: {leader.url}/v2/keys/k?x=1\r\n"
        with FakeServer(lambda _: reply(b"", 307, to_leader)) as follower:
            assert ctl_for(follower).run("--no-sync", "set", "/k", "v") == (0, "v\n", "")
        assert leader.asked[0][:3] == ("PUT", "/v2/keys/k?x=1", "value=v")
    with FakeServer(lambda _: reply(b"", 301, "Location: /again\r\n")) as circle:
        assert "too many redirects" in ctl_for(circle).run("--no-sync", "get", "/k").err
    with FakeServer(lambda _: reply(b"", 301, "Location: ftp://x/\r\n")) as elsewhere:
        assert "cannot be followed" in ctl_for(elsewhere).run("--no-sync", "get", "/k").err

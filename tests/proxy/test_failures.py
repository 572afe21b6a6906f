"""Members that fail, go and come back, and proxies that are told to end."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from tests.conftest import ServerFactory, require
from tests.proxy.conftest import ProxyFactory
from tests.proxy.odd import OddMember, reply
from tests.support.certificates import make_certificates
from tests.support.cluster import Cluster
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.wire import Connection, PeerClosed, form, request_bytes

FAILED = b'{"message":"proxy: unable to get response from 1 endpoint(s)"}'
NOBODY = b'{"message":"proxy: zero endpoints currently available"}'


@pytest.mark.parametrize("kind", [Kind.OURS, Kind.ETCD34])
def test_a_member_that_goes_and_comes_back(
    make_server: ServerFactory, make_proxy: ProxyFactory, kind: Kind
) -> None:
    backend = make_server(kind).start()
    proxy = make_proxy(backend, flags=["--proxy-failure-wait", "700"]).start()
    with proxy.connect() as client:
        assert client.put("/k", "1").status == 201
        backend.stop()
        first, second = client.get("/k"), client.get("/k")
        assert (first.status, first.body) == (502, FAILED)
        assert (second.status, second.body) == (503, NOBODY)
        assert proxy.shown_endpoints() == []
        backend.start()
        wait_until(lambda: client.get("/k").status == 200)
        assert proxy.shown_endpoints() == [f"http://127.0.0.1:{backend.client_port}"]
    assert "marked endpoint" in proxy.stderr()


def test_one_of_three_dies_and_is_removed(
    tmp_path: Path, make_proxy: ProxyFactory, request: pytest.FixtureRequest
) -> None:
    require(Kind.ETCD34, request.config)
    cluster = Cluster(Kind.ETCD34, tmp_path / "cluster", ["a", "b", "c"])
    for member in cluster.members:
        member.flags = ["--strict-reconfig-check=false"]
    with cluster:
        proxy = make_proxy(cluster.members[0], endpoints=3, flags=["--proxy-refresh-interval", "200"]).start()
        with proxy.connect() as client:
            client.put("/k", "1")
            dead = next(member for member in cluster.members if not member.leads())
            left = [member for member in cluster.members if member is not dead]
            members = left[0].request("GET", "/v2/members").json()["members"]
            number = next(member["id"] for member in members if member["name"] == dead.name)
            dead.kill()
            # The others answer whatever the order is.
            assert all(client.get("/k").status == 200 for _ in range(10))
            assert left[0].request("DELETE", f"/v2/members/{number}").status == 204
            # The file, because the dead one is not shown while it is left out for its failure.
            file, known = proxy.data_dir / "proxy" / "cluster", sorted(member.peer_url for member in left)
            wait_until(lambda: json.loads(file.read_text())["PeerURLs"] == known, file.read_text)
            urls = {f"http://127.0.0.1:{member.client_port}" for member in left}
            assert set(proxy.shown_endpoints()) == urls
        # Whom the flags name has gone: what the directory says counts.
        proxy.stop()
        proxy.peers = [dead]
        proxy.endpoints = 2
        proxy.start()
        assert "using peer urls from the data directory" in proxy.stderr()


def test_nobody_to_ask_yet_is_waited_for(make_server: ServerFactory, make_proxy: ProxyFactory) -> None:
    backend = make_server()
    proxy = make_proxy(backend, endpoints=0).start()
    assert proxy.request("GET", "/v2/keys/k").body == NOBODY
    backend.start()
    wait_until(lambda: proxy.request("GET", "/version").status == 200)
    (line,) = [line for line in proxy.stderr().splitlines() if "could not retrieve cluster" in line]
    assert "level=warn" in line


def test_a_write_that_may_have_been_done_is_not_sent_again(make_proxy: ProxyFactory) -> None:
    with OddMember(lambda _connection, _head: None) as silent:
        proxy = make_proxy(silent, flags=["--proxy-failure-wait", "1"]).start()
        before = len(silent.heads)
        wrote = proxy.request("PUT", "/v2/keys/k", form(value="1"))
        assert (wrote.status, wrote.body) == (502, FAILED)
        assert len(silent.heads) - before == 1


def test_a_read_that_nobody_answers_is_asked_of_the_next(
    make_server: ServerFactory, make_proxy: ProxyFactory
) -> None:
    backend = make_server().start()
    url = f"http://127.0.0.1:{backend.client_port}"
    with OddMember(lambda _connection, _head: None, url) as silent:
        proxy = make_proxy(silent, endpoints=2, flags=["--proxy-failure-wait", "60000"]).start()
        with proxy.connect() as client:
            assert [client.get("/none").status for _ in range(5)] == [404] * 5
        assert len(silent.heads) <= 1


def test_what_a_member_gets(make_proxy: ProxyFactory) -> None:
    with OddMember(lambda connection, _head: reply(connection, b"ok", b"X-A: 1\r\nx-b: 2\r\n")) as odd:
        proxy = make_proxy(odd).start()
        with proxy.connect() as client:
            headers = (
                ("X-Forwarded-For", "10.0.0.9"),
                ("Connection", "keep-alive"),
                ("Authorization", "Basic x"),
            )
            got = client.request("GET", "/v2/keys/a%20b?q=%41", headers=headers)
            assert (got.body, got.header("X-A"), got.header("x-b")) == (b"ok", "1", "2")
            assert got.keeps_alive, "that a member closes is no reason to close"
            assert client.request("GET", "/again").status == 200
        head = odd.heads[-2].decode()
        assert head.startswith("GET /v2/keys/a%20b?q=%41 HTTP/1.1\r\n")
        assert f"Host: 127.0.0.1:{odd.peer_port}\r\n" in head
        assert "X-Forwarded-For: 10.0.0.9, 127.0.0.1\r\n" in head
        assert "Authorization: Basic x\r\n" in head
        assert "onnection" not in head


def test_a_reply_that_is_cut_off_stays_cut_off(make_proxy: ProxyFactory) -> None:
    def cut(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    def cut_chunks(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")

    for answer in (cut, cut_chunks):
        with OddMember(answer) as odd:
            proxy = make_proxy(odd).start()
            with proxy.connect() as client:
                client.send(request_bytes("GET", "/k"))
                with pytest.raises(PeerClosed):
                    client.read_reply()


def test_a_silent_member_costs_no_more_than_its_time(make_proxy: ProxyFactory) -> None:
    release = threading.Event()
    with OddMember(lambda _connection, _head: [release.wait(30)].clear()) as odd:
        proxy = make_proxy(odd, flags=["--proxy-read-timeout", "300"]).start()
        assert proxy.request("GET", "/k").status == 502
        release.set()


def test_connections_beyond_the_limit_are_refused_in_words(
    make_server: ServerFactory, make_proxy: ProxyFactory
) -> None:
    proxy = make_proxy(make_server().start(), flags=["--max-connections", "2"]).start()
    held: list[Connection] = []

    def hold_one_more() -> bool:
        client = proxy.connect()
        # Those that have just been closed may still count.
        if client.request("GET", "/version").status != 200:
            client.close()
            return False
        held.append(client)
        return len(held) == 2

    try:
        wait_until(hold_one_more)
        with proxy.connect() as third:
            refused = third.read_reply()
            assert (refused.status, b"the limit is 2 (--max-connections)" in refused.body) == (503, True)
    finally:
        for client in held:
            client.close()


def test_slow_and_silent_clients_are_let_go(make_server: ServerFactory, make_proxy: ProxyFactory) -> None:
    flags = ["--head-timeout", "300ms", "--idle-timeout", "700ms"]
    proxy = make_proxy(make_server().start(), flags=flags).start()
    for begun in (
        b"",
        b"GET /v2/keys/a HTTP/1.1\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nx",
    ):
        with proxy.connect() as client:
            client.send(begun)
            with pytest.raises(PeerClosed):
                client.read_head()
    # A watch is spared.
    with proxy.connect() as waiting:
        waiting.send(request_bytes("GET", "/v2/keys/k?wait=true"))
        assert waiting.read_head().status == 200
        assert waiting.is_quiet(1.0)
        proxy.request("PUT", "/v2/keys/k", form(value="1"))
        assert waiting.read_object()["node"]["value"] == "1"


def test_an_end_answers_what_runs_and_ends_what_waits(make_proxy: ProxyFactory) -> None:
    release, reached = threading.Event(), threading.Event()

    def slowly(connection: socket.socket, _head: bytes) -> None:
        reached.set()
        release.wait(30)
        reply(connection, b"late")

    with OddMember(slowly) as odd:
        proxy = make_proxy(odd).start()
        with proxy.connect() as running, proxy.connect() as resting, proxy.connect() as waiting:
            assert resting.request("GET", "/v2/config/local/proxy").status == 200
            running.send(request_bytes("GET", "/k"))
            assert reached.wait(10)
            waiting.send(request_bytes("GET", "/k?wait=true"))
            wait_until(lambda: len(odd.heads) == 2)
            proxy.signal(15)
            for client in (resting, waiting):
                with pytest.raises(PeerClosed):
                    client.read_head()
            release.set()
            late = running.read_reply()
            assert (late.body, late.header("Connection")) == (b"late", "close")
        assert proxy.wait_exit() == 0
        proxy.assert_no_traces()


def test_tls_on_both_sides(make_server: ServerFactory, make_proxy: ProxyFactory, tmp_path: Path) -> None:
    certs = make_certificates(tmp_path)
    files = (certs.cert_file, certs.key_file)
    backend = make_server(tls=files, client_tls=certs.client).start()
    trusting = ["--trusted-ca-file", str(certs.ca_file)]
    proxy = make_proxy(backend, flags=trusting, tls=files, client_tls=certs.client).start()
    with proxy.connect() as client:
        assert client.put("/k", "1").status == 201
        assert client.get("/k").json()["node"]["value"] == "1"
        client.send(request_bytes("GET", "/v2/keys/k?wait=true"))
        assert client.read_head().status == 200
        backend.request("PUT", "/v2/keys/k", form(value="2"))
        assert client.read_object()["node"]["value"] == "2"
    with Connection(proxy.address) as plain:
        plain.send(request_bytes("GET", "/version"))
        assert b"HTTP request to an HTTPS server" in plain.read_reply().body
    # Without the authority the member is nobody that can be trusted.
    strict = make_proxy(backend).start()
    assert strict.request("GET", "/version").body == FAILED
    assert "certificate verify failed" in strict.stderr() or "unknown authority" in strict.stderr()


def test_directories_of_members_and_proxies(make_server: ServerFactory, make_proxy: ProxyFactory) -> None:
    backend = make_server().start()
    proxy = make_proxy(backend).start()
    proxy.stop()
    member = make_server(data_dir=proxy.data_dir)
    assert "belongs to a proxy" in member.refuses_to_start()
    backend.stop()
    wrong = make_proxy(backend, data_dir=backend.data_dir)
    assert "holds a member, and a proxy was asked for" in wrong.refuses_to_start()
    backend.start()
    assert not (backend.data_dir / "proxy").exists()


def test_numbers(make_server: ServerFactory, make_proxy: ProxyFactory) -> None:
    proxy = make_proxy(make_server().start(), mode="readonly").start()
    proxy.request("GET", "/version")
    text = proxy.request("GET", "/metrics").body.decode()
    assert 'etcd_proxy_handled_total{code="200",method="GET"} 1.0' in text
    assert proxy.request("HEAD", "/metrics").status == 200


class Discovering(Server):
    """Told of the others by a URL."""

    url = ""

    def command(self) -> list[str]:
        words = super().command()
        place = words.index("--initial-cluster")
        return [*words[:place], "--discovery", self.url, *words[place + 2 :]]


def test_discovery_that_is_full_makes_a_proxy(make_server: ServerFactory, tmp_path: Path) -> None:
    service = make_server().start()
    service.request("PUT", "/v2/keys/t/_config/size", form(value="1"))
    first = Discovering(Kind.OURS, tmp_path / "first", name="first")
    late = Discovering(Kind.OURS, tmp_path / "late", name="late")
    first.url = late.url = f"http://127.0.0.1:{service.client_port}/v2/keys/t"
    try:
        first.start()
        shown = first.request("GET", "/v2/members").json()["members"][0]
        listing = service.request("GET", "/v2/keys/t").json()["node"]["nodes"]
        assert [node["key"] for node in listing] == [f"/t/{shown['id']}"]
        late.launch()
        wait_until(lambda: "ready to serve" in late.stderr())
        assert "discovery cluster full, falling back to proxy" in late.stderr()
        late.request("PUT", "/v2/keys/through", form(value="x"))
        assert first.request("GET", "/v2/keys/through").status == 200
        late.stop()
        # The service need not be asked again: the directories say what each is.
        service.stop()
        late.launch()
        wait_until(lambda: late.stderr().count("ready to serve") == 2)
        assert late.request("GET", "/v2/keys/through").status == 200
        late.stop()
        first.restart()
        assert "flags that say how to begin are ignored" in first.stderr()
        first.stop()
    finally:
        first.discard()
        late.discard()

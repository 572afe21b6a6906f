"""The proxy's parts that do no I/O, and its file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from coreos_py.etcd.errors import StartError
from coreos_py.etcd.proxy.counters import Counters
from coreos_py.etcd.proxy.director import Director
from coreos_py.etcd.proxy.guard import Guard
from coreos_py.etcd.proxy.headers import for_client, for_member, value_of
from coreos_py.etcd.proxy.state import State


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def urls(director: Director) -> set[str]:
    return {endpoint.url for endpoint in director.usable()}


def test_a_failed_endpoint_is_left_out_for_a_while() -> None:
    clock = Clock()
    director = Director(5.0, clock, random.Random(1))
    assert (director.usable(), director.endpoints) == ([], ())
    director.learn(["http://a:1", "http://b:1", "http://a:1", "nonsense://x"])
    assert urls(director) == {"http://a:1", "http://b:1"}
    failed = director.usable()[0]
    director.failed(failed, "refused")
    assert failed not in director.usable()
    assert len(director.usable()) == 1
    clock.now_s += 4.9
    assert failed not in director.usable()
    # What it has failed at is not forgotten by a look at the list of members.
    director.learn(["http://a:1", "http://b:1"])
    assert failed not in director.usable()
    clock.now_s += 0.1
    assert failed in director.usable()
    director.learn(["http://c:1"])
    assert urls(director) == {"http://c:1"}


def test_the_order_is_drawn() -> None:
    director = Director(5.0, Clock(), random.Random(1))
    orders = set()
    for _ in range(50):
        director.learn(["http://a:1", "http://b:1", "http://c:1"])
        orders.add(tuple(endpoint.host for endpoint in director.usable()))
    assert len(orders) == 6


def test_headers_of_one_connection_do_not_go_on() -> None:
    given = [
        (b"Host", b"proxy:1"),
        (b"Connection", b"keep-alive, X-Hop"),
        (b"X-Hop", b"1"),
        (b"TE", b"trailers"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"Proxy-Authorization", b"secret"),
        (b"Authorization", b"Basic x"),
        (b"X-Forwarded-For", b"10.0.0.1"),
        (b"x-Own", b"2"),
    ]
    on = for_member(given, authority="member:2", remote="10.0.0.2", body=b"abc")
    assert on == [
        (b"Host", b"member:2"),
        (b"Authorization", b"Basic x"),
        (b"x-Own", b"2"),
        (b"X-Forwarded-For", b"10.0.0.1, 10.0.0.2"),
        (b"Content-Length", b"3"),
    ]
    bare = for_member([], authority="m", remote="::1", body=None)
    assert bare == [(b"Host", b"m"), (b"X-Forwarded-For", b"::1")]
    back = for_client(
        [(b"X-Etcd-Index", b"3"), (b"Connection", b"close"), (b"access-control-allow-origin", b"*")],
        [(b"Access-Control-Allow-Origin", b"http://a")],
    )
    assert back == [(b"X-Etcd-Index", b"3"), (b"Access-Control-Allow-Origin", b"http://a")]
    assert value_of(back, b"x-etcd-index") == b"3"


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("localhost:2379", True), ("LOCALHOST", True), ("[::1]:1", True), ("10.1.2.3:2379", True),
        ("etcd", True), ("here.example:1", True), ("", True), ("evil.example:1", False),
        ("10.1.2.3.evil.example", False), ("evil.", False),
    ],
)  # fmt: skip
def test_hosts(host: str, is_served: bool) -> None:
    guard = Guard(["", "localhost", "::1", "here.example"], [], takes_plain_hosts=True)
    assert guard.serves(host.encode()) == is_served
    assert Guard([], [], takes_plain_hosts=True).serves(host.encode())
    strict = Guard(["only.example"], [], takes_plain_hosts=False)
    assert not strict.serves(host.encode())


def test_origins() -> None:
    guard = Guard([], ["http://a"], takes_plain_hosts=False)
    assert dict(guard.cors(b"http://a"))[b"Access-Control-Allow-Origin"] == b"http://a"
    assert guard.cors(b"http://b") == guard.cors(b"") == []
    everybody = Guard([], ["*"], takes_plain_hosts=False)
    assert dict(everybody.cors(b""))[b"Access-Control-Allow-Origin"] == b"*"


def test_the_file_is_etcd_s(tmp_path: Path) -> None:
    state = State(str(tmp_path / "p"))
    assert state.load() == ()
    state.save(["http://b:1", "http://a:1"])
    file = tmp_path / "p" / "proxy" / "cluster"
    assert file.read_text() == '{"PeerURLs":["http://a:1","http://b:1"]}'
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    again = State(str(tmp_path / "p"))
    assert again.load() == ("http://a:1", "http://b:1")
    file.unlink()
    again.save(["http://b:1", "http://a:1"])
    assert not file.exists(), "what it remembers already is not written again"
    assert not list(file.parent.iterdir())


@pytest.mark.parametrize("text", ["", "{}", '{"PeerURLs":1}', '{"PeerURLs":[1]}', "[" * 100_000])
def test_a_file_that_is_none_is_not_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy" / "cluster").write_text(text)
    assert State(str(tmp_path)).load() == ()


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "proxy" / "cluster").mkdir(parents=True)
    with pytest.raises(StartError, match="cannot read"):
        State(str(tmp_path)).load()


def test_counters_do_not_grow_with_made_up_methods() -> None:
    counters = Counters()
    for number in range(100):
        counters.requested(f"X{number}")
    counters.handled("GET", 200)
    counters.dropped("PUT", "zero_endpoints")
    text = counters.render().body.decode()
    assert 'etcd_proxy_requests_total{method="other"} 100.0' in text
    assert 'etcd_proxy_handled_total{code="200",method="GET"} 1.0' in text
    assert 'etcd_proxy_dropped_total{method="PUT",proxying_error="zero_endpoints"} 1.0' in text
    assert "X99" not in text

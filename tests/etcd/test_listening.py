"""Sockets: what is bound, who holds a busy port, which hosts are served, running out of descriptors."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from coreos_py.etcd import accepting
from coreos_py.etcd.descriptors import RESERVED, raise_limit, share_out
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.hosts import accepted_hosts
from coreos_py.etcd.listeners import Listener, addresses, bind_all, close_all, listen_all
from coreos_py.etcd.notify import notify
from coreos_py.etcd.port_holder import describe_holder
from coreos_py.etcd.settings import Settings, parse
from coreos_py.etcd.urls import Url, parse_url
from tests.support.ports import free_port


@pytest.fixture
def holder() -> Iterator[socket.socket]:
    """A socket of this very process that listens on 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@pytest.fixture
def bound() -> Iterator[list[Listener]]:
    listeners: list[Listener] = []
    yield listeners
    close_all(listeners)


def test_the_holder_of_a_port_is_found(holder: socket.socket) -> None:
    said = describe_holder("127.0.0.1", port_of(holder))
    assert said.startswith(f"pid {os.getpid()} (")
    assert Path(sys.executable).name in said


def test_a_holder_of_one_address_blocks_all_of_them(holder: socket.socket) -> None:
    assert f"pid {os.getpid()} " in describe_holder("0.0.0.0", port_of(holder))
    assert f"pid {os.getpid()} " in describe_holder("::", port_of(holder))


def test_control_another_address_has_no_holder(holder: socket.socket) -> None:
    assert describe_holder("127.9.9.9", port_of(holder)) == "a process that cannot be seen from here"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_a_holder_by_ipv6_is_found() -> None:
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        assert f"pid {os.getpid()} " in describe_holder("::1", port_of(listener))


def test_a_process_that_we_may_not_look_into(tmp_path: Path, holder: socket.socket) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(Path("/proc/net/tcp").read_text())
    (tmp_path / "1").mkdir()
    assert describe_holder("127.0.0.1", port_of(holder), tmp_path) == "a process of another user"


def test_a_busy_port_is_a_sentence_with_its_holder(holder: socket.socket) -> None:
    url = Url("http", "127.0.0.1", port_of(holder))
    with pytest.raises(StartError) as caught:
        bind_all([url])
    assert f"cannot listen on {url}: port {url.port} is already in use by pid {os.getpid()} (" in str(
        caught.value
    )


def test_nothing_stays_bound_when_one_url_cannot_be(holder: socket.socket) -> None:
    free = free_port()
    with pytest.raises(StartError):
        bind_all([Url("http", "127.0.0.1", free), Url("http", "127.0.0.1", port_of(holder))])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free))


def test_a_foreign_address_is_refused_with_its_url() -> None:
    with pytest.raises(StartError, match=r"cannot listen on http://192\.0\.2\.1:1: "):
        bind_all([Url("http", "192.0.2.1", 1)])


def test_localhost_answers_on_ipv4(bound: list[Listener]) -> None:
    bound += bind_all([Url("http", "localhost", free_port())])
    listen_all(bound)
    assert bound[0].socket.getsockname()[0] == "127.0.0.1"
    assert {listener.url.host for listener in bound} == {"localhost"}
    with socket.create_connection(bound[0].socket.getsockname()):
        pass


def reached(host: str, port: int) -> bool:
    """Whether a client gets in."""
    try:
        socket.create_connection((host, port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_every_ipv6_address_means_every_ipv4_address_too(bound: list[Listener]) -> None:
    bound += bind_all([Url("http", "::", free_port()), Url("http", "::1", free_port())])
    listen_all(bound)
    both, control = (port_of(listener.socket) for listener in bound)
    assert reached("::1", both)
    assert reached("127.0.0.1", both)
    assert reached("::1", control)
    assert not reached("127.0.0.1", control), "one IPv6 address is only that"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("ipv4", ["0.0.0.0", "127.0.0.1"])
def test_an_ipv4_url_beside_every_ipv6_address_has_a_socket_of_its_own(
    bound: list[Listener], ipv4: str
) -> None:
    port = free_port()
    bound += bind_all([Url("http", "::", port), Url("http", ipv4, port)])
    listen_all(bound)
    assert reached("::1", port)
    assert reached("127.0.0.1", port)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "", "0.0.0.0"])
def test_localhost_beside_every_address(bound: list[Listener], host: str) -> None:
    port = free_port()
    bound += bind_all([Url("http", "localhost", port), Url("http", host, port), Url("http", "::1", port)])
    listen_all(bound)
    assert reached("::1", port)
    assert reached("127.0.0.1", port)


def test_one_of_every_address_has_its_scheme() -> None:
    port = free_port()
    with pytest.raises(StartError, match=f"http://0.0.0.0:{port} has the same address"):
        bind_all([Url("https", "127.0.0.1", port), Url("http", "0.0.0.0", port)])


def test_an_address_given_twice_is_bound_once(bound: list[Listener]) -> None:
    port = free_port()
    twice = Url("http", "127.0.0.1", port)
    bound += bind_all([twice, twice, Url("http", "localhost", port)])
    on_ipv4 = [listener for listener in bound if listener.socket.family is socket.AF_INET]
    assert len(on_ipv4) == 1


def test_one_address_has_one_scheme() -> None:
    port = free_port()
    with pytest.raises(StartError) as refused:
        bind_all([Url("http", "127.0.0.1", port), Url("https", "127.0.0.1", port)])
    assert str(refused.value) == (
        f"cannot listen on https://127.0.0.1:{port}: http://127.0.0.1:{port} has the same address"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_addresses_of_hosts() -> None:
    assert addresses("localhost") == [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    assert addresses("10.0.0.1") == [(socket.AF_INET, "10.0.0.1")]
    assert addresses("fd00::1") == [(socket.AF_INET6, "fd00::1")]
    assert addresses("")[0][1] in ("::", "0.0.0.0")


def test_accepted_sockets_inherit_their_options(bound: list[Listener]) -> None:
    bound += bind_all([Url("http", "127.0.0.1", 0)])
    listen_all(bound)
    with socket.create_connection(bound[0].socket.getsockname()):
        bound[0].socket.setblocking(True)
        accepted, _ = bound[0].socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


def made(line: str) -> Settings:
    parsed = parse([*line.split(), "--data-dir", "d"], {})
    assert isinstance(parsed, Settings)
    return parsed


def test_hosts_of_a_member_on_loopback_are_its_own_names() -> None:
    hosts = accepted_hosts(made("-addr 127.0.7.1:4001"), "box")
    assert {"", "localhost", "localhost.localdomain", "127.0.0.1", "::1", "box", "127.0.7.1"} == set(hosts)


@pytest.mark.parametrize("line", ["-addr 10.0.0.1:4001", "--host-whitelist *", "--compat upstream"])
def test_any_host_otherwise(line: str) -> None:
    assert accepted_hosts(made(line), "box") == []


def test_a_given_list_is_the_list() -> None:
    assert accepted_hosts(made("--host-whitelist a,b"), "box") == ["a", "b"]


@pytest.mark.parametrize(
    "url",
    ["http://h:1/", "http://h:1?x", "http://h:1#x", "http://u@h:1", "http://h:99999", "http://h:", "http://:x",
     "http://[::1:1", "http://::1:1", "h:1", "unix://h:1", "http:///h:1", "http://[fe80::1%eth0]:1",
     "http://h h:1"],
)  # fmt: skip
def test_wrong_urls(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|parse"):
        parse_url(url)


@pytest.mark.parametrize("url", ["http://h:1", "https://[::1]:2379", "http://:4001", "http://127.0.0.1:0"])
def test_right_urls_are_shown_as_given(url: str) -> None:
    assert str(parse_url(f" {url} ")) == url


def test_connection_limits() -> None:
    limit = raise_limit()
    assert limit > RESERVED
    for wanted, connections in ((0, 1000 - RESERVED), (10, 10), (5000, 1000 - RESERVED)):
        assert share_out(1000, wanted, has_tls=False).connections == connections


@pytest.mark.parametrize("descriptors", [RESERVED + 1, RESERVED + 20, 1024, 4096, 2**20])
def test_handshakes_have_their_own_share(descriptors: int) -> None:
    limits = share_out(descriptors, 0, has_tls=True)
    assert limits.handshakes >= 1
    # Of the smallest limit, one comes out of the reserve.
    assert limits.connections + limits.handshakes <= max(2, descriptors - RESERVED)
    assert share_out(descriptors, 0, has_tls=False).handshakes == 0
    assert share_out(descriptors, 5, has_tls=True).connections == min(5, limits.connections)


def test_a_connection_without_a_place_is_not_accepted(bound: list[Listener]) -> None:
    bound += bind_all([Url("http", "127.0.0.1", 0)])
    listen_all(bound)
    taken: list[socket.socket] = []

    async def test() -> None:
        send, receive = trio.open_memory_channel[socket.socket](10)
        places = trio.Semaphore(2, max_value=2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                accepting.accept_forever, bound[0], lambda one, _: send.send_nowait(one), places
            )
            clients = [socket.create_connection(bound[0].socket.getsockname(), timeout=10) for _ in range(5)]
            for number in range(len(clients)):
                if number >= 2:
                    await trio.testing.wait_all_tasks_blocked()
                    with pytest.raises(trio.WouldBlock):
                        receive.receive_nowait()
                    places.release()
                with trio.fail_after(10):
                    taken.append(await receive.receive())
            for one in (*clients, *taken):
                one.close()
            nursery.cancel_scope.cancel()

    trio.run(test)


def test_notify(tmp_path: Path) -> None:
    path = str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        notify({"NOTIFY_SOCKET": path}, "READY=1")
        assert manager.recv(100) == b"READY=1"


def test_notify_an_abstract_socket() -> None:
    name = f"coreos-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        notify({"NOTIFY_SOCKET": "@" + name}, "STOPPING=1")
        assert manager.recv(100) == b"STOPPING=1"


def test_nobody_to_notify(tmp_path: Path) -> None:
    notify({}, "READY=1")
    notify({"NOTIFY_SOCKET": str(tmp_path / "gone")}, "READY=1")


def test_without_descriptors_a_client_is_told_so(bound: list[Listener]) -> None:
    bound += bind_all([Url("http", "127.0.0.1", 0)])
    listen_all(bound)
    spare = accepting.Spare()
    try:
        with socket.create_connection(bound[0].socket.getsockname(), timeout=10) as client:
            spare.refuse_one(bound[0].socket)
            reply = b"".join(iter(lambda: client.recv(4096), b""))
    finally:
        spare.close()
    assert reply.startswith(b"HTTP/1.1 503 ")
    assert reply.endswith(b"too many open files: the limit of the process is reached\n")

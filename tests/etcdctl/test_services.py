"""`--discovery-srv`: a name server of the test answers; the library that asks is the real one."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from coreos_py.cli.etcdctl_ import discovery, output
from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import ConfigurationError
from coreos_py.client.services import ServicesError, find_endpoints
from tests.etcdctl.runner import Ctl

SECURE = "_etcd-client-ssl._tcp.example.com."
PLAIN = "_etcd-client._tcp.example.com."


class NameServer:
    """Answers each question from `records`; a name without any does not exist. Silent while `is_silent`."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.is_silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks this server."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return resolver

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, address = self._socket.recvfrom(4096)
            if not data:
                return
            if self.is_silent:
                continue
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text()
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            if name in self.records:
                answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", "SRV", self.records[name]))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), address)


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server that knows nothing yet."""
    server = NameServer()
    yield server
    server.close()


def test_both_services_are_asked_for(names: NameServer) -> None:
    names.records = {
        SECURE: ["0 0 2379 b.example.com."],
        PLAIN: ["10 5 4001 a.example.com.", "0 0 2379 c.example.com."],
    }
    found = find_endpoints("example.com", 30.0, names.resolver())
    assert found[0] == Endpoint("https", "b.example.com", 2379, "")
    assert sorted(found[1:]) == [
        Endpoint("http", "a.example.com", 4001, ""),
        Endpoint("http", "c.example.com", 2379, ""),
    ]
    del names.records[SECURE]
    assert len(find_endpoints("example.com.", 30.0, names.resolver())) == 2


def test_no_record_at_all(names: NameServer) -> None:
    with pytest.raises(ServicesError) as failed:
        find_endpoints("example.com", 30.0, names.resolver())
    assert str(failed.value) == (
        "dns lookup errors: lookup _etcd-client-ssl._tcp.example.com: no such host"
        " and lookup _etcd-client._tcp.example.com: no such host"
    )
    names.records = {SECURE: ["0 0 0 ."]}
    with pytest.raises(ServicesError, match="no such host"):
        find_endpoints("example.com", 30.0, names.resolver())


@pytest.mark.parametrize("domain", ["x..y", "a" * 300, "b\u00fc\ud800cher", "\udcff"])
def test_what_is_no_domain(names: NameServer, domain: str) -> None:
    with pytest.raises(ServicesError):
        find_endpoints(domain, 30.0, names.resolver())


def test_a_silent_name_server_is_waited_for_within_the_limit(names: NameServer) -> None:
    names.is_silent = True
    with pytest.raises(ServicesError, match=r"i/o timeout and lookup .*: i/o timeout"):
        find_endpoints("example.com", 0.1, names.resolver())


def test_plain_endpoints_count_only_when_asked_for(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    resolver = names.resolver()
    monkeypatch.setattr(dns.resolver, "Resolver", lambda: resolver)
    monkeypatch.setattr(output, "_write_all", lambda _descriptor, data: said.append(data.decode()))
    names.records = {PLAIN: ["0 0 2379 a.example.com."]}
    assert [found.url for found in discovery.discover("example.com", 30.0, accepts_plain=True)] == [
        "http://a.example.com:2379"
    ]
    with pytest.raises(CommandError, match="--insecure-discovery"):
        discovery.discover("example.com", 30.0, accepts_plain=False)
    assert said == ['ignoring discovered insecure endpoint "http://a.example.com:2379"\n']
    names.records[SECURE] = ["0 0 2380 b.example.com."]
    assert [found.port for found in discovery.discover("example.com", 30.0, accepts_plain=False)] == [2380]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.exception", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'coreos-py\[dns\]'"):
        find_endpoints("example.com", 1.0)


def test_it_beats_the_endpoints_and_fails_in_one_line() -> None:
    ctl = Ctl.ours("http://127.0.0.1:1")
    flags = ["--timeout", "500ms", "--total-timeout", "2s"]
    for done in (
        ctl.run(*flags, "--discovery-srv", "example.invalid", "get", "/k"),
        ctl.run(*flags, "-D", "example.invalid", "get", "/k"),
        ctl.run(*flags, "get", "/k", variables={"ETCDCTL_DISCOVERY_SRV": "example.invalid"}),
    ):
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert done.err.startswith("Error:  dns lookup errors: lookup _etcd-client-ssl._tcp.example.invalid")

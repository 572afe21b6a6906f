"""Names are looked up within etcdctl's time limits, however long the name server is silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from coreos_py.client import requests
from coreos_py.client._lookup import find_addresses
from coreos_py.client.blocking import BlockingClient, Options
from coreos_py.client.endpoints import parse_endpoints
from coreos_py.client.errors import AttemptError, DeadlineExceededError, UnavailableError


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The resolver knows numbers only; asked for a name it does not return before the test's end."""
    end = threading.Event()
    numeric = socket.getaddrinfo

    def ask(host: bytes, port: int, *, type: int, flags: int) -> object:
        if not flags:
            end.wait()
        return numeric(host, port, type=type, flags=socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield
    end.set()


def client(timeout_s: float | None, total_timeout_s: float | None) -> BlockingClient:
    """A client of an endpoint with a name."""
    endpoints = parse_endpoints("http://member.example:2379")
    return BlockingClient(endpoints, Options(timeout_s=timeout_s, total_timeout_s=total_timeout_s))


@pytest.mark.usefixtures("silent_name_server")
def test_a_lookup_ends_with_the_limit_of_one_try() -> None:
    with client(0.05, None) as etcd, pytest.raises(UnavailableError) as failed:
        etcd.call(requests.get("/k"))
    assert failed.value.reasons == ("dial tcp: lookup member.example: i/o timeout",)
    assert not failed.value.reached


@pytest.mark.usefixtures("silent_name_server")
def test_a_lookup_ends_with_the_limit_of_the_whole_command() -> None:
    with client(None, 0.05) as etcd, pytest.raises(DeadlineExceededError):
        etcd.call(requests.create("/k", b"v"))


@pytest.mark.usefixtures("silent_name_server")
@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_numbers_need_no_name_server(host: str, family: int) -> None:
    assert find_addresses(host, 2379, 0.0)[0][0] == family


def test_names_that_are_there_and_that_are_not() -> None:
    assert ("127.0.0.1", 2379) in [address[4] for address in find_addresses("localhost", 2379, 60.0)]
    for name in ("no-such-host.invalid", "a" * 70 + ".invalid", "b\u00fc\ud800cher.invalid"):
        with pytest.raises(AttemptError, match="no such host"):
            find_addresses(name, 2379, 60.0)

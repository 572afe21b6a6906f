"""SRV records as a list of members."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from coreos_py.client.endpoints import Endpoint
from coreos_py.client.services import find_peers
from coreos_py.etcd.bootstrap import NewCluster, RunProxy
from tests.bootstrap.worlds import PaperNetwork, plan, refusal

LINE = "--name me --initial-advertise-peer-urls http://10.0.0.2:2380 --discovery-srv example.com"


@pytest.fixture
def network() -> PaperNetwork:
    made = PaperNetwork()
    made.names = {f"n{number}.example.com": f"10.0.0.{number}" for number in (1, 2, 3)}
    made.names["10.0.0.2"] = "10.0.0.2"
    made.records["example.com", ""] = [
        Endpoint("http", f"n{number}.example.com", 2380, "") for number in (1, 2, 3)
    ]
    return made


def test_own_record_gets_the_name_and_the_others_numbers(network: PaperNetwork) -> None:
    assert plan(LINE, network) == NewCluster(
        (
            ("0", ("http://n1.example.com:2380",)),
            ("me", ("http://n2.example.com:2380",)),
            ("1", ("http://n3.example.com:2380",)),
        ),
        None,
    )


def test_targets_without_an_address_are_left_out(network: PaperNetwork) -> None:
    del network.names["n1.example.com"]
    found = plan(LINE, network)
    assert isinstance(found, NewCluster)
    assert [name for name, _ in found.initial_cluster] == ["me", "0"]


def test_a_suffix_is_part_of_the_question(network: PaperNetwork) -> None:
    network.records["example.com", "blue"] = network.records["example.com", ""][1:2]
    found = plan(f"{LINE} --discovery-srv-name blue", network)
    assert isinstance(found, NewCluster)
    assert [name for name, _ in found.initial_cluster] == ["me"]


def test_what_cannot_be_used(network: PaperNetwork) -> None:
    said = refusal(LINE.replace("10.0.0.2", "10.0.0.9"), network)
    assert 'cannot find local etcd member "me" in SRV records' in said
    network.records.clear()
    assert "no such host (--discovery-srv example.com)" in refusal(LINE, network)


def test_a_proxy_asks_the_targets(network: PaperNetwork) -> None:
    urls = tuple(f"http://n{number}.example.com:2380" for number in (1, 2, 3))
    assert plan("--proxy on --discovery-srv example.com", network) == RunProxy(urls)


class Resolver:
    """Knows two names."""

    lifetime = 1.0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolve(self, name: str, kind: str, *, lifetime: float) -> list[SimpleNamespace]:
        self.asked.append(name)
        return [SimpleNamespace(target=f"h{len(self.asked)}.example.", port=2380)]


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        ("", ["_etcd-server-ssl._tcp.example.com", "_etcd-server._tcp.example.com"]),
        ("blue", ["_etcd-server-ssl-blue._tcp.example.com", "_etcd-server-blue._tcp.example.com"]),
    ],
)
def test_what_a_name_server_is_asked(suffix: str, names: list[str]) -> None:
    resolver = Resolver()
    found = find_peers("example.com.", 1, suffix=suffix, resolver=resolver)  # type: ignore[arg-type]
    assert resolver.asked == names
    assert [endpoint.url for endpoint in found] == ["https://h1.example:2380", "http://h2.example:2380"]

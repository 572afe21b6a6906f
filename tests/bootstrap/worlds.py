"""A network that exists on paper, and settings from a command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from coreos_py.client.endpoints import Endpoint
from coreos_py.etcd import bootstrap
from coreos_py.etcd.bootstrap.network import AskError
from coreos_py.etcd.bootstrap.plans import RemoteCluster, RemoteMember
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import Settings, parse


class PaperNetwork:
    """`clusters` by peer URL; whoever is not in it does not answer. `names` are addresses of hosts."""

    def __init__(self) -> None:
        self.clusters: dict[str, RemoteCluster] = {}
        self.names: dict[str, str] = {}
        self.records: dict[tuple[str, str], list[Endpoint]] = {}
        self.files: dict[str, str] = {}
        self.asked: list[str] = []
        self.added: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.refusal = ""
        self.loses_answers = False

    def run(self, cluster: RemoteCluster) -> RemoteCluster:
        """Let every started member of it answer."""
        for member in cluster.members:
            if member.is_started:
                self.clusters |= dict.fromkeys(member.peer_urls, cluster)
        return cluster

    def cluster(self, peer_url: str, limit_s: float) -> RemoteCluster:
        self.asked.append(peer_url)
        if peer_url not in self.clusters:
            raise AskError("connection refused")
        return self.clusters[peer_url]

    def add(self, client_urls: Sequence[str], peer_urls: Sequence[str]) -> None:
        self.added.append((tuple(client_urls), tuple(peer_urls)))
        if self.refusal:
            raise AskError(self.refusal)
        before = next(iter(self.clusters.values()))
        new = RemoteMember(0xABC, "", tuple(peer_urls), ())
        self.run(RemoteCluster(before.id, (*before.members, new)))
        if self.loses_answers:
            raise AskError("unexpected EOF")

    def addresses(self, host: str, port: int) -> frozenset[str]:
        return frozenset({f"{self.names[host]} {port}"}) if host in self.names else frozenset()

    def peers_of_domain(self, domain: str, suffix: str) -> list[Endpoint]:
        if (domain, suffix) not in self.records:
            raise AskError("dns lookup errors: no such host")
        return self.records[domain, suffix]

    def read_text(self, path: str) -> str:
        return self.files[path] if path in self.files else Path(path).read_text()


def settings(line: str, folder: Path | None = None) -> Settings:
    """Of a command line; without a folder the data directory is one that does not exist."""
    parsed = parse([*line.split(), "--data-dir", str(folder or "nowhere.etcd")], {})
    assert isinstance(parsed, Settings)
    return parsed


def plan(line: str, network: PaperNetwork | None = None, folder: Path | None = None) -> bootstrap.Plan:
    """The plan of a command line."""
    return bootstrap.plan(settings(line, folder), network or PaperNetwork(), pause=_no_pause)


def refusal(line: str, network: PaperNetwork | None = None, folder: Path | None = None) -> str:
    """Why there is none."""
    with pytest.raises(StartError) as caught:
        plan(line, network, folder)
    return str(caught.value)


def _no_pause(seconds: float) -> None:
    raise AssertionError(f"nothing here is worth waiting {seconds} s for")

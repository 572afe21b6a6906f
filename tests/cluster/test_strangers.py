"""Peers that do not belong here, and peers that show certificates."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.cluster.asking import answers, put, wait_equal
from tests.cluster.conftest import ClusterFactory
from tests.support.certificates import Authority
from tests.support.cluster import Cluster
from tests.support.server import Kind
from tests.support.waiting import wait_until


def test_another_token_is_another_cluster(make_cluster: ClusterFactory, tmp_path: Path) -> None:
    cluster = make_cluster()
    stranger = cluster.members[2]
    stranger.discard()
    # The same URLs and names, another token: all ids differ.
    stranger.flags = ["--initial-cluster-token", "elsewhere"]
    before = len(stranger.stderr())

    def said() -> str:
        return stranger.stderr()[before:] + "".join(member.stderr() for member in cluster.members[:2])

    stranger.launch()
    wait_until(lambda: "belongs to cluster" in said(), lambda: said()[-6000:], deadline_s=20.0)
    assert put(cluster.members[0], "/a", "1").status == 201
    stranger.kill()


def flags_of(authority: Authority, name: str, trusted: str) -> list[str]:
    """Peer certificates, both ways."""
    cert, key = authority.issue(name)
    return [
        *("--peer-cert-file", str(cert), "--peer-key-file", str(key)),
        *("--peer-trusted-ca-file", trusted, "--peer-client-cert-auth"),
    ]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One for each authority."""
    one, other = tmp_path / "ca", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    return one, other


def test_members_that_know_each_other_by_certificates(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    ours, others = (Authority(trustme.CA(), folder) for folder in folders)
    cluster = Cluster(Kind.OURS, tmp_path / "tls", ("m1", "m2", "m3"))
    trusted = ours.ca_file
    for member in cluster.members:
        member.peer_scheme = "https"
        member.flags = flags_of(ours, member.name, trusted)
    last = cluster.members[2]
    # It trusts the others, but nobody knows who has signed its own certificate.
    good = last.flags
    last.flags = flags_of(others, "stranger", trusted)
    try:
        for member in cluster.members:
            member.launch()
        first, second = cluster.members[:2]
        wait_until(lambda: answers(first) and answers(second), first.stderr)
        assert put(first, "/a", "1").status == 201
        wait_until(
            lambda: "certificate" in last.stderr().lower() or "certificate" in first.stderr().lower(),
            lambda: (first.stderr()[-1500:], last.stderr()[-1500:]),
        )
        last.kill()
        last.flags = good
        last.start()
        wait_equal(cluster, "/a", "1")
        assert put(last, "/a", "2").status == 200
        for member in cluster.members:
            member.stop()
    finally:
        cluster.discard()

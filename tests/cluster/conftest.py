"""Clusters that are gone after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.server import Kind

ClusterFactory = Callable[..., Cluster]
NAMES = ("m1", "m2", "m3", "m4", "m5")


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[ClusterFactory]:
    """Starts a cluster of `size`; ours must not have printed a trace when the test ends."""
    made: list[Cluster] = []

    def make(size: int = 3, kind: Kind = Kind.OURS, flags: tuple[str, ...] = ()) -> Cluster:
        folder = tmp_path / f"cluster{len(made)}"
        cluster = Cluster(kind, folder, NAMES[:size], flags=flags)
        made.append(cluster)
        return cluster.start()

    try:
        yield make
        for cluster in made:
            for member in cluster.members:
                if cluster.kind.is_ours:
                    member.assert_no_traces()
    finally:
        for cluster in made:
            cluster.discard()

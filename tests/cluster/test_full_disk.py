"""One member's disk is full: it says so and leaves the lead to others, and comes back when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.asking import put, value, wait_equal
from tests.support import power
from tests.support.cluster import Cluster
from tests.support.server import Kind
from tests.support.waiting import wait_until
from tests.support.wire import form

#: Room for two segments of the log (64 MiB each), and with the filler gone for a third one.
DISK_MIB = 200
FILLER_MIB = 50
VALUE_BYTES = 512 << 10
WRITES_MAX = 300
FLAGS = ("--snapshot-count", "1000000")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Asked for before the cluster, so that members are gone when it is unmounted."""
    if reason := power.missing():
        pytest.skip(reason)
    with power.mounted("tmpfs", "none", tmp_path / "small", f"size={DISK_MIB}m") as point:
        yield point


def test_a_leader_whose_disk_is_full(small_disk: Path, tmp_path: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * (FILLER_MIB << 20))
    cluster = Cluster(Kind.OURS, tmp_path / "cluster", ("m1", "m2", "m3"), flags=FLAGS)
    full = cluster.members[0]
    full.data_dir = small_disk / "data"
    with cluster:
        others = cluster.members[1:]
        # It has to lead.
        while (leader := cluster.leader()) is not full:
            leader.restart()
        body = form(value=b"x" * VALUE_BYTES)
        for number in range(WRITES_MAX):
            with others[0].connect(timeout_s=20.0) as conn:
                assert conn.request("PUT", f"/v2/keys/f/{number % 20}", body).status in (200, 201)
            if not full.leads():
                break
        wait_until(lambda: any(member.leads() for member in others))
        assert not full.leads()
        for member in others:
            assert put(member, "/a", member.name).status in (200, 201)
        wait_until(lambda: "No space left on device" in full.stderr(), lambda: full.stderr()[-2000:])
        assert full.request("GET", "/health").status == 503
        filler.unlink()
        wait_until(lambda: full.request("GET", "/health").status == 200, lambda: full.stderr()[-2000:])
        assert put(full, "/a", "again").status == 200
        wait_equal(cluster, "/a", "again")
        assert value(full, "/a", "?quorum=true") == "again"
        for member in cluster.members:
            member.stop()

"""A member that was away for longer than the log reaches comes back by a snapshot.

A leader keeps 16 MiB of log in memory for those who were away; here more is written meanwhile.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.asking import figure, put, wait_equal
from tests.cluster.conftest import ClusterFactory
from tests.support.cluster import Member
from tests.support.waiting import wait_until
from tests.support.wire import Connection, PeerClosed

SNAPSHOT_COUNT = 50
FLAGS = ("--snapshot-count", str(SNAPSHOT_COUNT), "--max-snapshots", "2")
#: So many intervals are written while it is away.
INTERVALS = 10
#: Of a file of the log.
SEGMENT_BYTES = 64 << 20
#: Of each value: all of them are twice what a leader keeps.
VALUE_BYTES = 64 << 10


def text_of(number: int, size: int = VALUE_BYTES) -> str:
    """A value that says which one it is."""
    return str(number).ljust(size, ".")


def write(member: Member, first: int, count: int, size: int = VALUE_BYTES) -> None:
    """Overwrite one key with growing numbers."""
    with member.connect() as conn:
        for number in range(first, first + count):
            assert conn.put("/w/k", text_of(number, size)).status in (200, 201)


def logged_bytes(member: Member) -> int:
    """What it has written to its log since it was started; a leader's snapshot is not in it."""
    return int(figure(member, "etcd_wal_written_bytes_total"))


def files(member: Member) -> tuple[int, int]:
    """How many of the log and how many snapshots it has."""
    folder: Path = member.data_dir / "member"
    return len(list((folder / "wal").glob("*.wal"))), len(list((folder / "snap").glob("*.snap")))


def read_values(watch: Connection, last: int) -> tuple[list[int], str]:
    """Values of a stream of events up to `last`, and how it ended."""
    seen: list[int] = []
    while not seen or seen[-1] < last:
        try:
            event = watch.read_object()
        except PeerClosed:
            return seen, "closed"
        if event is None or "errorCode" in event:
            return seen, "ended"
        seen.append(int(event["node"]["value"].rstrip(".")))
    return seen, "complete"


def test_watches_on_a_member_that_comes_back_by_a_snapshot(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster(flags=FLAGS)
    leader = cluster.leader()
    away = leader.others[0]
    write(leader, 1, 10)
    wait_equal(cluster, "/w/k", text_of(10))
    with away.connect(timeout_s=30.0) as watch:
        watch.send(b"GET /v2/keys/w?wait=true&recursive=true&stream=true HTTP/1.1\r\nHost: x\r\n\r\n")
        assert watch.read_head().status == 200
        away.pause()
        last = 10 + INTERVALS * SNAPSHOT_COUNT
        write(leader, 11, last - 10)
        away.resume()
        wait_equal(cluster, "/w/k", text_of(last))
        write(leader, last + 1, 5)
        seen, end = read_values(watch, last + 5)
        # All in order and without a gap as far as it goes; where it stops early, it is said.
        assert seen == list(range(11, 11 + len(seen))), (seen[:5], seen[-5:], end)
        # Paused for longer than the log is kept, it has missed some, and says so.
        assert end == "ended"
    wait_until(lambda: files(away)[1] >= 1, lambda: files(away))
    assert put(away, "/w/k", "end").status == 200
    wait_equal(cluster, "/w/k", "end")


@pytest.mark.parametrize("intervals", [INTERVALS, 1], ids=["by a snapshot", "control: by the log"])
def test_one_that_was_dead_meanwhile(make_cluster: ClusterFactory, intervals: int) -> None:
    cluster = make_cluster(flags=FLAGS)
    leader = cluster.leader()
    away = leader.others[0]
    away.kill()
    last = intervals * SNAPSHOT_COUNT
    write(leader, 1, last)
    away.start()
    wait_equal(cluster, "/w/k", text_of(last))
    written = last * VALUE_BYTES
    assert all(logged_bytes(member) >= written for member in away.others)
    assert (logged_bytes(away) < written // 2) == (intervals == INTERVALS)
    assert put(away, "/w/k", "end").status == 200
    wait_equal(cluster, "/w/k", "end")


def test_the_disk_stays_bounded(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster(flags=FLAGS)
    # More than three files of the log hold.
    last, size = 8 * SNAPSHOT_COUNT, 8 * VALUE_BYTES
    write(cluster.leader(), 1, last, size)
    wait_equal(cluster, "/w/k", text_of(last, size))
    for member in cluster.members:
        assert logged_bytes(member) > 3 * SEGMENT_BYTES
    for member in cluster.members:
        wait_until(
            lambda member=member: files(member) <= (3, 3) and files(member)[1] <= 3,  # type: ignore[misc]
            lambda member=member: (member.name, files(member)),  # type: ignore[misc]
        )
        assert files(member)[1] >= 1

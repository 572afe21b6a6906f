"""Power cuts: everything acknowledged before the cut is there afterwards.

`COREOS_POWER_CUTS` sets the number of cuts of the long run, `COREOS_SEED` the seed of their moments.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support import power
from tests.support.power import PowerDisk, power_disk
from tests.support.server import Kind, Server, ServerFailed
from tests.support.writers import Acked, Journal, Writers, losses

CUTS = 20
LONG_CUTS = int(os.environ.get("COREOS_POWER_CUTS", "1000"))
#: A new disk and server after so many cuts, so that the log does not outgrow the disk.
CUTS_PER_DISK = 50
#: The control must lose something within so many cuts.
CONTROL_CUTS = 10
SEED = int(os.environ.get("COREOS_SEED", "20261125"))
#: The moment of a cut: so long after the last one.
PAUSE_S = (0.01, 0.4)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[PowerDisk]:
    if reason := power.missing():
        pytest.skip(reason)
    with power_disk(tmp_path / "disk") as made:
        yield made


def recovered(disk: PowerDisk, make: ServerFactory, journal: Journal) -> tuple[dict[str, Acked], list[str]]:
    """Cut the power now, start a server on what is left, and list what it has lost."""
    acked = journal.snapshot()
    with disk.cut() as data:
        after: Server = make(Kind.OURS, data_dir=data)
        try:
            after.start()
            # The check may see numbers that were sent after the snapshot was taken.
            found = losses(after, acked, dict(journal.sent))
            after.stop()
        finally:
            after.kill()
    return acked, found


def cuts(disk: PowerDisk, make: ServerFactory, count: int, choice: random.Random) -> int:
    """Cut the power `count` times under one running server; how many writes were acknowledged.

    Each cut comes after a random time, but not before something new has been acknowledged since the last one.
    """
    server = make(Kind.OURS, data_dir=disk.data).start()
    journal = Journal()
    try:
        with Writers(server, journal, count=16) as writers:
            at_last_cut = 0
            for number in range(count):
                time.sleep(choice.uniform(*PAUSE_S))
                writers.wait_for(at_last_cut + 1)
                at_last_cut = journal.count
                acked, lost = recovered(disk, make, journal)
                assert acked, "nothing had been acknowledged: the cut proves nothing"
                assert not lost, f"cut {number} (seed {SEED}): {len(lost)} lost: {lost[:5]}"
        assert not journal.refusals, journal.refusals[:5]
        server.stop()
    finally:
        server.kill()
    return journal.count


def test_power_cuts_lose_nothing_acknowledged(disk: PowerDisk, make_server: ServerFactory) -> None:
    assert cuts(disk, make_server, CUTS, random.Random(SEED)) > CUTS


@pytest.mark.long
def test_a_thousand_power_cuts(tmp_path: Path, make_server: ServerFactory) -> None:
    if reason := power.missing():
        pytest.skip(reason)
    choice = random.Random(SEED)
    left = LONG_CUTS
    while left:
        part = min(left, CUTS_PER_DISK)
        with power_disk(tmp_path / f"disk{left}") as disk:
            cuts(disk, make_server, part, choice)
        left -= part


def test_control_without_fsync_acknowledged_writes_are_lost(
    disk: PowerDisk, make_server: ServerFactory
) -> None:
    """The same cuts under a server that does not sync: the harness must find the loss."""
    server = make_server(Kind.OURS, data_dir=disk.data, flags=("--unsafe-no-fsync",)).start()
    # Its directory is on the disk: what is lost later are writes, not the member.
    disk.sync()
    journal = Journal()
    choice = random.Random(SEED)
    try:
        with Writers(server, journal, count=16):
            for _ in range(CONTROL_CUTS):
                time.sleep(choice.uniform(*PAUSE_S))
                try:
                    acked, lost = recovered(disk, make_server, journal)
                except ServerFailed:
                    continue  # Refusing to start is honest, but it is not the loss that is looked for.
                if acked and lost:
                    return
        pytest.fail(f"{CONTROL_CUTS} cuts without fsync lost nothing: the harness does not cut the power")
    finally:
        server.kill()


def test_the_disk_keeps_what_is_synced_and_loses_what_is_not(disk: PowerDisk) -> None:
    """The harness itself, with two files and no server."""
    disk.data.mkdir()
    kept, lost = disk.data / "kept", disk.data / "lost"
    with kept.open("wb") as file:
        file.write(b"k" * 10000)
        file.flush()
        os.fsync(file.fileno())
    descriptor = os.open(disk.data, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    lost.write_bytes(b"l" * 10000)
    with kept.open("ab") as file:
        file.write(b"not synced")
    with disk.cut() as data:
        assert (data / "kept").read_bytes() == b"k" * 10000
        assert not (data / "lost").exists() or (data / "lost").read_bytes() == b""
    assert lost.read_bytes() == b"l" * 10000, "the running system still sees it"

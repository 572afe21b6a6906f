"""Every kind of fault on three members of ours, with real processes: once, and many times in the long form.

`COREOS_FAULTS` sets how many, `COREOS_SEED` the seed. What was done is printed at the end.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.histories import faults
from tests.histories.faults import KINDS, Faults, fragile
from tests.histories.recording import Recording
from tests.histories.register import Register
from tests.histories.test_cluster import UNKNOWN_MAX, assert_linearizable
from tests.support.linearizable import check
from tests.support.server import ServerFailed

#: The whole: each kind ten times, and no fewer operations than that.
ALL_FAULTS = 10 * len(KINDS)
ALL_OPERATIONS = 200_000
FAULTS = int(os.environ.get("COREOS_FAULTS", str(ALL_FAULTS)))
SEED = int(os.environ.get("COREOS_SEED", "20261128"))
#: Faults to one cluster and one history: the checker's time grows with what overlaps an unknown outcome.
FAULTS_PER_CLUSTER = 10
#: The control must lose something in so many clusters.
CONTROL_CLUSTERS = 3

MISSING = faults.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


def run(folder: Path, seed: int, kinds: Sequence[Callable[[Faults], None]]) -> Recording:
    """These faults, one after the other, on a cluster of their own; asserts that one order explains it."""
    recording = Recording()
    with fragile(folder, seed, recording) as cluster:
        for fault in kinds:
            cluster.meanwhile()
            fault(cluster)
        cluster.meanwhile()
        for member in cluster.cluster.members:
            member.assert_no_traces()
    assert_linearizable(recording)
    return recording


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_fault_many_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operations = unknown = 0
    done: Counter[str] = Counter()
    for first in range(0, FAULTS, FAULTS_PER_CLUSTER):
        numbers = range(first, min(first + FAULTS_PER_CLUSTER, FAULTS))
        kinds = [KINDS[number % len(KINDS)] for number in numbers]
        recording = run(tmp_path / str(first), SEED + first, kinds)
        operations += recording.count
        unknown += recording.unknown
        done.update(kind.__name__ for kind in kinds)
        with capsys.disabled():
            print(f"\n{operations} operations, {unknown} unknown, {done.total()} faults: {dict(done)}")
    assert done.total() == FAULTS
    assert_enough(done, operations, unknown)


def assert_enough(done: Counter[str], operations: int, unknown: int) -> None:
    """Of a whole run, or of its part."""
    assert min(done[kind.__name__] for kind in KINDS) >= done.total() // len(KINDS)
    assert operations >= ALL_OPERATIONS * min(done.total(), ALL_FAULTS) // ALL_FAULTS
    assert unknown < UNKNOWN_MAX * operations


@pytest.mark.parametrize(
    ("missed", "operations", "unknown"),
    [(1, 300_000, 0), (0, ALL_OPERATIONS - 1, 0), (0, ALL_OPERATIONS, ALL_OPERATIONS // 5)],
    ids=["a kind was done nine times", "too few operations", "too many riddles"],
)
def test_control_a_run_that_proves_too_little_fails(missed: int, operations: int, unknown: int) -> None:
    done = Counter({kind.__name__: 10 for kind in KINDS})
    assert_enough(done, ALL_OPERATIONS, ALL_OPERATIONS // 5 - 1)
    done.update({KINDS[0].__name__: missed, KINDS[1].__name__: -missed})
    with pytest.raises(AssertionError):
        assert_enough(done, operations, unknown)


#: What `test_cluster` leaves out.
RARER = KINDS[KINDS.index(Faults.lose_disk) :]


@pytest.mark.parametrize("kind", RARER, ids=lambda kind: str(kind.__name__))
def test_one_of_the_rarer_faults(kind: Callable[[Faults], None], tmp_path: Path) -> None:
    assert run(tmp_path, SEED, [kind]).count >= 2 * faults.OPERATIONS_BETWEEN_FAULTS


def test_control_without_fsync_a_power_cut_of_all_is_found_out(tmp_path: Path) -> None:
    """What clients were told is gone with it, and no order explains that."""
    for number in range(CONTROL_CLUSTERS):
        recording = Recording()
        folder = tmp_path / str(number)
        try:
            with fragile(folder, SEED + number, recording, ["--unsafe-no-fsync"]) as cluster:
                # Their directories are on the disks: what is lost later are writes, not members.
                for disk in cluster.disks.values():
                    disk.sync()
                cluster.meanwhile()
                cluster.cut_power_of_all()
        except ServerFailed:
            continue  # Refusing to start is honest, but it is not the loss that is looked for.
        if not all(check(history, Register()).is_linearizable for history in recording.histories.values()):
            return
    pytest.fail(f"the power of {CONTROL_CLUSTERS} clusters without fsync was cut, and nothing was missed")

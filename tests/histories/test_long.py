"""The long form: every kind of fault in turn, many times over, on three members of ours.

`COREOS_FAULTS` sets how many, `COREOS_SEED` the seed. What was done is printed at the end.

A slow disk is not among them: it takes a device whose speed can be set. That is the simulator's. Full
disks and power cuts have tests of their own.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.asking import change, id_of, members
from tests.histories.recording import Clients, Recording
from tests.histories.test_cluster import NAMES, assert_linearizable, needs_network
from tests.support.cluster import Cluster, Member
from tests.support.network import Network
from tests.support.server import Kind
from tests.support.waiting import wait_until

FAULTS = int(os.environ.get("COREOS_FAULTS", "100"))
SEED = int(os.environ.get("COREOS_SEED", "20261128"))
#: Faults to one cluster and one history: the checker's time grows with what overlaps an unknown outcome.
FAULTS_PER_CLUSTER = 10
#: Between a fault and its end, and between that and the next fault.
OPERATIONS_BETWEEN_FAULTS = 1000


class Faults:
    """What can be done to a cluster; each leaves it as it was."""

    def __init__(self, cluster: Cluster, net: Network, clients: Clients, lots: random.Random) -> None:
        self.cluster = cluster
        self.net = net
        self.clients = clients
        self.lots = lots

    def _meanwhile(self) -> None:
        self.clients.wait_for(OPERATIONS_BETWEEN_FAULTS)

    def _kill(self, member: Member) -> None:
        member.kill()
        self._meanwhile()
        member.start()

    def kill_leader(self) -> None:
        """SIGKILL."""
        self._kill(self.cluster.leader())

    def kill_follower(self) -> None:
        """SIGKILL."""
        self._kill(self.lots.choice(self.cluster.leader().others))

    def kill_all_in_turn(self) -> None:
        """SIGKILL, each as soon as the one before is there again."""
        for member in list(self.cluster.members):
            member.kill()
            member.start()
            self._meanwhile()

    def pause_leader(self) -> None:
        """SIGSTOP; it wakes up believing that it leads."""
        leader = self.cluster.leader()
        leader.pause()
        self._meanwhile()
        leader.resume()

    def isolate(self) -> None:
        """The leader, both ways."""
        former = self.cluster.leader()
        self.net.isolate(former.name)
        wait_until(lambda: any(member.leads() for member in former.others))
        self._meanwhile()
        self.net.mend()

    def one_way(self) -> None:
        """The leader hears everybody, and nobody hears it."""
        deaf = self.cluster.leader()
        for other in deaf.others:
            self.net.cut(deaf.name, other.name)
        wait_until(lambda: any(member.leads() for member in deaf.others))
        self._meanwhile()
        self.net.mend()

    def lose_disk(self) -> None:
        """A member's data are gone: it is removed, and added as a new one."""
        lost = self.lots.choice(self.cluster.members)
        asked = next(member for member in self.cluster.members if member is not lost)
        old_id = id_of(lost, asked)
        lost.discard()
        wait_until(lambda: change(asked, "DELETE", f"/{old_id}").status in (204, 410))
        wait_until(lambda: change(asked, "POST", "", [lost.peer_url]).status in (201, 409))
        lost.starts = 0
        lost.flags = ["--initial-cluster-state", "existing"]
        self._meanwhile()
        lost.start()
        wait_until(lambda: all(one["name"] for one in members(asked)))

    def all(self) -> list[Callable[[], None]]:
        """Each of them."""
        return [
            *(self.kill_leader, self.kill_follower, self.kill_all_in_turn, self.pause_leader),
            *(self.isolate, self.one_way, self.lose_disk),
        ]


def run(folder: Path, first: int, count: int) -> tuple[Recording, Counter[str]]:
    """Faults number `first` and following on a cluster of their own; asserts that one order explains it."""
    recording = Recording()
    done: Counter[str] = Counter()
    with (
        Network(NAMES) as net,
        Cluster(Kind.OURS, folder, NAMES, net) as cluster,
        Clients(cluster, SEED + first, recording=recording, keys=32) as clients,
    ):
        faults = Faults(cluster, net, clients, random.Random(SEED + first)).all()
        for number in range(first, first + count):
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            fault = faults[number % len(faults)]
            fault()
            done[fault.__name__] += 1
        clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
        for member in cluster.members:
            member.assert_no_traces()
    assert_linearizable(recording)
    return recording, done


@pytest.mark.long
@pytest.mark.timeout(7200)
@needs_network
def test_every_fault_many_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operations = unknown = 0
    done: Counter[str] = Counter()
    for first in range(0, FAULTS, FAULTS_PER_CLUSTER):
        count = min(FAULTS_PER_CLUSTER, FAULTS - first)
        recording, faults = run(tmp_path / str(first), first, count)
        operations += recording.count
        unknown += recording.unknown
        done += faults
        with capsys.disabled():
            print(f"\n{operations} operations, {unknown} unknown, {done.total()} faults: {dict(done)}")
    assert done.total() == FAULTS


@needs_network
def test_one_of_the_rarer_faults(tmp_path: Path) -> None:
    """The short form of what `test_cluster` leaves out: a lost disk."""
    assert run(tmp_path, 6, 1)[1] == {"lose_disk": 1}

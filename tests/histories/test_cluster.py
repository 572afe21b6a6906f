"""What clients of a cluster are told while members die or are cut off can be explained by one order.

Debian's etcd, whose promise that is too, shows that recorder and checker work. The controls: an older reply,
and plain reads of a member that is cut off.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.histories.recording import Clients, Recording
from tests.histories.register import Read, Register, Request
from tests.histories.register import Reply as RegisterReply
from tests.support import network
from tests.support.cluster import Cluster
from tests.support.linearizable import Operation, check
from tests.support.network import Network
from tests.support.server import Kind, debian_etcd
from tests.support.waiting import wait_until

NAMES = ("m1", "m2", "m3")
FIVE_NAMES = (*NAMES, "m4", "m5")
OPERATIONS_BETWEEN_FAULTS = 400
#: Of all outcomes; a history of riddles proves little.
UNKNOWN_MAX = 0.2
SEED = 1
#: Clients of a number from here on are readers of their own.
READER = 1_000_000


def assert_linearizable(recording: Recording) -> None:
    assert recording.unknown < UNKNOWN_MAX * recording.count
    for key, history in recording.histories.items():
        verdict = check(history, Register())
        assert verdict.is_linearizable, f"{key}: {verdict.stuck} after {verdict.order[-5:]}"


#: How often each fault is made; 2 faults a round.
ROUNDS = {Kind.OURS: 3, Kind.ETCD34: 1}
KINDS = [
    pytest.param(Kind.OURS, id="ours"),
    pytest.param(
        Kind.ETCD34,
        id="etcd34",
        marks=pytest.mark.skipif(debian_etcd() is None, reason="needs Debian's etcd-server 3.4"),
    ),
]

NO_NETWORK = network.missing()
needs_network = pytest.mark.skipif(NO_NETWORK is not None, reason=str(NO_NETWORK))


@pytest.mark.parametrize("kind", KINDS)
def test_members_die(kind: Kind, tmp_path: Path) -> None:
    recording = Recording()
    with (
        Cluster(kind, tmp_path, NAMES) as cluster,
        Clients(cluster, SEED, recording=recording) as clients,
    ):
        for _ in range(ROUNDS[kind]):
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            leader = cluster.leader()
            leader.kill()
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            leader.start()
            paused = cluster.leader()
            paused.pause()
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            paused.resume()
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
    assert_linearizable(recording)
    assert_an_older_reply_is_noticed(recording)


def test_two_of_five_die(tmp_path: Path) -> None:
    """The leader among them; the other three go on, also while those two come back."""
    recording = Recording()
    with (
        Cluster(Kind.OURS, tmp_path, FIVE_NAMES) as cluster,
        Clients(cluster, SEED, recording=recording) as clients,
    ):
        for _ in range(2):
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            leader = cluster.leader()
            gone = (leader, leader.others[0])
            for member in gone:
                member.kill()
            wait_until(lambda gone=gone: any(one.leads() for one in cluster.members if one not in gone))  # type: ignore[misc]
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            for member in gone:
                member.start()
        clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
    assert_linearizable(recording)
    assert_an_older_reply_is_noticed(recording)


@needs_network
@pytest.mark.parametrize("kind", KINDS)
def test_its_network_is_cut(kind: Kind, tmp_path: Path) -> None:
    recording = Recording()
    with (
        Network(NAMES) as net,
        Cluster(kind, tmp_path, NAMES, net) as cluster,
        Clients(cluster, SEED, recording=recording) as clients,
    ):
        for _ in range(ROUNDS[kind]):
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            former = cluster.leader()
            net.isolate(former.name)
            # The others do not wait for it.
            wait_until(lambda former=former: any(member.leads() for member in former.others))  # type: ignore[misc]
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            net.mend()
            # One direction only: a leader that nobody hears, but that hears everybody.
            deaf = cluster.leader()
            for other in deaf.others:
                net.cut(deaf.name, other.name)
            wait_until(lambda deaf=deaf: any(member.leads() for member in deaf.others))  # type: ignore[misc]
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            net.mend()
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
    assert_linearizable(recording)
    assert_an_older_reply_is_noticed(recording)


@needs_network
def test_control_plain_reads_of_a_member_that_is_cut_off_are_found_stale(tmp_path: Path) -> None:
    """They are answered from what the member has; declared linearizable, they must be found out."""
    recording = Recording()
    with (
        Network(NAMES) as net,
        Cluster(Kind.OURS, tmp_path, NAMES, net) as cluster,
        Clients(cluster, SEED, recording=recording) as clients,
    ):
        clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
        follower = cluster.leader().others[0]
        net.isolate(follower.name)
        clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
        with follower.connect() as reader:
            for number, key in enumerate(list(recording.histories)):
                called = time.monotonic_ns()
                held = int(reader.get(key).json()["node"]["value"])
                returned = time.monotonic_ns()
                read: Operation[Request, RegisterReply] = Operation(
                    READER + number, called, returned, Read(), ("value", held)
                )
                recording.add(key, read)
        net.mend()
        clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
    for history in recording.histories.values():
        assert not check(history, Register()).is_linearizable
        honest = [one for one in history if one.client < READER]
        assert check(honest, Register()).is_linearizable


def assert_an_older_reply_is_noticed(recording: Recording) -> None:
    """The control: a read that is told what had been replaced before it was asked."""
    key = max(recording.histories, key=lambda one: len(recording.histories[one]))
    history = recording.histories[key]
    reads = [number for number, one in enumerate(history) if isinstance(one.request, Read) and one.returned]
    first = next(history[number].reply for number in reads if history[number].reply != ("value", None))
    last = max(reads, key=lambda number: history[number].called)
    assert history[last].reply != first
    stale = [*history[:last], replace(history[last], reply=first), *history[last + 1 :]]
    random.Random(SEED).shuffle(stale)
    assert not check(stale, Register()).is_linearizable

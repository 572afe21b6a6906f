"""What clients of a cluster are told while members die can be explained by one order.

Debian's etcd, whose promise that is, shows that recorder and checker work; the control is an older reply.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.histories.recording import Clients, Recording
from tests.histories.register import Read, Register
from tests.support.cluster import Cluster
from tests.support.linearizable import check
from tests.support.server import Kind, debian_etcd

OPERATIONS_BETWEEN_FAULTS = 400
SEED = 1


def assert_linearizable(recording: Recording) -> None:
    for key, history in recording.histories.items():
        verdict = check(history, Register())
        assert verdict.is_linearizable, f"{key}: {verdict.stuck} after {verdict.order[-5:]}"


@pytest.mark.skipif(debian_etcd() is None, reason="needs Debian's etcd-server 3.4")
def test_the_real_etcd_is_linearizable_while_members_die(tmp_path: Path) -> None:
    recording = Recording()
    with (
        Cluster(Kind.ETCD34, tmp_path, 3) as cluster,
        Clients(cluster, SEED, recording=recording) as clients,
    ):
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
    assert recording.unknown < recording.count / 5
    assert_linearizable(recording)
    # The control: a read that is told what had been replaced before it was asked.
    key = max(recording.histories, key=lambda one: len(recording.histories[one]))
    history = recording.histories[key]
    values = [one.reply for one in history if isinstance(one.request, Read) and one.returned is not None]
    first = next(value for value in values if value != ("value", None))
    last = max(
        (number for number, one in enumerate(history) if isinstance(one.request, Read) and one.returned),
        key=lambda number: history[number].called,
    )
    assert history[last].reply != first
    stale = [*history[:last], replace(history[last], reply=first), *history[last + 1 :]]
    random.Random(SEED).shuffle(stale)
    assert not check(stale, Register()).is_linearizable

"""The control of all histories: a program whose `quorum=true` reads can be stale is found out.

Its leader answers them without asking whether it still leads.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories.recording import Clients, Recording
from tests.histories.register import Register
from tests.histories.test_cluster import NAMES, OPERATIONS_BETWEEN_FAULTS, SEED, needs_network
from tests.support import other_program
from tests.support.cluster import Cluster
from tests.support.linearizable import check
from tests.support.network import Network
from tests.support.server import Kind
from tests.support.waiting import wait_until


@pytest.mark.long
@pytest.mark.timeout(1800)
@needs_network
def test_a_program_with_stale_reads_is_found_out(tmp_path: Path) -> None:
    if (why := other_program.missing()) is not None:
        pytest.skip(why)
    variables = other_program.build("stale-reads", tmp_path / "program")
    recording = Recording()
    with Network(NAMES) as net:
        cluster = Cluster(Kind.OURS, tmp_path / "cluster", NAMES, net)
        for member in cluster.members:
            member.environment = variables
        with cluster, Clients(cluster, SEED, recording=recording) as clients:
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            former = cluster.leader()
            net.isolate(former.name)
            wait_until(lambda: any(member.leads() for member in former.others))
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
            net.mend()
            clients.wait_for(OPERATIONS_BETWEEN_FAULTS)
    assert not all(check(history, Register()).is_linearizable for history in recording.histories.values())

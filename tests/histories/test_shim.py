"""What a member with the shim gets to see: a slower disk, another time. The control is the shim at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories.faults import SAME_S, ahead_s, syncing_s
from tests.support import shim
from tests.support.server import Kind, Server
from tests.support.shim import Shim

pytestmark = pytest.mark.skipif(shim.missing() is not None, reason=str(shim.missing()))

SLOW_MS = 1_000
HOUR_S = 3_600
WRITES = 2


@pytest.fixture
def control(tmp_path: Path) -> Shim:
    return Shim(shim.build(tmp_path), tmp_path / "control")


def test_a_members_disk_and_clock(control: Shim, tmp_path: Path) -> None:
    server = Server(Kind.OURS, tmp_path / "m1")
    server.environment = control.environment

    def quickest_write_s() -> float:
        """By the member's own account."""
        before_s, spent = syncing_s(server), []
        for number in range(WRITES):
            assert server.request("PUT", "/v2/keys/a", f"value={number}".encode()).status in (200, 201)
            spent.append(syncing_s(server) - before_s)
            before_s += spent[-1]
        return min(spent)

    try:
        server.start()
        assert quickest_write_s() < SLOW_MS / 1000
        assert abs(ahead_s(server)) < SAME_S
        control.set(sync_ms=SLOW_MS)
        assert quickest_write_s() >= SLOW_MS / 1000
        for shift_s in (HOUR_S, -HOUR_S):
            control.set(shift_s=shift_s)
            assert abs(ahead_s(server) - shift_s) < SAME_S
        control.set()
        assert abs(ahead_s(server)) < SAME_S
        assert quickest_write_s() < SLOW_MS / 1000
        server.stop()
    finally:
        server.discard()

"""Whoever else is testing on this machine has networks of his own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import network
from tests.support.long_run.record import ROOT
from tests.support.network import Network

pytestmark = pytest.mark.skipif(network.missing() is not None, reason=str(network.missing()))

#: Another run: it says where its host is, and keeps the network until its input ends.
OTHER = """
import sys
from tests.support.network import Network
with Network(["m1"]) as net:
    print(net.address("m1"), flush=True)
    sys.stdin.read()
"""


def test_two_runs_at_once_have_different_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [sys.executable, "-c", OTHER]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout is not None
        address = other.stdout.readline().strip()
        assert address
        with Network(["m1"]) as net:
            assert net.address("m1") != address
        # The control: where there is only that one, there is none for this process.
        monkeypatch.setattr(network, "_NUMBERS", [int(address.split(".")[2])])
        with pytest.raises(AssertionError, match="in use"), Network(["m1"]):
            pass
        other.communicate("")
    assert other.returncode == 0

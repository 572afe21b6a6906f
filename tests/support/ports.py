"""Ports for servers under test."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

_RANDOM = random.Random(os.getpid())
#: Which of so many equal parts of the range this process draws from, as `0/2`: several may run side by side.
_PART, _PARTS = (int(word) for word in os.environ.get("COREOS_PORTS", "0/1").split("/"))
_GIVEN: set[int] = set()


def _floor_of_ephemeral_ports() -> int:
    path = Path("/proc/sys/net/ipv4/ip_local_port_range")
    return int(path.read_text().split()[0]) if path.exists() else 32768


def free_port() -> int:
    """A loopback port that nobody listens on, below the range that outgoing connections draw from:
    a client socket of another test can never take it before the server binds it."""
    ceiling = _floor_of_ephemeral_ports()
    for _ in range(2000 * _PARTS):
        port = _RANDOM.randrange(max(10240, ceiling - 16000), ceiling)
        if port in _GIVEN or port % _PARTS != _PART:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port
    raise RuntimeError("no free loopback port found in 2000 tries")

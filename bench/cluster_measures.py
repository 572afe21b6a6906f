"""How the rows of three members are measured."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Callable

from bench.cluster import Member, fresh_cluster
from bench.figures import Measurement
from bench.generator import load
from bench.servers import Server

#: Deaths of the leader in one round.
DEATHS = 5
_PATIENCE_S = 30.0


def put3(connections: int, target: str = "leader") -> Callable[[str, float], Measurement]:
    """Closed-loop writes to the leader or to a follower."""

    def measure(kind: str, seconds: float) -> Measurement:
        with fresh_cluster(kind, target) as cluster:
            load(cluster, "put", connections=connections, seconds=0.5)
            return load(cluster, "put", connections=connections, seconds=seconds)

    return measure


def get3(connections: int, target: str = "leader") -> Callable[[str, float], Measurement]:
    """Closed-loop reads with `quorum=true` of 10,000 keys."""

    def measure(kind: str, seconds: float) -> Measurement:
        with fresh_cluster(kind, target) as cluster:
            load(cluster, "put", connections=16, requests=10_000, seconds=60, sequential=True)
            return load(cluster, "get", connections=connections, seconds=seconds, quorum=True)

    return measure


def gap(kind: str, seconds: float) -> Measurement:
    """How long no write is answered when the leader is killed; the others are asked in turn."""
    del seconds
    gaps = []
    with fresh_cluster(kind) as cluster:
        before = cluster.usage()
        for _ in range(DEATHS):
            leader = cluster.leader()
            others = [member for member in cluster.members if member is not leader]
            _write(others[0], _PATIENCE_S)
            began = time.monotonic()
            leader.process.kill()
            leader.process.wait()
            while not any(_write(other, 0.25) for other in others):
                if time.monotonic() - began > _PATIENCE_S:
                    raise RuntimeError(f"{kind} took no write within {_PATIENCE_S:.0f} s")
            gaps.append((time.monotonic() - began) * 1e3)
            leader.start_again()
            Server.wait_until_answering(leader)
        used = cluster.usage()
    return {
        "gap_ms": statistics.median(gaps),
        "gap_max_ms": max(gaps),
        "requests": DEATHS,
        "bad": 0,
        "syncs": used.syncs - before.syncs,
        "server_us_per_request": 0.0,
    }


def _write(member: Member, timeout_s: float) -> bool:
    host, port = member.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout_s)
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("PUT", "/v2/keys/gap", "value=1", form)
        return connection.getresponse().status in (200, 201)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

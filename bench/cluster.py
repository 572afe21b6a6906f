"""Three members of one server on this machine, measured as one."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import Server, Usage, scratch
from tests.support.ports import free_port

MEMBERS = ("a", "b", "c")
_PATIENCE_S = 60.0


class Member(Server):
    """One of the three."""

    def __init__(self, kind: str, data_dir: Path, peer_ports: dict[str, int]) -> None:
        self.name = data_dir.name
        self._peer_ports = peer_ports
        super().__init__(kind, data_dir)

    def flags(self) -> list[str]:
        """As a single one's, with the others in the initial cluster."""
        peer = f"http://127.0.0.1:{self._peer_ports[self.name]}"
        everybody = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in self._peer_ports.items())
        return self.flags_for(self.name, peer, everybody)

    def wait_until_answering(self) -> float:
        """It cannot answer before the others are there."""
        return 0.0

    def leads(self) -> bool:
        """Whether it says so itself."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/stats/self", timeout=5) as reply:
                return bool(json.load(reply)["state"] == "StateLeader")
        except (OSError, ValueError):
            return False


class Cluster:
    """Looks like a server to the generator: `address` is where the load goes, `usage` is of all."""

    def __init__(self, kind: str, path: Path, target: str) -> None:
        self.kind = kind
        ports = {name: free_port() for name in MEMBERS}
        self.members: list[Member] = []
        try:
            for name in MEMBERS:
                self.members.append(Member(kind, path / name, ports))
            for member in self.members:
                Server.wait_until_answering(member)
            self.address = self._find(target).address
        except BaseException:
            self.stop()
            raise

    def _find(self, target: str) -> Member:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            leaders = [member for member in self.members if member.leads()]
            if len(leaders) == 1:
                followers = [member for member in self.members if member is not leaders[0]]
                return leaders[0] if target == "leader" else followers[0]
            time.sleep(0.02)
        raise RuntimeError(f"{self.kind} has no single leader")

    def leader(self) -> Member:
        """Who leads now."""
        return self._find("leader")

    def usage(self) -> Usage:
        """Of all members together; the peak is the greatest one's."""
        each = [member.usage() for member in self.members]
        return Usage(
            sum(one.cpu_seconds for one in each),
            sum(one.rss_bytes for one in each),
            max(one.peak_bytes for one in each),
            sum(one.syncs for one in each),
        )

    def stop(self) -> None:
        """End all."""
        for member in self.members:
            member.stop()


@contextmanager
def fresh_cluster(kind: str, target: str = "leader") -> Iterator[Cluster]:
    """Three members on empty data directories; the load goes to the leader or to a follower."""
    with scratch() as path:
        cluster = Cluster(kind, path, target)
        try:
            yield cluster
        finally:
            cluster.stop()

"""Several members of one cluster, on loopback or in a network of their own."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from tests.support.network import Network
from tests.support.server import Kind, Server, ServerFailed
from tests.support.waiting import WaitedInVain, wait_until
from tests.support.wire import PeerClosed

LOOPBACK = "127.0.0.1"
#: How long a member may take to say whether it leads.
ASK_TIMEOUT_S = 2.0


class Member(Server):
    """One of them."""

    def __init__(
        self, kind: Kind, work_dir: Path, name: str, network: Network | None, flags: Sequence[str] = ()
    ) -> None:
        super().__init__(kind, work_dir, name=name, flags=flags)
        self.others: tuple[Member, ...] = ()
        self.is_paused = False
        self.peer_scheme = "http"
        #: Instead of it and the others.
        self.listed: str | None = None
        self._network = network

    @property
    def host(self) -> str:
        """Its own address in a network, or loopback."""
        return LOOPBACK if self._network is None else self._network.address(self.name)

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return (self.host, self.client_port)

    @property
    def peer_url(self) -> str:
        """Where its peers connect."""
        return f"{self.peer_scheme}://{self.host}:{self.peer_port}"

    @property
    def client_url(self) -> str:
        """Where clients connect, as a URL."""
        return f"http://{self.host}:{self.client_port}"

    def command(self) -> list[str]:
        """The command line: that of a single member, but for where it is and who is in the cluster."""
        words = [word.replace(f"//{LOOPBACK}:", f"//{self.host}:") for word in super().command()]
        plain = f"http://{self.host}:{self.peer_port}"
        words = [self.peer_url if word == plain else word for word in words]
        everybody = ",".join(f"{member.name}={member.peer_url}" for member in (self, *self.others))
        words[words.index("--initial-cluster") + 1] = self.listed or everybody
        return words if self._network is None else [*self._network.prefix(self.name), *words]

    def pause(self) -> None:
        """Stop its time."""
        self.signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)
        self.is_paused = False

    def kill(self) -> None:
        """Also when it is paused."""
        super().kill()
        self.is_paused = False

    def leads(self) -> bool:
        """Whether it says so itself."""
        if self.process is None or self.is_paused:
            return False
        try:
            with self.connect(timeout_s=ASK_TIMEOUT_S) as conn:
                reply = conn.request("GET", "/v2/stats/self")
        except (OSError, PeerClosed):
            return False
        # Debian's etcd has nothing to say of itself now and then: 200 with an empty body.
        return reply.status == 200 and reply.body != b"" and reply.json()["state"] == "StateLeader"


class Cluster:
    """`start()` returns when every member answers, for which there has to be a leader."""

    def __init__(
        self,
        kind: Kind,
        work_dir: Path,
        names: Sequence[str],
        network: Network | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.flags = tuple(flags)
        self._work_dir = work_dir
        self._network = network
        self.members: list[Member] = []
        for name in names:
            self.new(name)
            self.members[-1].flags = list(flags)

    def new(self, name: str) -> Member:
        """One more, that is not started; for one that joins a cluster that there is."""
        flags = [*self.flags, "--initial-cluster-state", "existing"]
        self.members.append(Member(self.kind, self._work_dir / name, name, self._network, flags))
        self._introduce()
        return self.members[-1]

    def forget(self, gone: Member) -> None:
        """It belongs to the cluster no more."""
        self.members.remove(gone)
        gone.discard()
        self._introduce()

    def _introduce(self) -> None:
        for member in self.members:
            member.others = tuple(other for other in self.members if other is not member)

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.discard()

    def start(self) -> Cluster:
        """Start all at once: each waits for the others."""
        try:
            for member in self.members:
                member.launch()
            for member in self.members:
                member.wait_ready()
        except BaseException:
            self.discard()
            raise
        return self

    def leader(self) -> Member:
        """Who leads, once somebody does."""
        found: list[Member] = []

        def is_found() -> bool:
            found[:] = [member for member in self.members if member.leads()]
            return len(found) == 1

        try:
            wait_until(is_found, lambda: [member.name for member in found])
        except WaitedInVain as vain:
            said = "\n".join(f"{member.name}:\n{member.stderr()[-2000:]}" for member in self.members)
            raise ServerFailed(f"not one leader: {vain}\n{said}") from None
        return found[0]

    def discard(self) -> None:
        """Kill everybody and delete their data; what they printed stays."""
        for member in self.members:
            member.discard()

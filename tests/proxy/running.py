"""Proxies of both kinds in front of servers of both kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.server import Kind, Server, ServerFailed, debian_etcd, our_command
from tests.support.waiting import wait_until
from tests.support.wire import PeerClosed


class Proxy(Server):
    """`start()` returns when it forwards to `endpoints` members; `peers` are the servers it is told of."""

    def __init__(
        self,
        kind: Kind,
        work_dir: Path,
        peers: Sequence[Server],
        *,
        mode: str = "on",
        endpoints: int | None = None,
        flags: Sequence[str] = (),
        **options: object,
    ) -> None:
        super().__init__(kind, work_dir, flags=flags, name="p", **options)  # type: ignore[arg-type]
        self.peers = list(peers)
        self.mode = mode
        self.endpoints = len(peers) if endpoints is None else endpoints

    def command(self) -> list[str]:
        """The command line."""
        program = our_command() if self.kind.is_ours else debian_etcd()
        if program is None:
            raise ServerFailed("Debian's etcd-server 3.4 is not installed")
        scheme = "http" if self.tls is None else "https"
        listed = ",".join(f"{peer.name}=http://127.0.0.1:{peer.peer_port}" for peer in self.peers)
        words = [program, "--proxy", self.mode, "--name", self.name, "--data-dir", str(self.data_dir)]
        words += ["--listen-client-urls", f"{scheme}://127.0.0.1:{self.client_port}"]
        words += ["--initial-cluster", listed or f"p=http://127.0.0.1:{self.peer_port}"]
        if self.tls is not None:
            words += ["--cert-file", str(self.tls[0]), "--key-file", str(self.tls[1])]
        return [*words, *self.flags]

    def shown_endpoints(self) -> list[str]:
        """Whom it would ask."""
        found: list[str] = self.request("GET", "/v2/config/local/proxy").json()["endpoints"]
        return found

    def wait_ready(self, deadline_s: float = 45.0) -> None:
        """Poll until it knows as many members as it should."""
        last: object = "no connection"

        def is_ready() -> bool:
            nonlocal last
            assert self.process is not None
            if (code := self.process.poll()) is not None:
                self.process = None
                raise ServerFailed(f"exit status {code} at start\n{self.stderr()}")
            try:
                last = self.shown_endpoints()
            except (OSError, PeerClosed) as error:
                last = repr(error)
                return False
            return len(last) == self.endpoints

        wait_until(is_ready, lambda: f"{last}\n{self.stderr()[-2000:]}", deadline_s)

"""A server process under test: ours, ours with upstream's flaws, or Debian's etcd 3.4 as the oracle."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.waiting import WaitedInVain, wait_until
from tests.support.wire import Connection, PeerClosed, Reply

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 20.0
#: What a server must never print: the traces of Python, Rust and Go when they fail.
TRACES = ("Traceback (most recent call last)", "panicked at", "goroutine ", "RuntimeWarning", "Error in sys.")


class Kind(Enum):
    """Which server."""

    OURS = "ours"
    UPSTREAM = "upstream"
    ETCD34 = "etcd34"

    @property
    def is_ours(self) -> bool:
        """Whether it is this project's daemon."""
        return self is not Kind.ETCD34

    @property
    def has_fixes(self) -> bool:
        """Whether it shows the fixed behaviour instead of upstream's flaws."""
        return self is Kind.OURS


class ServerFailed(AssertionError):
    """The server did not start, answer or end as it must; the message ends with its stderr."""


def our_command(name: str = "etcd") -> str:
    """One of the project's commands, from the environment that runs the tests."""
    path = Path(os.environ.get("COREOS_BIN", str(Path(sys.executable).parent))) / name
    if not path.exists():
        raise ServerFailed(f"{path} is missing: build the project first (or set COREOS_BIN)")
    return str(path)


def debian_etcd() -> str | None:
    """Debian's etcd, if it is installed and still has the v2 API (3.4)."""
    path = shutil.which(os.environ.get("ETCD34", "/usr/bin/etcd"))
    if path is None:
        return None
    told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True)
    return path if told.stdout.startswith("etcd Version: 3.4.") else None


class Server:
    """One member on loopback. `start()` returns when it answers; `stop()` asserts a clean exit.

    `work_dir` holds the captured stderr (and the data, unless `data_dir` is given).
    """

    def __init__(
        self,
        kind: Kind,
        work_dir: Path,
        *,
        flags: Sequence[str] = (),
        data_dir: Path | None = None,
        tls: tuple[Path, Path] | None = None,
        client_tls: ssl.SSLContext | None = None,
        name: str = "m1",
    ) -> None:
        self.kind = kind
        self.work_dir = work_dir
        self.data_dir = data_dir or work_dir / "data"
        self.flags = list(flags)
        self.tls = tls
        self.client_tls = client_tls
        self.name = name
        self.client_port = free_port()
        self.peer_port = free_port()
        self.starts = 0
        #: Variables beside those of the tests.
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.stderr_path = work_dir / "stderr"

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return ("127.0.0.1", self.client_port)

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self.process is not None, "the server is not running"
        return self.process.pid

    def command(self) -> list[str]:
        """The command line."""
        scheme = "http" if self.tls is None else "https"
        client = f"{scheme}://127.0.0.1:{self.client_port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        words = [
            *("--name", self.name, "--data-dir", str(self.data_dir)),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"{self.name}={peer}"),
        ]
        if self.tls is not None:
            words += ["--cert-file", str(self.tls[0]), "--key-file", str(self.tls[1])]
        if self.kind is Kind.ETCD34:
            program = debian_etcd()
            if program is None:
                raise ServerFailed("Debian's etcd-server 3.4 is not installed")
            words += ["--enable-v2=true", "--heartbeat-interval", "20", "--election-timeout", "200"]
        else:
            program = our_command()
            if self.kind is Kind.UPSTREAM:
                words += ["--compat", "upstream"]
        return [program, *words, *self.flags]

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for it to answer."""
        assert self.process is None, "the server is running already"
        self.work_dir.mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ETCD_")}
        environment |= {"PYTHONWARNINGS": "error", **self.environment}
        with self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment
            )
        self.starts += 1
        return self.process

    def start(self, deadline_s: float = START_DEADLINE_S) -> Self:
        """Start and wait until the member has published itself and answers."""
        self.launch()
        try:
            self.wait_ready(deadline_s)
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Poll until /version names a cluster version and the bootstrap's index moves are done."""
        last = "no connection"

        def is_ready() -> bool:
            nonlocal last
            assert self.process is not None
            if (code := self.process.poll()) is not None:
                self.process = None
                raise ServerFailed(f"exit status {code} at start\n{self.stderr()}")
            try:
                with self.connect(timeout_s=2.0) as conn:
                    version = conn.request("GET", "/version")
                    state = conn.get("/_none")
            except (OSError, PeerClosed) as error:
                last = repr(error)
                return False
            if version.status != 200 or state.header("X-Etcd-Index") is None:
                last = f"{version.status} and {state.status}"
                return False
            last = f"{version.body!r}, index {state.etcd_index}"
            return b"not_decided" not in version.body and state.etcd_index >= 2 + self.starts

        try:
            wait_until(is_ready, lambda: last, deadline_s)
        except WaitedInVain as vain:
            raise ServerFailed(f"not ready: {vain}\n{self.stderr()}") from None

    def connect(self, **options: object) -> Connection:
        """A new client connection (TLS when the server is)."""
        return Connection(self.address, tls=self.client_tls, **options)  # type: ignore[arg-type]

    def request(self, method: str, target: str, body: bytes | None = None) -> Reply:
        """One request on a connection of its own."""
        with self.connect() as conn:
            return conn.request(method, target, body)

    def stderr(self) -> str:
        """All that it printed so far."""
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def assert_no_traces(self) -> None:
        """It never printed a stack trace, panic or warning of its runtime."""
        text = self.stderr()
        for trace in TRACES:
            if trace in text:
                raise ServerFailed(f"{trace!r} in the server's stderr:\n{text[-8000:]}")

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait_exit(self, deadline_s: float = STOP_DEADLINE_S) -> int:
        """Wait for the end and give the exit status (negative = signal)."""
        assert self.process is not None
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"still running after {deadline_s} s\n{self.stderr()[-8000:]}") from None
        self.process = None
        return code

    def refuses_to_start(self) -> str:
        """Launch: it must end by itself with status 1 and without a trace. What it printed this time."""
        before = len(self.stderr())
        self.launch()
        # It publishes nothing, so this start moves no index.
        self.starts -= 1
        code = self.wait_exit()
        said = self.stderr()[before:]
        if code != 1:
            raise ServerFailed(f"exit status {code} where 1 was due\n{said}")
        self.assert_no_traces()
        return said

    def stop(self) -> None:
        """SIGTERM; must exit cleanly and have printed no trace."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit()
        # Debian's etcd ends itself by the signal that it was sent.
        allowed = (0,) if self.kind.is_ours else (0, -signal.SIGTERM)
        if code not in allowed:
            raise ServerFailed(f"exit status {code} after SIGTERM\n{self.stderr()[-8000:]}")
        if self.kind.is_ours:
            self.assert_no_traces()

    def kill(self) -> None:
        """SIGKILL, and wait; nothing happens when it is not running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def discard(self) -> None:
        """Kill it if need be and delete its data (64 MiB and more of log); what it printed stays."""
        self.kill()
        if self.data_dir.is_relative_to(self.work_dir):
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def restart(self) -> None:
        """Clean stop and start on the same data."""
        self.stop()
        self.start()

"""The two servers that are compared, as processes: start, measure, stop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port
from tests.support.server import debian_etcd

KINDS = ("ours", "etcd")
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@cache
def debian() -> str:
    """The etcd to compare with; FileNotFoundError says why there is none."""
    path = debian_etcd()
    if path is None:
        raise FileNotFoundError("Debian's etcd 3.4 is missing: apt-get install etcd-server (or set ETCD34)")
    return path


@dataclass
class Usage:
    """A process's figures at one moment."""

    cpu_seconds: float
    rss_bytes: int
    peak_bytes: int
    syncs: int


class Server:
    """One running server with its data directory."""

    def __init__(self, kind: str, data_dir: Path) -> None:
        self.kind = kind
        self.data_dir = data_dir
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._log = (data_dir.parent / f"{data_dir.name}.log").open("ab")
        self._command = self._make_command()
        self.process = self._launch()
        try:
            self.first_answer_ms = self.wait_until_answering()
        except BaseException:
            # Nobody has this object yet to stop it.
            self.process.kill()
            self.process.wait()
            self._log.close()
            raise

    def _launch(self) -> subprocess.Popen[bytes]:
        self.started_s = time.monotonic()
        return subprocess.Popen(self._command, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL)

    def start_again(self) -> None:
        """After its process has ended."""
        self.process = self._launch()

    def flags(self) -> list[str]:
        """Those of the only member."""
        peer = f"http://127.0.0.1:{free_port()}"
        return self.flags_for("bench", peer, f"bench={peer}")

    def flags_for(self, name: str, peer: str, initial_cluster: str) -> list[str]:
        """Those of a member with this name and peer URL."""
        client = f"http://{self.address}"
        return [
            f"--name={name}",
            f"--data-dir={self.data_dir}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={initial_cluster}",
        ]

    def _make_command(self) -> list[str]:
        flags = self.flags()
        if self.kind == "etcd":
            return [debian(), "--enable-v2=true", "--logger=zap", "--log-level=error", *flags]
        return [sys.executable, "-m", "coreos_py.cli.etcd", *flags]

    def wait_until_answering(self) -> float:
        """How long the first answer took, in milliseconds."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.kind} ended with {self.process.returncode}: {self._tail()}")
            try:
                with urllib.request.urlopen(f"http://{self.address}/v2/keys/?quorum=true", timeout=5):
                    return (time.monotonic() - self.started_s) * 1e3
            except OSError:
                time.sleep(0.002)
        raise RuntimeError(f"{self.kind} did not answer within 120 s: {self._tail()}")

    def _tail(self) -> str:
        return Path(self._log.name).read_text(errors="replace")[-2000:]

    def usage(self) -> Usage:
        """CPU, memory and fdatasync count so far."""
        root = Path(f"/proc/{self.process.pid}")
        fields = (root / "stat").read_text().rsplit(") ", 1)[1].split()
        status = (root / "status").read_text()

        def kib(name: str) -> int:
            found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
            return int(found.group(1)) * 1024 if found else 0

        return Usage(
            (int(fields[11]) + int(fields[12])) / CLOCK_TICKS, kib("VmRSS"), kib("VmHWM"), self._syncs()
        )

    def _syncs(self) -> int:
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=30) as reply:
            text = reply.read().decode()
        found = re.search(r"^etcd_(?:disk_)?wal_fsync_durations?_seconds_count (\S+)", text, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"the metrics of {self.kind} do not count fdatasync")
        return int(float(found.group(1)))

    def reset_peak(self) -> None:
        """Forget the peak of the resident size."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        """End it and wait."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk that the checkout is on (a tmpfs would make fsync free)."""
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=Path(__file__).resolve().parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def fresh(kind: str) -> Iterator[Server]:
    """A server of this kind on an empty data directory."""
    with scratch() as path, Server(kind, path / "data") as server:
        yield server

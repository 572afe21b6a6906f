"""The demo's member: an `etcd` process of this installation, its ports and its end."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from coreos_py.etcd.port_holder import describe_holder

BOOK_PORTS = (2379, 4001)
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0


class MemberFailed(Exception):
    """The member did not start or answer as it should; the message says what happened."""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def choose_ports() -> list[int]:
    """The book's two ports, each replaced by a free one when somebody holds it; says so."""
    ports = []
    for port in BOOK_PORTS:
        if _is_free(port):
            ports.append(port)
        else:
            other = _any_free_port()
            print(f"port {port} is held by {describe_holder('127.0.0.1', port)}; using {other} instead")
            ports.append(other)
    return ports


class Member:
    """A running member on 127.0.0.1. Leaving the `with` block stops it cleanly."""

    def __init__(self, data_dir: Path, ports: list[int]) -> None:
        self.client_urls = [f"http://127.0.0.1:{port}" for port in ports]
        self._has_book_ports = ports == list(BOOK_PORTS)
        peer_url = f"http://127.0.0.1:{_any_free_port()}"
        urls = ",".join(self.client_urls)
        flags = [
            "--name=demo",
            f"--data-dir={data_dir}",
            f"--listen-client-urls={urls}",
            f"--advertise-client-urls={urls}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=demo={peer_url}",
        ]
        print(f"$ etcd {' '.join(flags)} &")
        # In a group of its own, so that a Ctrl-C at the terminal reaches the demo alone, which then stops it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "coreos_py.cli.etcd", *flags], stdin=subprocess.DEVNULL, process_group=0
        )

    def __enter__(self) -> Member:
        try:
            self._wait_until_answering()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_answering(self) -> None:
        deadline_s = time.monotonic() + START_DEADLINE_S
        reason = ""
        while time.monotonic() < deadline_s:
            status = self._process.poll()
            if status is not None:
                raise MemberFailed(f"the member ended with status {status} before it answered (see above)")
            try:
                self.ask("/version")
                return
            except MemberFailed as error:
                reason = str(error)
                time.sleep(0.02)
        raise MemberFailed(f"the member did not answer within {START_DEADLINE_S:.0f} s: {reason}")

    def ask(self, path: str) -> tuple[Any, int]:
        """The JSON that a GET of this path answers, and the etcd index that came with it (0 without one)."""
        try:
            try:
                reply = urllib.request.urlopen(self.client_urls[0] + path, timeout=60)
            except urllib.error.HTTPError as refused:
                reply = refused
            with reply:
                return json.load(reply), int(reply.headers.get("X-Etcd-Index", "0"))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MemberFailed(f"GET {path} failed: {error}") from error

    def etcdctl(self, arguments: list[str]) -> list[str]:
        """The command line that talks to this member."""
        return [sys.executable, "-m", "coreos_py.cli.etcdctl", *arguments]

    def environment(self) -> dict[str, str]:
        """The environment in which `etcdctl` finds this member."""
        return os.environ | {"ETCDCTL_ENDPOINTS": ",".join(self.client_urls)}

    def typed(self, arguments: str) -> str:
        """What a person types to run `etcdctl` against this member from another terminal."""
        installed = Path(sys.executable).with_name("etcdctl")
        on_path = shutil.which("etcdctl")
        is_plain = on_path is not None and Path(on_path).resolve() == installed.resolve()
        name = "etcdctl" if is_plain else os.path.relpath(installed)
        where = "" if self._has_book_ports else f"--endpoints {self.client_urls[0]} "
        return f"{name} {where}{arguments}"

    def wait(self) -> int:
        """Wait for the member to end by itself; its exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to drain and end; kill it when it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                print(
                    f"demo: the member did not stop within {STOP_DEADLINE_S:.0f} s; killed", file=sys.stderr
                )
                self._process.kill()
                self._process.wait()

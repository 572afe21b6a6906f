"""Running `etcdctl` as a person does: a process with a command line, an environment and a standard input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.server import TRACES, Server
from tests.support.waiting import wait_until

RUN_DEADLINE_S = 60.0
# A busy machine is no failure; tests of time limits give their own after these.
PATIENT = ("--timeout", "30s", "--total-timeout", "30s")


class Done(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without etcdctl's settings; every warning of the interpreter is an error."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ETCDCTL_")}
    return {**kept, "PYTHONWARNINGS": "error", **(extra or {})}


class Ctl:
    """One `etcdctl` program. `endpoints` are given to it as a flag, unless empty."""

    def __init__(
        self, program: Sequence[str], endpoints: str = "", variables: dict[str, str] | None = None
    ) -> None:
        self.program = list(program)
        self.endpoints = endpoints
        self.variables = variables or {}

    @classmethod
    def ours(cls, endpoints: str = "") -> Ctl:
        """The command under test."""
        return cls([sys.executable, "-m", "coreos_py.cli.etcdctl"], endpoints)

    def command(self, *words: str | bytes) -> list[str | bytes]:
        """The full command line."""
        flags = ["--endpoints", self.endpoints, *PATIENT] if self.endpoints else []
        return [*self.program, *flags, *words]

    def run(self, *words: str | bytes, stdin: bytes = b"", variables: dict[str, str] | None = None) -> Done:
        """Run to the end. Our own traces are never acceptable output."""
        done = subprocess.run(
            self.command(*words),
            input=stdin,
            capture_output=True,
            timeout=RUN_DEADLINE_S,
            env=environment({**self.variables, **(variables or {})}),
            check=False,
        )
        result = Done(done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode())
        assert not any(trace in result.err for trace in TRACES), result.err
        return result

    def start(self, *words: str) -> Background:
        """Start without waiting for the end."""
        return Background(self.command(*words), environment(self.variables))

    def start_with_input(self, *words: str, stdin: bytes) -> Background:
        """The same with a standard input."""
        return Background(self.command(*words), environment(self.variables), stdin)


class Background:
    """A run that goes on. Leaving the `with` kills it if it is still there."""

    def __init__(
        self, command: Sequence[str | bytes], variables: dict[str, str], stdin: bytes | None = None
    ) -> None:
        with tempfile.TemporaryFile() as source:
            source.write(stdin or b"")
            source.seek(0)
            self.process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables
            )

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        """The next line of its output; waits for it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def interrupt(self) -> Done:
        """Ctrl-C, then wait for the end."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> Done:
        """Wait for the end."""
        out, err = self.process.communicate(timeout=RUN_DEADLINE_S)
        assert not any(trace in err.decode() for trace in TRACES), err.decode()
        return Done(self.process.returncode, out.decode(), err.decode())


def client_url(server: Server) -> str:
    """Where the server listens for clients."""
    scheme = "http" if server.tls is None else "https"
    return f"{scheme}://127.0.0.1:{server.client_port}"


def watchers(server: Server) -> int:
    """How many watches the server holds."""
    count = json.loads(server.request("GET", "/v2/stats/store").body)["watchers"]
    assert isinstance(count, int)
    return count


def wait_for_watchers(server: Server, count: int) -> None:
    """Return when the server holds `count` watches."""
    wait_until(lambda: watchers(server) == count, lambda: f"{watchers(server)} watchers, not {count}")


def wait_for_lines(path: Path, count: int) -> list[str]:
    """The lines of a file, once there are `count` of them."""

    def lines() -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    wait_until(lambda: len(lines()) >= count, lines)
    return lines()


def stored(server: Server, key: str) -> dict[str, object]:
    """The node as the server tells it."""
    node = json.loads(server.request("GET", f"/v2/keys{key}").body)["node"]
    assert isinstance(node, dict)
    return node


def same_but_index(text: str) -> str:
    """Error text without the store's index."""
    return re.sub(r"\[\d+\]\n", "[N]\n", text)

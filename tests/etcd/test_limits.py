"""Limits of a running member: descriptors, connections, and reading its numbers under load."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support.certificates import make_certificates
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.support.wire import PeerClosed
from tests.support.writers import Journal, Writers

#: Of a member under test; most are in reserve.
DESCRIPTORS = 350


def make_tls_server(make_server: ServerFactory, folder: Path, *flags: str) -> Server:
    certs = make_certificates(folder)
    return make_server(tls=(certs.cert_file, certs.key_file), client_tls=certs.client, flags=flags)


def start_limited(server: Server) -> None:
    """Start with few descriptors."""
    server.work_dir.mkdir(parents=True, exist_ok=True)
    words = ["sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh", *server.command()]
    with server.stderr_path.open("ab") as stderr:
        server.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    server.starts += 1
    server.wait_ready()


def open_descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def ask_peer_port(server: Server) -> bytes:
    with socket.create_connection(("127.0.0.1", server.peer_port), timeout=30) as peer:
        peer.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        return b"".join(iter(lambda: peer.recv(4096), b""))


@pytest.mark.parametrize("port", ["client", "peer"])
def test_silent_connections_do_not_use_up_the_descriptors(
    make_server: ServerFactory, tmp_path: Path, port: str
) -> None:
    server = make_tls_server(make_server, tmp_path)
    start_limited(server)
    before = open_descriptors(server)
    with ExitStack() as stack:
        address = ("127.0.0.1", server.client_port if port == "client" else server.peer_port)
        for _ in range(DESCRIPTORS):
            stack.enter_context(socket.create_connection(address, timeout=30))
        # The other port is served, after what had come before.
        if port == "client":
            assert ask_peer_port(server).startswith(b"HTTP/1.1 200 ")
        else:
            assert server.request("GET", "/version").status == 200
        wait_until(lambda: open_descriptors(server) > before, lambda: "none of them has been accepted")
        assert open_descriptors(server) < DESCRIPTORS - 20
    assert server.request("PUT", "/v2/keys/a", b"value=1").status == 201
    assert "cannot accept a connection" not in server.stderr()


def test_over_the_limit_a_tls_client_is_told_the_limit(make_server: ServerFactory, tmp_path: Path) -> None:
    server = make_tls_server(make_server, tmp_path, "--max-connections", "3").start()
    with ExitStack() as stack:
        held = 0

        def is_full() -> bool:
            """The connections of the start have to end first."""
            nonlocal held
            client = stack.enter_context(server.connect())
            reply = client.request("GET", "/version")
            if reply.status == 503:
                assert b"too many connections: the limit is 3 (--max-connections)" in reply.body
                with pytest.raises(PeerClosed):
                    client.read_reply()
                return True
            held += 1
            return False

        wait_until(is_full, lambda: f"{held} are served")
        assert held == 3


def test_metrics_are_answered_while_the_front_is_busy(make_server: ServerFactory) -> None:
    server = make_server().start()
    with Writers(server, Journal(), count=8), server.connect() as client:
        for _ in range(100):
            reply = client.request("GET", "/metrics")
            assert reply.status == 200, reply.body
            assert b"\netcd_http_requests_total " in reply.body
    assert "an endpoint failed" not in server.stderr()


STUCK = """
import sys, time
from coreos_py.cli import etcd
from coreos_py.etcd import daemon, end_signals

class Stuck:
    def __init__(self, engine):
        self.real = engine
    def __getattr__(self, name):
        return getattr(self.real, name)
    def close(self):
        print("closing", file=sys.stderr, flush=True)
        time.sleep(600)

end_signals.PATIENCE_S = 0
opened, made = daemon.open_engine, daemon.make_front
daemon.open_engine = lambda *plan: Stuck(opened(*plan))
daemon.make_front = lambda engine, *rest: made(engine.real, *rest)
sys.exit(etcd.main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_member_whose_log_does_not_close(
    make_server: ServerFactory, number: int
) -> None:
    server = make_server()
    server.work_dir.mkdir()
    words = [sys.executable, "-c", STUCK, *server.command()[1:]]
    with server.stderr_path.open("ab") as stderr:
        server.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    server.starts += 1
    server.wait_ready()
    server.signal(number)
    wait_until(lambda: "\nclosing\n" in server.stderr(), server.stderr)
    server.signal(number)
    assert server.wait_exit() == 1
    assert "ended before the log was closed" in server.stderr()
    server.assert_no_traces()
    server.start()

"""Signals beside SIGTERM and SIGINT: a hang-up is an end in order, others leave the member alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.conftest import ServerFactory


@pytest.fixture
def hang_up() -> Iterator[None]:
    """Members started by the test inherit our handling of SIGHUP; undo what it does to that."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def stop_line(text: str) -> str:
    """The one line that says why it ends."""
    (line,) = [line for line in text.splitlines() if "msg=stopping" in line]
    return line


@pytest.mark.usefixtures("hang_up")
def test_a_hang_up_is_logged_and_ends_watches_in_order(make_server: ServerFactory) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    server = make_server().start()
    with server.connect() as watcher:
        watcher.send(b"GET /v2/keys/w?wait=true HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert watcher.read_head().status == 200
        server.signal(signal.SIGHUP)
        server.signal(signal.SIGHUP)
        assert server.wait_exit() == 0
        assert watcher.read_chunk() is None, "the watch ends in order"
    server.assert_no_traces()
    assert "signal=SIGHUP" in stop_line(server.stderr())


@pytest.mark.usefixtures("hang_up")
def test_nohup_is_respected(make_server: ServerFactory) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = make_server().start()
    server.signal(signal.SIGHUP)
    assert server.request("GET", "/v2/keys/_none").status == 404
    server.stop()
    assert "signal=SIGTERM" in stop_line(server.stderr())


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM])
def test_signals_that_mean_nothing_end_nothing(make_server: ServerFactory, number: int) -> None:
    server = make_server().start()
    server.signal(number)
    assert server.request("GET", "/v2/keys/_none").status == 404
    server.stop()

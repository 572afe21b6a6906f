"""SIGTERM: requests that have begun are answered, connections end in order, the exit status is 0."""

from __future__ import annotations

import contextlib
import signal

import pytest

from tests.conftest import ServerFactory
from tests.support.server import Kind
from tests.support.wire import Connection, PeerClosed, request_bytes
from tests.support.writers import Journal, Writers, losses


def test_writes_in_flight_are_drained(make_server: ServerFactory) -> None:
    """Pipelined writes, then SIGTERM at once: whole replies only, exit 0, nothing acknowledged is lost."""
    server = make_server(Kind.OURS).start()
    conns = [server.connect() for _ in range(20)]
    for number, conn in enumerate(conns):
        conn.send(b"".join(request_bytes("PUT", f"/v2/keys/d/{number}/{n}", b"value=1") for n in range(20)))
    server.signal(signal.SIGTERM)
    acked = []
    for number, conn in enumerate(conns):
        replies = conn.replies_until_close(20)
        assert {reply.status for reply in replies} <= {200, 201}, replies
        acked += [f"/d/{number}/{n}" for n in range(len(replies))]
        conn.close()
    assert server.wait_exit() == 0, server.stderr()
    server.assert_no_traces()
    assert acked, "not one of the writes in flight was answered"
    server.start()
    with server.connect() as conn:
        missing = [key for key in acked if conn.get(key).status != 200]
    assert not missing


def test_under_load_from_many_clients(make_server: ServerFactory) -> None:
    server = make_server(Kind.OURS).start()
    journal = Journal()
    with Writers(server, journal, count=16) as writers:
        writers.wait_for(200)
        server.signal(signal.SIGTERM)
        code = server.wait_exit()
    assert code == 0, server.stderr()
    server.assert_no_traces()
    server.start()
    assert losses(server, journal.acked, journal.sent) == []


def bytes_until_close(conn: Connection) -> bytes:
    """What is still to be read."""
    rest = conn.buffer
    while data := conn.socket.recv(1000):
        rest += data
    return rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_idle_connections_and_watches_do_not_hold_it_up(
    make_server: ServerFactory, number: signal.Signals
) -> None:
    server = make_server(Kind.OURS).start()
    idle, watching, streaming, half = (server.connect() for _ in range(4))
    assert idle.get("/none").status == 404
    watching.send(request_bytes("GET", "/v2/keys/w?wait=true"))
    streaming.send(request_bytes("GET", "/v2/keys/w?wait=true&stream=true&recursive=true"))
    assert watching.read_head().status == 200
    assert streaming.read_head().status == 200
    half.send(b"PUT /v2/keys/half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nvalue=")
    server.signal(number)
    assert server.wait_exit(deadline_s=10) == 0, server.stderr()
    server.assert_no_traces()
    for conn in (idle, half):
        with pytest.raises(PeerClosed):
            conn.read_head()
    for conn in (watching, streaming):
        assert bytes_until_close(conn) == b"0\r\n\r\n", "the watch ends in order"
    for conn in (idle, watching, streaming, half):
        conn.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_more_signals_do_not_spoil_it(make_server: ServerFactory, number: signal.Signals) -> None:
    """As many as come until it has ended: the first one counts."""
    for _ in range(3):
        server = make_server(Kind.OURS).start()
        server.signal(signal.SIGTERM)
        assert server.process is not None
        with contextlib.suppress(ProcessLookupError):
            while server.process.poll() is None:
                server.signal(number)
        assert server.wait_exit() == 0, server.stderr()
        server.assert_no_traces()

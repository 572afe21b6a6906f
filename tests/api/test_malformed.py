"""Malformed requests of every kind, over plain TCP and over TLS.

Each must come to a correct 4xx or a clean close, never to a 5xx, a hang or a stack trace, and the server must
answer the next client.
"""

from __future__ import annotations

import os
import random
import ssl
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.malformed import ALL_CASES, FORM_TYPE, HOST, Case
from tests.api.malformed.case import put
from tests.conftest import require
from tests.support.plain_and_tls import plain_and_tls
from tests.support.server import Kind, Server
from tests.support.verdict import Outcome, exchange, faults
from tests.support.waiting import wait_until
from tests.support.wire import Connection, PeerClosed

LIMIT_S = 2
LIMITS = ("--idle-timeout", f"{LIMIT_S}s", "--head-timeout", f"{LIMIT_S}s")
#: A limit may be noticed late by this much on a busy machine.
LATE_S = 4.0

server = plain_and_tls(*LIMITS)


def assert_alive(server: Server) -> None:
    """It serves the next client and has printed no trace."""
    with server.connect() as conn:
        assert conn.request("GET", "/version").status == 200
        assert conn.put("/alive", "1").status in (200, 201)
    server.assert_no_traces()


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_malformed(server: Server, case: Case) -> None:
    outcome = exchange(
        server.connect,
        case.pieces,
        replies=case.replies,
        half_close=case.half_close,
        head_only=case.head_only,
    )
    found = faults(outcome, statuses=case.statuses)
    if case.must_reply and not outcome.replies:
        found.append(f"no reply ({outcome.ending})")
    if case.names and not any(case.names in reply.body for reply in outcome.replies):
        found.append(f"{case.names!r} is not named in {[r.body[:300] for r in outcome.replies]}")
    assert not found, f"{case.name}: " + "; ".join(found)
    assert_alive(server)


def test_nothing_was_smuggled(server: Server) -> None:
    """Runs after the cases above: none of them may have written the smuggled key, or any key but these."""
    with server.connect() as conn:
        nodes = conn.get("/").json()["node"].get("nodes", [])
    assert {node["key"] for node in nodes} <= {"/alive"}


def drip(server: Server, start: bytes, rest: bytes) -> tuple[Outcome, float]:
    """Send `start` at once and the rest one byte every fifth of a limit; the outcome and how long it took."""
    began = time.monotonic()
    pieces = [start, *(bytes([byte]) for byte in rest)]
    outcome = exchange(
        server.connect, pieces, replies=None, pause_s=LIMIT_S / 5, deadline_s=LIMIT_S + LATE_S + 10
    )
    return outcome, time.monotonic() - began


@pytest.mark.parametrize("part", ["first line", "header", "body", "chunk"])
def test_slow_drip(server: Server, part: str) -> None:
    """A request that is fed too slowly is ended at the limit, although bytes keep coming."""
    form = b"PUT /v2/keys/slow HTTP/1.1\r\n" + HOST + FORM_TYPE
    start, rest = {
        "first line": (b"GET /v2/ke", b"y" * 100),
        "header": (b"GET /v2/keys/slow HTTP/1.1\r\n" + HOST + b"X-Slow: ", b"s" * 100),
        "body": (form + b"Content-Length: 1000\r\n\r\nvalue=", b"v" * 100),
        "chunk": (form + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\nvalue=", b"v" * 100),
    }[part]
    # Enough bytes for three limits: the server has to have stopped reading well before the last one.
    outcome, took_s = drip(server, start, rest[:15])
    found = faults(Outcome(outcome.replies, "closed" if outcome.ending == "reset" else outcome.ending))
    assert not found, found
    assert outcome.ending in ("closed", "reset"), outcome
    assert took_s < 3 * LIMIT_S + LATE_S
    assert_alive(server)


def test_idle_connection_is_closed_and_a_watch_is_spared(server: Server) -> None:
    """An unused connection ends at the idle limit; a watch that is older than it still delivers."""
    with server.connect() as watching:
        watching.send(b"GET /v2/keys/late?wait=true HTTP/1.1\r\n" + HOST + b"\r\n")
        assert watching.read_head().status == 200
        for start in (b"", b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n"):
            outcome = exchange(server.connect, [start], replies=None, deadline_s=LIMIT_S + LATE_S)
            assert outcome.ending == "closed", outcome
            assert all(reply.status in (200, 408) for reply in outcome.replies)
        with server.connect() as conn:
            conn.put("/late", "1")
        assert watching.read_object()["node"]["key"] == "/late"
        with server.connect() as conn:
            conn.delete("/late")


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """A read behind a write sees it; a bad request in the middle ends the connection after the good ones."""
    count = 200
    good = b"".join(
        b"PUT /v2/keys/alive HTTP/1.1\r\n"
        + HOST
        + FORM_TYPE
        + b"Content-Length: %d\r\n\r\nvalue=%d" % (6 + len(str(n)), n)
        + b"GET /v2/keys/alive HTTP/1.1\r\n"
        + HOST
        + b"\r\n"
        for n in range(count)
    )
    with server.connect() as conn:
        conn.send(good + b"NONSENSE\r\n\r\n" + good[:100])
        for number in range(count):
            assert conn.read_reply().status in (200, 201)
            assert conn.read_reply().json()["node"]["value"] == str(number)
        assert conn.read_reply().status == 400
    assert_alive(server)


def test_expect_continue(server: Server) -> None:
    """The interim reply comes before the body is sent; then the request goes through."""
    with server.connect() as conn:
        conn.send(
            b"PUT /v2/keys/alive HTTP/1.1\r\n"
            + HOST
            + FORM_TYPE
            + b"Expect: 100-continue\r\nContent-Length: 7\r\n\r\n"
        )
        assert conn.read_head().status == 100
        conn.send(b"value=1")
        assert conn.read_reply().status in (200, 201)


def test_chunked_body_in_odd_pieces(server: Server) -> None:
    """Well-formed chunks, extensions and trailers, one byte at a time."""
    data = (
        b"PUT /v2/keys/alive HTTP/1.1\r\n" + HOST + FORM_TYPE + b"Transfer-Encoding: chunked\r\n\r\n"
        b"2;ext=1\r\nva\r\n00003\r\nlue\r\n2\r\n=9\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    with server.connect() as conn:
        for byte in data:
            conn.send(bytes([byte]))
        assert conn.read_reply().json()["node"]["value"] == "9"


VALID = [
    b"GET /v2/keys/fuzz?recursive=true&sorted=true HTTP/1.1\r\n" + HOST + b"\r\n",
    b"DELETE /v2/keys/fuzz?prevValue=1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PUT /v2/keys/fuzz?prevIndex=1 HTTP/1.1\r\n"
    + HOST
    + FORM_TYPE
    + b"Content-Length: 13\r\n\r\nvalue=1&ttl=9",
    b"PUT /v2/keys/fuzz?prevIndex=1 HTTP/1.1\r\n"
    + HOST
    + FORM_TYPE
    + b"Transfer-Encoding: chunked\r\n\r\n7\r\nvalue=1\r\n0\r\n\r\n",
    b"GET /v2/members HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"PUT /config/local/log HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid request with a few bytes changed, dropped, doubled or put in."""
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["set", "insert", "drop", "double"]))
        byte = draw(st.one_of(st.integers(0, 255), st.sampled_from(b'\r\n\0 :%/?&=;,\t+-"[]{}')))
        if kind == "set" and data:
            data[at] = byte
        elif kind == "insert":
            data.insert(at, byte)
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 9))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def check_fuzzed(server: Server, data: bytes) -> None:
    """Whatever it is: HTTP replies below 500 and then a close, in time."""
    # `Connection: close` cannot be relied on in broken requests.
    outcome = exchange(server.connect, [data], replies=None, half_close=True)
    found = faults(outcome, statuses=frozenset(range(200, 500)))
    assert not found, (data, found)


def test_a_client_that_sends_no_more_still_gets_its_replies(server: Server) -> None:
    """What the fuzzing below stands on: it half-closes after its request and reads to the end.

    The write is answered after a sync of the disk: by then the server has seen that nothing more will come.
    """
    write = b"".join(put(b"value=1", target=b"/v2/keys/alive"))
    outcome = exchange(server.connect, [*VALID[:1] * 3, write, VALID[0]], replies=None, half_close=True)
    assert [reply.status for reply in outcome.replies[:3]] == [404] * 3
    assert [reply.status // 100 for reply in outcome.replies[3:]] == [2, 4]
    assert outcome.ending == "closed"


@given(data=mutated())
@FUZZ
def test_fuzzed_requests(server: Server, data: bytes) -> None:
    check_fuzzed(server, data)


def test_fuzzed_requests_leave_it_alive(server: Server) -> None:
    """Cruder mutations from a fixed seed, one connection after another: many at once would hide an order."""
    choice = random.Random(20261125)
    for _ in range(60):
        data = bytearray(choice.choice(VALID))
        for _ in range(choice.randint(1, 5)):
            data[choice.randrange(len(data))] = choice.randrange(256)
        check_fuzzed(server, bytes(data))
    assert_alive(server)


@pytest.mark.long
@given(data=mutated())
@settings(FUZZ, max_examples=int(os.environ.get("COREOS_EXAMPLES", "50000")))
def test_fuzzed_requests_for_long(server: Server, data: bytes) -> None:
    check_fuzzed(server, data)


def test_plain_http_on_a_tls_port(server: Server) -> None:
    """A helpful 400 or a close, no hang; and the TLS handshake of garbage ends too."""
    if server.client_tls is None:
        pytest.skip("only a TLS port has this")
    for data in (b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n", b"\x16\x03\x01\x00\x05garbage", b"\0" * 300):
        outcome = exchange(lambda: Connection(server.address), [data], replies=None)
        assert outcome.ending in ("closed", "reset", "garbage"), outcome
        assert all(reply.status == 400 for reply in outcome.replies)
    assert_alive(server)


def test_old_tls_is_refused(server: Server) -> None:
    """TLS 1.1 and older do not come to a session."""
    if server.client_tls is None:
        pytest.skip("only a TLS port has this")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        # Naming these versions is deprecated, which is the point of the test.
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        Connection(server.address, tls=old).close()
    assert_alive(server)


def accepted(server: Server) -> Connection:
    """A served connection. The server may need a moment to notice that an earlier one has been closed."""
    served: list[Connection] = []

    def is_served() -> bool:
        conn = server.connect()
        try:
            if conn.request("GET", "/version").status == 200:
                served.append(conn)
                return True
        except PeerClosed:
            pass  # Refused, which is what the caller's limit is for.
        conn.close()
        return False

    wait_until(is_served, lambda: "the place of a closed connection is not given away again")
    return served[0]


def test_connections_over_the_limit_are_refused_with_a_message(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    require(Kind.OURS, request.config)
    limited = Server(Kind.OURS, tmp_path, flags=("--max-connections", "8"))
    limited.start()
    try:
        held = [accepted(limited) for _ in range(8)]
        outcome = exchange(limited.connect, [b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n"], replies=None)
        assert outcome.ending == "closed", outcome
        (reply,) = outcome.replies
        assert reply.status in (429, 503)
        assert b"8" in reply.body
        assert b"max-connections" in reply.body
        assert held[0].request("GET", "/version").status == 200
        held.pop().close()
        held.append(accepted(limited))
        for conn in held:
            conn.close()
        limited.stop()
    finally:
        limited.discard()

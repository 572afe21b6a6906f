"""A full disk: writes are refused with the reason, reads go on, nothing acknowledged is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support import power
from tests.support.server import Kind
from tests.support.waiting import wait_until
from tests.support.wire import Connection, Reply, form

#: With the filler there is room for two segments of the log (64 MiB each), without it for a third one.
DISK_MIB = 200
FILLER_MIB = 50
VALUE_BYTES = 512 << 10
KEYS = 20
#: More than two segments hold and less than three.
WRITES = 300
#: Nearly two segments: so many roles of 60 kB as WRITES do not fit behind them.
KEYS_BEFORE_ROLES = 240
#: A refusal must not be a time-out of the request, so that is longer than any client here waits.
#: Snapshots would take and give room at moments of their own.
FLAGS = ("--request-timeout", "60s", "--snapshot-count", "1000000")
PATIENCE_S = 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Asked for before `make_server`, so that servers are gone when it is unmounted."""
    if reason := power.missing():
        pytest.skip(reason)
    with power.mounted("tmpfs", "none", tmp_path / "small", f"size={DISK_MIB}m") as point:
        yield point


def fill(disk: Path, mib: int) -> Path:
    """Take so much of the disk away; the file that does it."""
    filler = disk / "filler"
    filler.write_bytes(b"\0" * (mib << 20))
    return filler


def value_of(number: int) -> bytes:
    """A value that says which write it was."""
    return str(number).encode().ljust(VALUE_BYTES, b".")


def number_in(reply: Reply) -> int:
    """Which write a read shows."""
    assert reply.status == 200, reply
    return int(reply.json()["node"]["value"].rstrip("."))


def write_until_refused(conn: Connection) -> tuple[dict[int, int], Reply | None]:
    """Overwrite the keys in turn: last acknowledged write of each, and the first refusal."""
    acked: dict[int, int] = {}
    for number in range(1, WRITES + 1):
        reply = conn.request("PUT", f"/v2/keys/full/{number % KEYS}", form(value=value_of(number)))
        if reply.status not in (200, 201):
            return acked, reply
        acked[number % KEYS] = number
    return acked, None


def make_roles_until_refused(conn: Connection) -> tuple[list[str], Reply | None]:
    """Roles of 60 kB: the acknowledged ones, and the first refusal."""
    acked: list[str] = []
    for name in (f"r{number}" for number in range(WRITES)):
        role = {"role": name, "permissions": {"kv": {"read": [f"/{'x' * 60_000}"]}}}
        reply = conn.request("PUT", f"/v2/auth/roles/{name}", json.dumps(role).encode())
        if reply.status != 201:
            return acked, reply
        acked.append(name)
    return acked, None


def assert_refused_for(reply: Reply, disk: Path) -> None:
    """The reply says that the member is read-only, why, and where."""
    assert reply.status == 500, reply
    error = reply.json()
    assert (error["errorCode"], error["message"]) == (300, "Raft Internal Error")
    assert "read-only" in error["cause"]
    assert "No space left on device" in error["cause"]
    assert str(disk) in error["cause"]


def test_full_disk(small_disk: Path, make_server: ServerFactory) -> None:
    filler = fill(small_disk, FILLER_MIB)
    server = make_server(Kind.OURS, data_dir=small_disk / "data", flags=FLAGS).start()
    with server.connect(timeout_s=PATIENCE_S) as conn, server.connect(timeout_s=PATIENCE_S) as watching:
        watching.send(b"GET /v2/keys/full/again?wait=true HTTP/1.1\r\nHost: x\r\n\r\n")
        assert watching.read_head().status == 200
        acked, refusal = write_until_refused(conn)
        assert refusal is not None, "the disk never got full"
        assert_refused_for(refusal, small_disk)
        # Reads go on; further writes are refused too, however small.
        assert {key: number_in(conn.get(f"/full/{key}")) for key in acked} == acked
        assert_refused_for(conn.put("/full/small", "1"), small_disk)
        assert conn.get("/full/small").status == 404
        assert conn.request("GET", "/health").status == 503
        assert conn.request("GET", "/version").status == 200
        filler.unlink()
        # It finds the room by itself, on the same connections.
        last = refusal

        def is_taken() -> bool:
            nonlocal last
            last = conn.put("/full/again", "1")
            return last.status == 201

        wait_until(is_taken, lambda: last)
        assert conn.request("GET", "/health").status == 200
        assert watching.read_object() == last.json(), "the watch has outlived it"
    assert server.process is not None
    assert server.process.poll() is None, "the same process all the time"
    server.restart()
    with server.connect() as conn:
        kept = {key: number_in(conn.get(f"/full/{key}")) for key in acked}
        assert kept == acked, "all that was acknowledged, and what was refused has not come through later"


def test_no_change_of_roles_is_acknowledged_that_a_full_disk_gives_back(
    small_disk: Path, make_server: ServerFactory
) -> None:
    """The first command that meets the full disk has been taken; here it is a role and not a key."""
    fill(small_disk, FILLER_MIB)
    server = make_server(Kind.OURS, data_dir=small_disk / "data", flags=FLAGS).start()
    with server.connect(timeout_s=PATIENCE_S) as conn:
        for number in range(KEYS_BEFORE_ROLES):
            reply = conn.request("PUT", f"/v2/keys/full/{number % KEYS}", form(value=value_of(number)))
            assert reply.status in (200, 201), reply
        acked, refusal = make_roles_until_refused(conn)
        assert refusal is not None, "the disk never got full"
        assert (refusal.status, len(acked) > 1) == (503, True), refusal
        assert "No space left on device" in refusal.json()["message"]
        kept = [name for name in acked if conn.request("GET", f"/v2/auth/roles/{name}").status == 200]
        assert kept == acked
        assert conn.request("GET", f"/v2/auth/roles/r{len(acked)}").status == 404


def test_control_the_same_writes_with_room_are_not_refused(
    small_disk: Path, make_server: ServerFactory
) -> None:
    """It is the filler that makes the disk full, not the writes."""
    server = make_server(Kind.OURS, data_dir=small_disk / "data", flags=FLAGS).start()
    with server.connect(timeout_s=PATIENCE_S) as conn:
        acked, refusal = write_until_refused(conn)
        assert refusal is None
        assert len(acked) == KEYS
        assert conn.request("GET", "/health").status == 200


def test_a_disk_without_room_for_a_log_is_refused(small_disk: Path, make_server: ServerFactory) -> None:
    """A member that could not even begin says so and ends, without leaving a directory that blocks it."""
    filler = fill(small_disk, DISK_MIB - 10)
    server = make_server(Kind.OURS, data_dir=small_disk / "data")
    said = server.refuses_to_start()
    assert "No space left on device" in said, said
    assert str(small_disk) in said, said
    filler.unlink()
    server.start()
    assert server.request("PUT", "/v2/keys/a", b"value=1").status == 201

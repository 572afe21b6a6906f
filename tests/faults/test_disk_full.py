"""A full disk: writes are refused with the reason, reads go on, nothing acknowledged is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support import power
from tests.support.server import Kind
from tests.support.wire import PeerClosed, form

#: Room for the log's first segment (64 MiB) and the next one, but not for many more.
DISK_MIB = 200
VALUE_BYTES = 512 << 10
KEYS = 20
WRITES_MAX = 2000
RECOVERY_S = 30.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Asked for before `make_server`, so that servers are gone when it is unmounted."""
    if reason := power.missing():
        pytest.skip(reason)
    with power.mounted("tmpfs", "none", tmp_path / "small", f"size={DISK_MIB}m") as point:
        yield point


def value_of(number: int) -> bytes:
    """A value that says which write it was."""
    return str(number).encode().ljust(VALUE_BYTES, b".")


def test_full_disk(small_disk: Path, make_server: ServerFactory) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * (50 << 20))
    server = make_server(Kind.OURS, data_dir=small_disk / "data").start()
    acked: dict[int, int] = {}
    refusal = None
    with server.connect(timeout_s=30) as conn:
        for number in range(1, WRITES_MAX):
            key = number % KEYS
            reply = conn.request("PUT", f"/v2/keys/full/{key}", form(value=value_of(number)))
            if reply.status not in (200, 201):
                refusal = reply
                break
            acked[key] = number
        assert refusal is not None, "the disk never got full"
        assert refusal.status in (500, 503, 507), refusal
        text = refusal.body.lower()
        assert b"space" in text or b"disk" in text, refusal.body
        # Reads and watches go on; further writes are refused at once, not after a time-out.
        for key, number in acked.items():
            got = conn.get(f"/full/{key}")
            assert got.json()["node"]["value"].startswith(f"{number}."), key
        began = time.monotonic()
        assert conn.put("/full/small", "1").status in (200, 201, 500, 503, 507)
        assert time.monotonic() - began < 5.0
        assert conn.request("GET", "/version").status == 200
    filler.unlink()
    deadline = time.monotonic() + RECOVERY_S
    status = 0
    while status not in (200, 201) and time.monotonic() < deadline:
        try:
            with server.connect() as conn:
                status = conn.put("/full/again", "1").status
        except (PeerClosed, OSError):
            break  # It has ended itself; starting it again must help.
        time.sleep(0.05)
    if status not in (200, 201):
        if server.process is not None:
            server.wait_exit()
        server.start()
        assert server.request("PUT", "/v2/keys/full/again", b"value=1").status == 201
    server.restart()
    with server.connect() as conn:
        for key, number in acked.items():
            got = conn.get(f"/full/{key}")
            assert got.status == 200, (key, got)
            kept = int(got.json()["node"]["value"].rstrip("."))
            # The refused write may have come through later; an older value than acknowledged may not.
            assert kept >= number, f"/full/{key}: {number} was acknowledged, {kept} is there"


def test_a_disk_without_room_for_a_log_is_refused(small_disk: Path, make_server: ServerFactory) -> None:
    """A member that could not even begin says so and ends, without leaving a directory that blocks it."""
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * ((DISK_MIB - 10) << 20))
    server = make_server(Kind.OURS, data_dir=small_disk / "data")
    server.launch()
    assert server.wait_exit() not in (0, None)
    assert "space" in server.stderr().lower(), server.stderr()
    server.assert_no_traces()
    filler.unlink()
    server.starts = 0
    server.start()
    assert server.request("PUT", "/v2/keys/a", b"value=1").status == 201

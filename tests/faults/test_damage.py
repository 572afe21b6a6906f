"""Damage in the log is found and named, never skipped; a torn tail is no damage."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.support.programs import run_coreos
from tests.support.server import Kind, Server
from tests.support.walfile import BATCH_HEADER, HEADER_BYTES, batches, flip, segments

KEYS = 60


@pytest.fixture
def stopped(make_server: ServerFactory) -> Server:
    """A cleanly stopped member with some keys, one batch of the log for each."""
    server = make_server(Kind.OURS).start()
    with server.connect() as conn:
        for number in range(KEYS):
            assert conn.put(f"/k/{number}", str(number)).status == 201
    server.stop()
    return server


def keys_of(server: Server) -> set[int]:
    """Numbers of the keys that are there."""
    with server.connect() as conn:
        reply = conn.get("/k")
    return {int(node["value"]) for node in reply.json()["node"].get("nodes", [])}


def test_log_is_laid_out_as_documented(stopped: Server) -> None:
    (segment,) = segments(stopped.data_dir)
    assert segment.name == f"{0:016x}-{1:016x}.wal" or segment.name == f"{0:016x}-{0:016x}.wal"
    assert segment.stat().st_size == 64 << 20
    assert segment.stat().st_mode & 0o777 == 0o600
    assert segment.parent.stat().st_mode & 0o777 == 0o700
    found = batches(segment)
    assert [batch.sequence for batch in found] == list(range(1, len(found) + 1))
    assert len(found) >= KEYS
    identity = (stopped.data_dir / "member" / "identity").read_text()
    assert identity.startswith("coreos-etcd 1\n")


def test_verify_is_content_with_a_sound_directory(stopped: Server) -> None:
    """The control: no damage, no complaint, nothing written."""
    before = [path.read_bytes() for path in segments(stopped.data_dir)]
    done = run_coreos("etcd", "verify", str(stopped.data_dir))
    assert done.returncode == 0, done
    assert [path.read_bytes() for path in segments(stopped.data_dir)] == before
    stopped.start()
    assert keys_of(stopped) == set(range(KEYS))


@pytest.mark.parametrize("where", ["payload", "length", "sequence", "checksum", "magic"])
def test_a_flipped_bit_in_the_middle(stopped: Server, where: str) -> None:
    """Refused with file and offset; verify says so; repair cuts there, says what is lost, and it starts."""
    (segment,) = segments(stopped.data_dir)
    found = batches(segment)
    hit = found[len(found) // 2]
    offset = {
        "magic": hit.offset,
        "length": hit.offset + 4,
        "sequence": hit.offset + 8,
        "checksum": hit.offset + 16,
        "payload": hit.payload_at + hit.payload_bytes // 2,
    }[where]
    flip(segment, offset)
    said = stopped.refuses_to_start()
    assert segment.name in said, said
    assert str(hit.offset) in said, said
    assert "repair" in said, said

    verified = run_coreos("etcd", "verify", str(stopped.data_dir))
    assert verified.returncode == 1, verified
    assert segment.name in verified.stdout + verified.stderr
    assert "Traceback" not in verified.stderr

    repaired = run_coreos("etcd", "repair", str(stopped.data_dir))
    assert repaired.returncode == 0, repaired
    assert run_coreos("etcd", "verify", str(stopped.data_dir)).returncode == 0
    stopped.start()
    kept = keys_of(stopped)
    assert kept == set(range(len(kept))), "a prefix of what was written"
    assert 0 < len(kept) < KEYS
    assert stopped.request("PUT", "/v2/keys/after", b"value=1").status == 201
    stopped.restart()
    assert keys_of(stopped) == kept
    assert list(segment.parent.glob("*.broken")) or list(segment.parent.parent.rglob("*.broken"))


def test_the_last_acknowledged_write_is_guarded_too(stopped: Server) -> None:
    """The batch of the last key, although hardly anything follows it."""
    (segment,) = segments(stopped.data_dir)
    data = segment.read_bytes()
    hit = next(
        b for b in reversed(batches(segment)) if f"/k/{KEYS - 1}".encode() in data[b.payload_at : b.end]
    )
    flip(segment, hit.payload_at + 1)
    assert segment.name in stopped.refuses_to_start()


@pytest.mark.parametrize("tail", ["half a header", "half a payload", "garbage", "zeroes"])
def test_a_torn_tail_is_cut(stopped: Server, tail: str) -> None:
    """What a power cut leaves behind the last whole batch costs nothing (upstream refuses some of it)."""
    (segment,) = segments(stopped.data_dir)
    found = batches(segment)
    last = found[-1]
    written = segment.read_bytes()[last.offset : last.end]
    with segment.open("r+b") as file:
        file.seek(last.end)
        if tail == "half a header":
            file.write(written[: BATCH_HEADER.size // 2])
        elif tail == "half a payload":
            file.write(BATCH_HEADER.pack(0x31544142, 4000, last.sequence + 1, 12345, 0) + b"x" * 1000)
        elif tail == "garbage":
            file.write(bytes(range(1, 256)) * 20)
        else:
            file.write(b"\0" * 4096)
    stopped.start()
    assert keys_of(stopped) == set(range(KEYS))
    assert stopped.request("PUT", "/v2/keys/after", b"value=1").status == 201
    stopped.restart()
    assert keys_of(stopped) == set(range(KEYS))


def test_a_damaged_segment_header(stopped: Server) -> None:
    (segment,) = segments(stopped.data_dir)
    flip(segment, HEADER_BYTES // 2)
    said = stopped.refuses_to_start()
    assert segment.name in said, said


def test_a_damaged_identity(stopped: Server) -> None:
    identity = stopped.data_dir / "member" / "identity"
    flip(identity, 20)
    assert "identity" in stopped.refuses_to_start()


def test_a_broken_snapshot_falls_back_to_the_one_before(make_server: ServerFactory) -> None:
    server = make_server(Kind.OURS, flags=("--snapshot-count", "10")).start()
    with server.connect() as conn:
        for number in range(KEYS * 2):
            conn.put(f"/k/{number}", str(number))
    server.stop()
    folder = server.data_dir / "member" / "snap"
    snapshots = sorted(folder.glob("*.snap"))
    assert len(snapshots) >= 2, "no snapshots to break"
    flip(snapshots[-1], snapshots[-1].stat().st_size // 2)
    server.start()
    assert keys_of(server) == set(range(KEYS * 2))
    assert [path.name for path in folder.glob("*.broken")] != []

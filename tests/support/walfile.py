"""Reading log segments as docs/formats.md describes them, to know where to damage them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

SEGMENT_MAGIC = b"COREOSWL"
BATCH_MAGIC = 0x31544142
HEADER_BYTES = 64
BATCH_HEADER = struct.Struct("<IIQII")


@dataclass(frozen=True)
class Batch:
    """One batch: where it stands in its file and what it holds (bytes)."""

    offset: int
    sequence: int
    payload_bytes: int

    @property
    def payload_at(self) -> int:
        return self.offset + BATCH_HEADER.size

    @property
    def end(self) -> int:
        """Offset of what follows, a multiple of 8."""
        return (self.payload_at + self.payload_bytes + 7) // 8 * 8


def segments(data_dir: Path) -> list[Path]:
    """The log's segments, oldest first."""
    return sorted((data_dir / "member" / "wal").glob("*.wal"))


def batches(segment: Path) -> list[Batch]:
    """All valid batches of a segment; AssertionError when the header is not as documented."""
    data = segment.read_bytes()
    assert data[:8] == SEGMENT_MAGIC, f"{segment.name} begins with {data[:8]!r}"
    version, header_bytes = struct.unpack_from("<II", data, 8)
    assert (version, header_bytes) == (1, HEADER_BYTES)
    (seed,) = struct.unpack_from("<I", data, 60)
    assert zlib.crc32(data[:60]) == seed, "header checksum"
    found = []
    at = HEADER_BYTES
    while at + BATCH_HEADER.size <= len(data):
        magic, length, sequence, crc, zero = BATCH_HEADER.unpack_from(data, at)
        if magic != BATCH_MAGIC:
            break
        batch = Batch(at, sequence, length)
        covered = data[at + 4 : at + 16] + data[batch.payload_at : batch.payload_at + length]
        assert zlib.crc32(covered, seed) == crc, f"checksum of the batch at {at}"
        assert zero == 0
        found.append(batch)
        at = batch.end
    return found


def flip(path: Path, offset: int) -> None:
    """Invert one bit."""
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))

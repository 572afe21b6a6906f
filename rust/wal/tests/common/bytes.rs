//! An own reading of docs/formats.md, so that the crate is not checked against itself.

use std::path::{Path, PathBuf};

use super::sim::SimDisk;

pub const HEADER_BYTES: usize = 64;

/// A batch as it stands in a segment.
#[derive(Clone, Debug)]
pub struct Stands {
    pub path: PathBuf,
    pub offset: usize,
    /// After the payload; zeroes up to a multiple of eight follow.
    pub payload_end: usize,
    pub sequence: u64,
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// CRC-32 bit by bit, continued from `crc`.
pub fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// All batches, in order, checked against the format.
pub fn batches(disk: &SimDisk) -> Vec<Stands> {
    let mut found = Vec::new();
    for path in disk.segments() {
        let bytes = disk.bytes(&path);
        let seed = u32_at(&bytes, 60);
        assert_eq!(seed, crc32(0, &bytes[..60]));
        let mut offset = HEADER_BYTES;
        while offset + 24 <= bytes.len() && bytes[offset..offset + 4] == *b"BAT1" {
            let payload_end = offset + 24 + u32_at(&bytes, offset + 4) as usize;
            let crc = crc32(seed, &bytes[offset + 4..offset + 16]);
            assert_eq!(u32_at(&bytes, offset + 16), crc32(crc, &bytes[offset + 24..payload_end]));
            assert_eq!(u32_at(&bytes, offset + 20), 0);
            let sequence = u64_at(&bytes, offset + 8);
            found.push(Stands { path: path.clone(), offset, payload_end, sequence });
            let end = payload_end.next_multiple_of(8);
            assert!(bytes[payload_end..end].iter().all(|&b| b == 0));
            offset = end;
        }
        assert!(bytes[offset..].iter().all(|&b| b == 0), "{} after {offset}", path.display());
    }
    found
}

/// A segment header, with a right checksum.
pub fn header(format: u32, sequence: u64, first: u64, cluster: u64, member: u64) -> Vec<u8> {
    let mut bytes = b"COREOSWL".to_vec();
    bytes.extend(format.to_le_bytes());
    bytes.extend(64u32.to_le_bytes());
    for number in [sequence, first, cluster, member, 0x1234] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(crc32(0, &bytes).to_le_bytes());
    bytes
}

/// A batch with a right checksum, whatever is in it.
pub fn frame(seed: u32, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"BAT1".to_vec();
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    let crc = crc32(crc32(seed, &bytes[4..16]), payload);
    bytes.extend(crc.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

pub fn segment_path(sequence: u64, first: u64) -> PathBuf {
    Path::new(super::ROOT).join(format!("member/wal/{sequence:016x}-{first:016x}.wal"))
}

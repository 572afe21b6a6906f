//! The first 64 bytes of a segment.

use crate::frame::{u32_at, u64_at};

/// Length of the header; the first batch follows.
pub(crate) const HEADER_BYTES: usize = 64;
/// What a disk writes whole. The header and the first batch of a segment fit into one.
pub(crate) const SECTOR_BYTES: u64 = 512;

const MAGIC: &[u8; 8] = b"COREOSWL";
const FORMAT: u32 = 1;

/// Who wrote a segment, and which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub sequence: u64,
    pub first_index: u64,
    pub cluster_id: u64,
    pub member_id: u64,
    pub nonce: u64,
}

/// What stands where a header should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Good {
        header: Header,
        seed: u32,
    },
    Newer {
        format: u32,
    },
    /// Not a header. The seeds are what the checksum says and what it should say: one of them is
    /// right when only a few bits are wrong.
    Bad {
        seeds: [u32; 2],
    },
}

impl Header {
    /// The bytes, and the seed that they give.
    pub(crate) fn encode(&self) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_index.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.cluster_id.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.member_id.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.nonce.to_le_bytes());
        let seed = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&seed.to_le_bytes());
        (bytes, seed)
    }

    /// `bytes` may be shorter than a header, when the file is.
    pub(crate) fn decode(bytes: &[u8]) -> Reading {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Reading::Bad { seeds: [0, 0] };
        };
        let (stored, seed) = (u32_at(bytes, 60), crc32fast::hash(&bytes[..60]));
        if bytes[0..8] != *MAGIC || stored != seed {
            return Reading::Bad { seeds: [stored, seed] };
        }
        let format = u32_at(bytes, 8);
        if format > FORMAT {
            return Reading::Newer { format };
        }
        let sound =
            format == FORMAT && u32_at(bytes, 12) == HEADER_BYTES as u32 && bytes[56..60] == [0; 4];
        if !sound {
            return Reading::Bad { seeds: [stored, seed] };
        }
        let header = Header {
            sequence: u64_at(bytes, 16),
            first_index: u64_at(bytes, 24),
            cluster_id: u64_at(bytes, 32),
            member_id: u64_at(bytes, 40),
            nonce: u64_at(bytes, 48),
        };
        Reading::Good { header, seed }
    }
}

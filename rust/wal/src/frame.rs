//! How a batch stands in a segment.

use crc32fast::Hasher;

/// "BAT1".
pub(crate) const MAGIC: [u8; 4] = 0x3154_4142_u32.to_le_bytes();
/// Length of a batch's header.
pub(crate) const FRAME_BYTES: usize = 24;
/// Batches stand at multiples of this.
pub(crate) const ALIGN: u64 = 8;
/// The shortest batch: a header, one byte, and zeroes.
pub(crate) const BATCH_BYTES_MIN: u64 = 32;
/// Longest payload of one batch: 60 MiB.
pub const BATCH_PAYLOAD_MAX: usize = 60 << 20;

/// Bytes that a payload takes in a segment, with its header and the zeroes after it.
pub(crate) fn frame_bytes(payload_bytes: u64) -> u64 {
    (FRAME_BYTES as u64 + payload_bytes).next_multiple_of(ALIGN)
}

/// Turn header room plus payload into the bytes of a batch.
pub(crate) fn seal(buffer: &mut Vec<u8>, sequence: u64, seed: u32) {
    let payload_bytes = (buffer.len() - FRAME_BYTES) as u32;
    buffer[0..4].copy_from_slice(&MAGIC);
    buffer[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
    buffer[8..16].copy_from_slice(&sequence.to_le_bytes());
    let crc = checksum(buffer, seed);
    buffer[16..20].copy_from_slice(&crc.to_le_bytes());
    buffer[20..24].fill(0);
    buffer.resize(buffer.len().next_multiple_of(ALIGN as usize), 0);
}

/// Over bytes 4-15 and the payload of a header with its payload.
pub(crate) fn checksum(frame: &[u8], seed: u32) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    hasher.update(&frame[4..16]);
    hasher.update(&frame[FRAME_BYTES..]);
    hasher.finalize()
}

/// The header of what may be a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub payload_bytes: usize,
    pub sequence: u64,
    pub crc: u32,
}

impl Frame {
    /// `None`: these bytes are no batch header. Nothing is known of the payload yet.
    pub(crate) fn parse(head: &[u8; FRAME_BYTES]) -> Option<Frame> {
        let payload_bytes = u32_at(head, 4) as usize;
        let sound = head[0..4] == MAGIC
            && (1..=BATCH_PAYLOAD_MAX).contains(&payload_bytes)
            && head[20..24] == [0; 4];
        sound.then(|| Frame { payload_bytes, sequence: u64_at(head, 8), crc: u32_at(head, 16) })
    }
}

/// The little-endian integer at `at`; the caller knows that it is inside.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

/// The little-endian integer at `at`; the caller knows that it is inside.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

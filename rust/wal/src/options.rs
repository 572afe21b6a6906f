//! Settings of a log.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::frame::frame_bytes;
use crate::header::HEADER_BYTES;

/// Settings of a log.
#[derive(Clone, Copy, Debug)]
pub struct WalOptions {
    /// Length of a new segment: 64 MiB. Tests use small ones, at least 4 KiB; a batch never
    /// spans two segments, so that this also limits a batch.
    pub segment_bytes: u64,
    /// Makes the nonces in segment headers repeatable, for a simulator; `None`: really random.
    pub nonce_seed: Option<u64>,
}

/// Room for the batch with the current state that begins a segment.
pub(crate) const STATE_BATCH_BYTES_MAX: u64 = 128;

impl Default for WalOptions {
    fn default() -> Self {
        WalOptions { segment_bytes: 64 << 20, nonce_seed: None }
    }
}

impl WalOptions {
    /// What a new segment's length will be.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.max(4096).next_multiple_of(512)
    }

    /// Whether a payload fits into an empty segment.
    pub(crate) fn fits(&self, payload_bytes: usize) -> bool {
        let taken = HEADER_BYTES as u64 + STATE_BATCH_BYTES_MAX;
        taken + frame_bytes(payload_bytes as u64) <= self.segment_bytes()
    }

    /// A number that no earlier segment had in its header.
    pub(crate) fn nonce(&self, sequence: u64) -> u64 {
        match self.nonce_seed {
            // The golden ratio spreads neighbouring sequences over all bits.
            Some(seed) => (seed ^ sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            None => RandomState::new().build_hasher().finish(),
        }
    }
}

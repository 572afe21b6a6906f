//! A hash of a path that gives those of all its ancestors on the way.
//!
//! An event looks for watchers at every level above its key. Hashing each ancestor from its beginning
//! would make a key of 64 KiB with thousands of levels cost seconds.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

/// The hash of what has been pushed so far (FNV-1a, begun at random because clients choose paths).
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrefixHash(u64);

impl PrefixHash {
    /// A beginning, to be used for all paths of one table.
    pub fn random() -> Self {
        Self(DefaultHashBuilder::default().hash_one(0_u8))
    }

    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub fn of(mut self, bytes: &[u8]) -> u64 {
        self.push(bytes);
        self.finish()
    }

    /// Tables take both ends of the number; here all bits get to both.
    pub fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    }
}

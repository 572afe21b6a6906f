//! How large the requests may be, all together, that wait for a password's check.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As much as may be on its way to the log.
pub(super) const BYTES_MAX: usize = 64 << 20;

/// The room that there is for all.
#[derive(Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// The place of one of them; it is free again when this goes.
pub(super) struct Place {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    /// A place for so many bytes, if there is one.
    pub fn take(&self, bytes: usize) -> Option<Place> {
        // Only the front's thread takes and frees, so nobody comes in between.
        if self.0.load(Ordering::Relaxed).saturating_add(bytes) > BYTES_MAX {
            return None;
        }
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Some(Place { taken: self.0.clone(), bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_has_room_again_when_somebody_leaves() {
        let room = Room::default();
        let half = room.take(BYTES_MAX / 2).expect("room");
        let rest = room.take(BYTES_MAX / 2).expect("room");
        assert!(room.take(1).is_none());
        drop(half);
        assert!(room.take(BYTES_MAX / 2 + 1).is_none());
        let again = room.take(BYTES_MAX / 2).expect("room");
        drop((rest, again));
        assert!(room.take(BYTES_MAX).is_some());
    }
}

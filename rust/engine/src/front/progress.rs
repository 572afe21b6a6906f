//! Telling silent watches how far they are, when they asked for it (docs/v2-extensions.md).
//!
//! The sweep finds them among all connections once a second, so that there is no timer for each of them. What they
//! are told is the index up to which the log thread has passed on all events: these had been handed to every
//! connection before, so nothing at or below the index is still to come.

use super::Front;
use super::connection::State;

/// What a watch wants to be told.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    /// After so long without a byte to the client.
    quiet_ms: u64,
    /// What comes up to here does not concern the watch, or had been given to it at its start.
    floor_index: u64,
}

impl Progress {
    /// For a watch that was accepted at `etcd_index` and wants nothing before `wait_index` (0: before it was accepted).
    pub fn new(seconds: u64, etcd_index: u64, wait_index: u64) -> Self {
        let floor_index = etcd_index.max(wait_index.saturating_sub(1));
        Self { quiet_ms: seconds * 1000, floor_index }
    }
}

impl Front {
    /// Whether the watch of this connection is to be told now.
    pub(super) fn is_progress_due(&self, slot: usize) -> bool {
        let Some(conn) = self.connections.get(slot) else { return false };
        let State::Watching { stream, progress: Some(progress), .. } = &conn.state else {
            return false;
        };
        // Behind events that wait it would be no news, and before them a lie.
        let has_nothing_to_send =
            conn.unsent() == 0 && stream.as_ref().is_none_or(|stream| stream.is_silent());
        let quiet_ms = self.now_ms.saturating_sub(conn.touched_ms);
        has_nothing_to_send && quiet_ms >= progress.quiet_ms
    }

    /// One line for a stream; a long poll ends with it.
    pub(super) fn tell_progress(&mut self, slots: &[usize]) {
        let (told_index, now_ms) = (self.told_index, self.now_ms);
        let mut ended = Vec::new();
        for &slot in slots {
            let Some(conn) = self.output(slot) else { continue };
            let State::Watching { id, stream, progress: Some(progress), .. } = &conn.state else {
                continue;
            };
            let index = told_index.max(progress.floor_index);
            let line = format!("{{\"action\":\"progress\",\"index\":{index}}}\n");
            let ends = stream.is_none().then_some(*id);
            conn.piece(line.as_bytes());
            conn.touched_ms = now_ms;
            if let Some(id) = ends {
                ended.push(id);
                conn.end_body();
            }
            self.mark_dirty(slot);
        }
        if !ended.is_empty() {
            self.member.with_store(|store, _| ended.into_iter().for_each(|id| store.cancel(id)));
        }
    }
}

//! What other threads have for the front: a queue and the descriptor that wakes its epoll set.
//!
//! The log thread and listing threads push; `Front::turn` takes everything at once. The queue needs no bound of
//! its own: there is at most one completion per connection, a listing holds back by its own pipe, checks
//! are bounded by those that may wait, and notices by the watchers and the batch that caused them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};

use super::auth::Key;
use crate::{Completion, Sink};

/// One thing for `turn` to act on.
pub(super) enum Mail {
    /// From the log thread: a write is durable and applied, watchers are to be told, or the engine is poisoned.
    Completion(Completion),
    /// A listing thread has pieces for the connection that executes this ticket.
    Listing(u64),
    /// A password has been checked.
    Checked { key: Key, fits: bool },
}

/// See the module.
pub(super) struct Mailbox {
    queue: Mutex<Vec<Mail>>,
    wake: OwnedFd,
}

impl Mailbox {
    pub fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { queue: Mutex::new(Vec::new()), wake })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    pub fn post_listing(&self, ticket: u64) {
        self.post(|queue| queue.push(Mail::Listing(ticket)));
    }

    pub fn post_checked(&self, key: Key, fits: bool) {
        self.post(|queue| queue.push(Mail::Checked { key, fits }));
    }

    /// Take everything posted so far into `into` (which is empty).
    pub fn take(&self, into: &mut Vec<Mail>) {
        std::mem::swap(&mut *self.queue.lock(), into);
    }

    /// Have `turn` called. The descriptor is watched edge-triggered, so every write wakes and none is read back.
    pub fn nudge(&self) {
        // Fails only when the counter is at its maximum, after 2^64 posts.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn post(&self, add: impl FnOnce(&mut Vec<Mail>)) {
        let was_empty = {
            let mut queue = self.queue.lock();
            let was_empty = queue.is_empty();
            add(&mut queue);
            was_empty
        };
        if was_empty {
            self.nudge();
        }
    }
}

impl Sink for Mailbox {
    fn deliver(&self, completions: &mut Vec<Completion>) {
        if !completions.is_empty() {
            self.post(|queue| queue.extend(completions.drain(..).map(Mail::Completion)));
        }
    }
}

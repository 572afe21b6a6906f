//! The events that a stream watch still has to send.
//!
//! They wait as shared events, not as bytes: a thousand streams that are behind hold one copy. The connection takes
//! them over piece by piece, as fast as its client reads.

use std::collections::VecDeque;
use std::sync::Arc;

use coreos_store::Event;

/// Bytes of waiting events at which a client that takes nothing is too slow and its stream is ended. Less than the
/// history keeps by default, where it finds the rest when it watches again.
const BYTES_MAX: usize = 12 << 20;
/// So many may wait however big they are: one big event is no sign of a slow client.
const EVENTS_FREE: usize = 16;

/// See the module.
#[derive(Default)]
pub(super) struct Stream {
    /// Each with what it counts: events of the past, which the client asked for, count nothing.
    waiting: VecDeque<(Arc<Event>, usize)>,
    bytes: usize,
    has_ended: bool,
}

impl Stream {
    /// A stream that begins with events of the past.
    pub fn from_past(events: impl IntoIterator<Item = Arc<Event>>) -> Self {
        Self { waiting: events.into_iter().map(|event| (event, 0)).collect(), ..Self::default() }
    }

    /// An event that has just happened; `is_last`: the watch ends with it. Behind the end comes nothing: what was on
    /// its way when the watch ended is not the client's any more.
    pub fn push(&mut self, event: Arc<Event>, is_last: bool) {
        if self.has_ended {
            return;
        }
        let bytes = event.bytes();
        self.bytes += bytes;
        self.waiting.push_back((event, bytes));
        self.has_ended |= is_last;
    }

    /// Nothing follows what waits now. False: nothing waits.
    pub fn end(&mut self) -> bool {
        self.has_ended = true;
        !self.waiting.is_empty()
    }

    /// The next event to send.
    pub fn pop(&mut self) -> Option<Arc<Event>> {
        let (event, bytes) = self.waiting.pop_front()?;
        self.bytes -= bytes;
        Some(event)
    }

    /// Whether all is sent and nothing will follow.
    pub fn is_finished(&self) -> bool {
        self.has_ended && self.waiting.is_empty()
    }

    /// Whether nothing waits and more may follow.
    pub fn is_silent(&self) -> bool {
        !self.has_ended && self.waiting.is_empty()
    }

    /// The index to watch again from, if its client does not keep up.
    pub fn too_slow(&self) -> Option<u64> {
        let too_slow = self.bytes > BYTES_MAX && self.waiting.len() > EVENTS_FREE;
        let (next, _) = self.waiting.front().filter(|_| too_slow)?;
        Some(next.index())
    }
}

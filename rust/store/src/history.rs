//! The events that a watch from an old index can still get.

use std::sync::Arc;

use crate::event::Event;
use crate::queue::Queue;

/// Bytes that not even the least number of events may exceed, unless the limit itself is higher: a thousand large
/// values would take all memory. What is told of a watcher's old index is the same, error 401, only sooner.
const BYTES_CEILING: usize = 128 << 20;

/// The last events of the whole store, oldest first, every index with at least one.
#[derive(Clone, Debug)]
pub(crate) struct History {
    events: Queue<Arc<Event>>,
    bytes: usize,
    bytes_max: usize,
    events_min: usize,
}

impl History {
    pub fn new(bytes_max: usize, events_min: usize) -> Self {
        Self { events: Queue::default(), bytes: 0, bytes_max, events_min }
    }

    pub fn push(&mut self, event: Arc<Event>) {
        self.bytes += event.bytes();
        self.events.push(event);
        while self.exceeds() {
            let Some(oldest) = self.events.pop() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    fn exceeds(&self) -> bool {
        let is_over_ceiling = self.bytes > self.bytes_max.max(BYTES_CEILING);
        let events_min = if is_over_ceiling { 1 } else { self.events_min };
        self.bytes > self.bytes_max && self.events.len() > events_min
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn oldest_index(&self) -> Option<u64> {
        self.events.get(0).map(|event| event.index())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.events.iter()
    }

    /// The events with an index in `from..=to`, oldest first.
    pub fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &Arc<Event>> {
        let start = self.events.partition_point(|event| event.index() < from);
        self.events.iter_from(start).take_while(move |event| event.index() <= to)
    }

    /// Where this very event is kept, if it still is.
    pub fn position(&self, event: &Arc<Event>) -> Option<usize> {
        let start = self.events.partition_point(|other| other.index() < event.index());
        (start..self.events.len())
            .map_while(|at| self.events.get(at).map(|other| (at, other)))
            .take_while(|(_, other)| other.index() == event.index())
            .find(|(_, other)| Arc::ptr_eq(other, event))
            .map(|(at, _)| at)
    }
}

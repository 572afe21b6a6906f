//! The part of the log that is in memory: from the first entry not yet applied to the last.
//!
//! ```text
//! applied   <=  committed  <=  persisted  <=  handed out  <=  last
//! ```

use std::collections::VecDeque;

use crate::entry::{Entry, Position};
use crate::error::Unusable;

#[derive(Debug)]
pub(crate) struct Log {
    /// The entry before the first one in memory.
    before: Position,
    entries: VecDeque<Entry>,
    pub committed: u64,
    pub persisted: u64,
    pub handed_out: u64,
}

impl Log {
    /// `entries` follow `start` and are durable.
    pub fn new(start: Position, entries: Vec<Entry>, committed: u64) -> Result<Self, Unusable> {
        let mut last = start;
        for entry in &entries {
            let Entry { term, index, .. } = *entry;
            if index != last.index + 1 {
                return Err(Unusable::Gap { after: last.index, found: index });
            }
            if term < last.term {
                return Err(Unusable::TermBack { index, term, before: last.term });
            }
            last = Position { term: entry.term, index: entry.index };
        }
        if committed > last.index {
            return Err(Unusable::CommitBeyondLog { commit: committed, last: last.index });
        }
        Ok(Self {
            before: start,
            entries: entries.into(),
            committed: committed.max(start.index),
            persisted: last.index,
            handed_out: last.index,
        })
    }

    pub fn last(&self) -> Position {
        match self.entries.back() {
            Some(entry) => Position { term: entry.term, index: entry.index },
            None => self.before,
        }
    }

    pub fn applied(&self) -> u64 {
        self.before.index
    }

    /// Term of an entry that is in memory, or of the one before them.
    pub fn term(&self, index: u64) -> Option<u64> {
        if index == self.before.index {
            return Some(self.before.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    fn get(&self, index: u64) -> Option<&Entry> {
        let offset = index.checked_sub(self.before.index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    pub fn append(&mut self, entry: Entry) {
        debug_assert_eq!(entry.index, self.last().index + 1, "the log has no gaps");
        self.entries.push_back(entry);
    }

    /// Entries that storage has not been given yet, up to about `bytes_max` of payload but at least one.
    pub fn hand_out(&mut self, bytes_max: usize) -> Vec<Entry> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = self.get(self.handed_out + 1) {
            if !taken.is_empty() && bytes + entry.payload.len() > bytes_max {
                break;
            }
            bytes += entry.payload.len();
            taken.push(entry.clone());
            self.handed_out += 1;
        }
        taken
    }

    /// Forget everything after `index`, which has not been persisted.
    pub fn truncate(&mut self, index: u64) -> Vec<Entry> {
        assert!(index >= self.persisted, "a durable entry is never taken back");
        let keep = usize::try_from(index - self.before.index).unwrap_or(usize::MAX);
        let removed = self.entries.split_off(keep.min(self.entries.len()));
        self.handed_out = self.handed_out.min(index);
        removed.into()
    }

    /// Committed entries that have not been given out, in order. They leave memory.
    pub fn take_committed(&mut self, mut apply: impl FnMut(Entry)) {
        while self.before.index < self.committed {
            let Some(entry) = self.entries.pop_front() else { break };
            self.before = Position { term: entry.term, index: entry.index };
            apply(entry);
        }
    }
}

//! The part of the log that is in memory: some applied entries for peers that are behind, and all that follow.
//!
//! ```text
//! before  <=  applied  <=  committed, persisted  <=  last
//!                          persisted  <=  handed out  <=  last
//! ```

use std::collections::VecDeque;

use crate::broken::{Broken, is_broken};
use crate::config::Recovered;
use crate::entry::{Entry, Position};
use crate::error::Unusable;

#[derive(Debug)]
pub(crate) struct Log {
    /// The entry before the first one in memory.
    before: Position,
    entries: VecDeque<Entry>,
    /// What the entries up to `applied` cost.
    applied_bytes: usize,
    pub applied: u64,
    pub committed: u64,
    pub persisted: u64,
    pub handed_out: u64,
}

/// Bytes that an entry takes in memory, about.
pub(crate) fn cost(entry: &Entry) -> usize {
    entry.payload.len() + size_of::<Entry>()
}

impl Log {
    pub fn new(recovered: Recovered) -> Result<Self, Unusable> {
        let Recovered { hard_state, before, entries, applied, .. } = recovered;
        let mut last = before;
        for entry in &entries {
            let Entry { term, index, .. } = *entry;
            if index != last.index + 1 {
                return Err(Unusable::Gap { after: last.index, found: index });
            }
            if term < last.term {
                return Err(Unusable::TermBack { index, term, before: last.term });
            }
            last = Position { term, index };
        }
        let commit = hard_state.commit.max(applied);
        if commit > last.index {
            return Err(Unusable::CommitBeyondLog { commit, last: last.index });
        }
        if last.term > hard_state.term {
            let Position { term, index } = last;
            return Err(Unusable::TermAhead { index, term, known: hard_state.term });
        }
        let of_applied = entries.iter().take_while(|entry| entry.index <= applied);
        Ok(Self {
            before,
            applied_bytes: of_applied.map(cost).sum(),
            entries: entries.into(),
            applied: applied.max(before.index),
            committed: commit,
            persisted: last.index,
            handed_out: last.index,
        })
    }

    pub fn before(&self) -> Position {
        self.before
    }

    pub fn last(&self) -> Position {
        self.entries.back().map_or(self.before, Entry::position)
    }

    /// Term of an entry that is in memory, or of the one before them.
    pub fn term(&self, index: u64) -> Option<u64> {
        if index == self.before.index {
            return Some(self.before.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// The last entry in memory with a payload.
    pub fn last_command(&self) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| !entry.payload.is_empty())
    }

    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.before.index + 1)?).ok()
    }

    fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(self.place(index)?)
    }

    pub fn append(&mut self, entry: Entry) {
        debug_assert_eq!(entry.index, self.last().index + 1, "the log has no gaps");
        self.entries.push_back(entry);
    }

    /// Entries from `first` on, up to about `bytes_max` of payload but at least one.
    pub fn slice(&self, first: u64, bytes_max: usize) -> Vec<Entry> {
        let Some(place) = self.place(first) else { return Vec::new() };
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.payload.len();
            bytes <= bytes_max || entry.index == first
        };
        self.entries.range(place.min(self.entries.len())..).take_while(fits).cloned().collect()
    }

    /// What the entries after `first` up to `last` cost.
    pub fn cost_between(&self, first: u64, last: u64) -> usize {
        let places = self.place(first + 1).zip(self.place(last + 1));
        places.map_or(0, |(from, to)| self.entries.range(from..to.max(from)).map(cost).sum())
    }

    /// Entries that storage has not been given yet, as [`Log::slice`].
    pub fn hand_out(&mut self, bytes_max: usize) -> Vec<Entry> {
        let entries = self.slice(self.handed_out + 1, bytes_max);
        self.handed_out += entries.len() as u64;
        entries
    }

    /// Forget everything after `index`.
    pub fn truncate(&mut self, index: u64) -> Vec<Entry> {
        assert!(index >= self.committed, "a committed entry is never taken back");
        let keep = self.place(index + 1).unwrap_or(0).min(self.entries.len());
        let removed = self.entries.split_off(keep);
        self.handed_out = self.handed_out.min(index);
        self.persisted = self.persisted.min(index);
        removed.into()
    }

    /// Take a leader's entries, of which the log has the one before the first. A suffix that contradicts them goes.
    /// Gives the index after which something was replaced.
    pub fn merge(&mut self, entries: Vec<Entry>) -> Option<u64> {
        let mut replaced_after = None;
        for entry in entries {
            if entry.index <= self.last().index {
                // What is not in memory has been applied: it is the same.
                if self.term(entry.index).is_none_or(|term| term == entry.term)
                    || is_broken(Broken::SuffixKept)
                {
                    continue;
                }
                self.truncate(entry.index - 1);
                replaced_after = Some(entry.index - 1);
            }
            self.append(entry);
        }
        replaced_after
    }

    /// The last place at or below `index` whose term is at most `term`. Where the terms are not known any more, it is
    /// that place with term 0.
    pub fn last_of_term(&self, index: u64, term: u64) -> Position {
        let mut index = index.min(self.last().index);
        loop {
            match self.term(index) {
                Some(found) if found > term && index > 0 => index -= 1,
                Some(found) => return Position { term: found, index },
                None => return Position { term: 0, index },
            }
        }
    }

    /// Everything up to `index` is decided.
    pub fn commit_to(&mut self, index: u64) {
        assert!(index <= self.last().index, "entry {index} is committed, but not in the log");
        self.committed = self.committed.max(index);
    }

    /// The log begins anew after `position`, to which a snapshot reaches.
    pub fn restore(&mut self, position: Position) {
        self.entries.clear();
        self.before = position;
        self.applied_bytes = 0;
        self.applied = position.index;
        self.committed = position.index;
        self.persisted = position.index;
        self.handed_out = position.index;
    }

    /// Give committed entries up to `limit` that are durable here and have not been given yet, in order.
    pub fn take_committed(&mut self, limit: u64, mut apply: impl FnMut(Entry)) {
        let until = self.committed.min(self.persisted).min(limit);
        while self.applied < until {
            let Some(entry) = self.get(self.applied + 1).cloned() else { break };
            self.applied += 1;
            self.applied_bytes += cost(&entry);
            apply(entry);
        }
    }

    /// Let the oldest applied entries go, until no more than `bytes_max` are kept; none after `pinned`.
    pub fn trim(&mut self, bytes_max: usize, pinned: u64) {
        while self.before.index < self.applied.min(pinned) {
            if self.applied_bytes <= bytes_max {
                break;
            }
            let Some(entry) = self.entries.pop_front() else { break };
            self.before = entry.position();
            self.applied_bytes -= cost(&entry);
        }
    }
}

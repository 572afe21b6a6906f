//! What the log is made of.

use bytes::Bytes;

/// One slot of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Term of the leader that appended it.
    pub term: u64,
    /// Slot, from 1.
    pub index: u64,
    /// An encoded command; empty = the no-op that begins a term.
    pub payload: Bytes,
}

impl Entry {
    /// Its place.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { term: self.term, index: self.index }
    }
}

/// A place in the log. Of two logs, the one whose last place is greater is more up to date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Term of the entry there.
    pub term: u64,
    /// Its slot; 0 = before the first.
    pub index: u64,
}

/// What a member must remember across a restart to keep its promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The highest term seen.
    pub term: u64,
    /// Whom this member voted for in that term; 0 = nobody.
    pub vote: u64,
    /// The highest entry known to be committed.
    pub commit: u64,
}

//! Errors.

/// A proposal was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// This member does not lead.
    #[error("this member does not lead")]
    NotLeader,
    /// It leads, but is handing over to another.
    #[error("leadership is being handed over")]
    HandingOver,
    /// It leads, and is to be taken out: another has to lead first, to which the same is proposed then.
    #[error("a leader does not take itself out while another can lead: hand over first")]
    HandOverFirst,
    /// Too much is waiting for a majority.
    #[error("too much is waiting for a majority")]
    Full,
    /// A change of the membership is not applied yet, or may be in what an earlier leader has left.
    #[error("another change of the membership is not done yet")]
    ChangePending,
}

/// What recovery found cannot be a member's past.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Entries do not follow one another.
    #[error("the log jumps from entry {after} to entry {found}")]
    Gap {
        /// Last entry in order.
        after: u64,
        /// The one that came next.
        found: u64,
    },
    /// An entry is of an older term than the one before it.
    #[error("entry {index} has term {term}, but the entry before it has term {before}")]
    TermBack {
        /// Its place.
        index: u64,
        /// Its term.
        term: u64,
        /// That of the one before.
        before: u64,
    },
    /// The commit index is beyond the log.
    #[error("entry {commit} is committed, but the log ends at {last}")]
    CommitBeyondLog {
        /// Committed.
        commit: u64,
        /// Last entry.
        last: u64,
    },
    /// An entry is of a term that the hard state does not know yet.
    #[error("entry {index} has term {term}, beyond the member's own {known}")]
    TermAhead {
        /// Its slot.
        index: u64,
        /// Its term.
        term: u64,
        /// The hard state's.
        known: u64,
    },
}

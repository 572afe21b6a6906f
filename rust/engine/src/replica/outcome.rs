//! What a replica's steps come to.

use coreos_raft::Ticket;
use coreos_store::{Command, RequestId};

/// An entry that is committed and durable, to be applied.
#[derive(Debug)]
pub struct Decided {
    /// Its place in the log.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Who waits for it; 0 = nobody.
    pub ticket: u64,
    /// What to apply; `None` is the no-op that begins a term.
    pub command: Option<Command>,
    /// When it was proposed, on the monotonic clock.
    pub proposed_mono_ns: u64,
}

/// A proposal that was refused after it had been taken. It is not and will not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Who waits for it; 0 = nobody.
    pub ticket: u64,
    /// Which it was.
    pub request: RequestId,
}

/// Records beside entries and hard states, which go into the next batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// This start's number.
    Start {
        /// How often the member has been started.
        incarnation: u64,
    },
    /// A snapshot file is durable.
    Snapshot {
        /// Term of its last entry.
        term: u64,
        /// Its last entry.
        index: u64,
    },
}

/// A batch on its way to the disk.
#[derive(Debug)]
pub struct Writing {
    pub(super) ticket: Option<Ticket>,
    pub(super) notes: Vec<Note>,
}

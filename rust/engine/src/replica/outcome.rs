//! What a replica's steps come to.

use bytes::Bytes;
use coreos_raft::{Position, Ticket};
use coreos_store::{Command, RequestId};

use crate::error::EngineError;
use crate::peers::Frame;
use crate::versions;

/// An entry that is committed and durable, to be applied.
#[derive(Debug)]
pub struct Decided {
    /// Its place in the log.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// The encoded command; empty is the no-op that begins a term.
    pub payload: Bytes,
    /// The command, where it is known without decoding it.
    pub command: Option<Command>,
    /// Who waits for it; 0 = nobody.
    pub ticket: u64,
    /// When it was proposed, on the monotonic clock; 0 = not by this start of this member.
    pub proposed_mono_ns: u64,
    /// It takes this member out: whoever waits is answered when [`super::Replica::is_removed`].
    pub removes_self: bool,
}

impl Decided {
    /// Its place and term.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { term: self.term, index: self.index }
    }

    /// Make `command` known to a member that speaks `speaks`.
    ///
    /// # Errors
    /// Such a member does not know such a command, or the leader has sent none.
    pub fn decode(&mut self, speaks: &str) -> Result<(), EngineError> {
        let index = self.index;
        if self.command.is_none() && !self.payload.is_empty() {
            let command = Command::decode(&self.payload);
            self.command = Some(command.map_err(|error| EngineError::of_entry(index, &error))?);
        }
        self.command.as_ref().map_or(Ok(()), |command| versions::must_know(speaks, index, command))
    }
}

/// What becomes of those who wait, beside the entries that are decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A linearizable read: it may be carried out once entry `index` is applied.
    Readable {
        /// Who waits for it.
        ticket: u64,
        /// The last entry that it has to see.
        index: u64,
    },
    /// A proposal was not taken by the leader. It is not and will not be carried out.
    Failed {
        /// Who waits for it.
        ticket: u64,
        /// Why not.
        why: String,
    },
}

/// Something for another member.
#[derive(Debug)]
pub enum Outgoing {
    /// To be sent; it may be lost.
    Frame {
        /// To whom.
        to: u64,
        /// What.
        frame: Frame,
    },
    /// The member needs a snapshot of the state machine. However it ends, [`super::Replica::snapshot_ended`] is told.
    Snapshot {
        /// To whom.
        to: u64,
    },
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

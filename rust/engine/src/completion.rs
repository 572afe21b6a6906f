//! What whoever applies tells the front.

use coreos_store::{Applied, Notice};

/// One thing that happened.
#[derive(Debug)]
pub enum Completion {
    /// A proposed write is durable and applied, or refused without having been written.
    Applied {
        /// As given with the proposal.
        ticket: u64,
        /// Its outcome.
        applied: Applied,
        /// Its place in the log (0 when it was refused).
        raft_index: u64,
        /// The term of that entry.
        term: u64,
    },
    /// A linearizable read may be carried out now.
    Readable {
        /// As given with the question.
        ticket: u64,
    },
    /// Users, roles or the switch have changed: what follows may not be for everybody who was told what came before.
    AuthChanged,
    /// Watchers to be told, in order.
    Notices(Vec<Notice>),
    /// The log cannot be trusted any more: nothing will be acknowledged again.
    Poisoned(String),
}

/// Where completions go. Called by whichever thread applies, so it must not wait.
pub trait Sink: Send + Sync {
    /// Take all of them, in order.
    fn deliver(&self, completions: &mut Vec<Completion>);
}

//! What the driver must do now.

use crate::entry::{Entry, HardState, Position};

/// Names one [`Ready`] in its acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

/// To be made durable, all of it, before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// For [`crate::Raft::persisted`].
    pub ticket: Ticket,
    /// A snapshot has taken the place of the log up to here: storage marks that, and what it has after it is void.
    pub restored: Option<Position>,
    /// The hard state, if it has changed since the last `Ready`.
    pub hard_state: Option<HardState>,
    /// Entries to append, in order.
    pub entries: Vec<Entry>,
    /// Whether a promise depends on it (a vote, an entry). A commit index alone may wait for company, but for one that
    /// covers a change of who votes.
    pub must_sync: bool,
}

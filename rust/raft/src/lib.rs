//! Consensus as a pure step function: inputs are proposals and acknowledgements, outputs are what the driver must
//! do. No clock, socket, disk, thread or logging, so that a simulator can run it with everything else replaced.
//!
//! This is its start: the log, terms and one voter. Elections among several, replication, read-index and membership
//! come with the cluster; the driver's contract below is already the one that they need.
//!
//! # The driver's duties
//!
//! 1. Make a [`Raft`] from what recovery found: the durable [`HardState`], the [`Position`] up to which the state
//!    machine has been rebuilt, and the entries after it.
//! 2. Call [`Raft::ready`] whenever something was put in. Make its hard state and its entries durable, together and
//!    in the order of the calls. Write a hard state also when there are no entries with it.
//! 3. Only when they are durable, call [`Raft::persisted`] with the same ready's ticket. Acknowledge in order. A failed
//!    write is never acknowledged: after it the member must end, because nobody knows what is on the disk.
//! 4. Apply what [`Raft::take_committed`] gives, in order, each entry exactly once, and answer clients only then. An
//!    entry with an empty payload is the no-op that begins a term; there is nothing to apply.
//! 5. A write that the disk refused as a whole, without having touched it (no space), may be taken back with
//!    [`Raft::take_back`] by a sole voter: nobody else has seen those entries.
//!
//! What it promises in return: an entry given by `take_committed` is durable on a majority and stays at its index for
//! ever; terms and the commit index never go back; nothing is given twice.

mod entry;
mod error;
mod log;
mod node;
mod ready;

pub use entry::{Entry, HardState, Position};
pub use error::{NotLeader, Unusable};
pub use node::{Raft, Role};
pub use ready::{Ready, Ticket};

//! Consensus as a pure step function: messages, ticks, proposals and acknowledgements go in, what the driver must do
//! comes out. No clock, socket, disk, thread or logging, so that a simulator can run it with everything else replaced.
//!
//! # The driver's duties
//!
//! 1. Make a [`Raft`] from what recovery found: the durable [`HardState`], the entries, up to which of them the state
//!    machine has been rebuilt, and the [`Membership`] as of there.
//! 2. Call [`Raft::ready`] whenever something was put in. Make all of it durable, together and in the order of the
//!    calls: the mark of a restored snapshot, the hard state, the entries. Write a hard state also when there are no
//!    entries with it: at leisure, unless [`Ready::must_sync`] or [`Raft::has_urgent`] says that something waits for
//!    it.
//! 3. Only when it is durable, call [`Raft::persisted`] with the same ready's ticket. Acknowledge in order. A failed
//!    write is never acknowledged: after it the member must end, because nobody knows what is on the disk.
//! 4. Send what [`Raft::take_messages`] gives, after every `ready` and every `persisted`; nothing more has to be
//!    durable for it. A message may be lost, delayed, doubled or overtaken, but is never altered. Give those of others
//!    to [`Raft::step`], if they come from a member of the same cluster. Say [`Raft::unreachable`] when a link breaks.
//! 5. Apply what [`Raft::take_committed`] gives, in order, each entry exactly once, and answer clients only then. An
//!    entry with an empty payload is the no-op that begins a term; there is nothing to apply. For each that changes the
//!    membership call [`Raft::change`], in their order, before anything else is put in or taken out. An id that has
//!    been removed never comes back: what the member before it had acknowledged would be believed of the one after it.
//!
//!    A member that has applied its own removal goes on with all of this, across restarts too, until
//!    [`Raft::may_leave`], or until another member that has applied the removal says so. Before that it does not answer
//!    who asked for it. Of two members the other one may not know it yet, and then needs this one. All others answer,
//!    and tell a removed member, as soon as they have applied it.
//! 6. For a [`Said::NeedsSnapshot`], do not send that, but a snapshot of the state machine that reaches at least to
//!    [`Raft::before`], on a stream of its own, with the term and the membership as of it. Say
//!    [`Raft::snapshot_ended`], however it ended. Whoever has received one makes it durable, and only then calls
//!    [`Raft::install`]; if that says so, it restores the state machine before anything else.
//! 7. Call [`Raft::tick`] at even intervals. A driver that sleeps through some, as [`Raft::idle_ticks`] allows, makes
//!    up for them before it puts in anything else.
//! 8. A write that the disk refused as a whole, without having touched it (no space), is handed out again with
//!    [`Raft::hand_out_again`]; or, by the only member, taken back with [`Raft::take_back`]: nobody else has seen it.
//! 9. Propose what changes the membership with [`Raft::propose_change`]. On [`NotTaken::HandOverFirst`] the leader
//!    hands over, for example to [`Raft::best_successor`], and the proposal is made to the next one.
//!
//! What it promises in return: an entry given by `take_committed` is durable on a majority and stays at its index for
//! ever, and is the same on every member; terms and the commit index never go back; nothing is given twice. A
//! [`Read::Ready`] names an index that was committed after the question. When a majority can talk to each other, one of
//! them leads before long, and what is proposed to it is decided.

mod broken;
mod config;
mod entry;
mod error;
mod log;
mod lots;
mod membership;
mod message;
mod node;
mod progress;
mod reads;
mod ready;

#[cfg(feature = "broken")]
pub use broken::{Broken, break_rule};
pub use config::{Config, Limits, Recovered};
pub use entry::{Entry, HardState, Position};
pub use error::{NotTaken, Unusable};
pub use membership::{Change, Membership};
pub use message::{Message, Said};
pub use node::{Raft, Role};
pub use progress::{Peer, PeerState};
pub use reads::Read;
pub use ready::{Ready, Ticket};

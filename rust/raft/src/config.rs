//! What a member is told at its start.

use crate::entry::{Entry, HardState, Position};
use crate::membership::Membership;

/// Settings of a member. They may differ from member to member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This member; not 0.
    pub id: u64,
    /// Without a word from a leader for this many ticks, and up to as many more by lot, a member asks for votes. A
    /// leader that a majority has not answered for as long steps down. Greater than `heartbeat_ticks`.
    pub election_ticks: u32,
    /// Ticks between a leader's heartbeats; at least 1.
    pub heartbeat_ticks: u32,
    /// From which the lots are drawn. No two members should have the same.
    pub seed: u64,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds on what is kept and sent, in bytes. All but `ready_bytes` and `append_bytes`, which are payload, count what
/// an entry takes in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payload in one ready, unless a single entry is larger.
    pub ready_bytes: usize,
    /// In one append, unless a single entry is larger.
    pub append_bytes: usize,
    /// Appends on their way to one peer.
    pub in_flight_messages: usize,
    /// Bytes on their way to one peer.
    pub in_flight_bytes: usize,
    /// Proposed and not committed yet. One proposal is always taken.
    pub uncommitted_bytes: usize,
    /// Of applied entries, for peers that are behind. Those who need older ones get a snapshot.
    pub kept_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ready_bytes: 8 << 20,
            append_bytes: 1 << 20,
            in_flight_messages: 256,
            in_flight_bytes: 16 << 20,
            uncommitted_bytes: 64 << 20,
            kept_bytes: 16 << 20,
        }
    }
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last one durable.
    pub hard_state: HardState,
    /// The entry before the first of `entries`.
    pub before: Position,
    /// Everything durable after `before`.
    pub entries: Vec<Entry>,
    /// Up to which entry the state machine has been rebuilt: not below `before`.
    pub applied: u64,
    /// Who belongs to the cluster at `applied`.
    pub membership: Membership,
}

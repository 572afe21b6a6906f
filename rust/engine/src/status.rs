//! A member's state, for those who look at it.

use std::sync::atomic::Ordering;

use coreos_raft::Role;

use crate::clock::Now;
use crate::member::Member;

/// A member's state at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// This member.
    pub member_id: u64,
    /// Its cluster.
    pub cluster_id: u64,
    /// The leader; 0 = none is known.
    pub leader_id: u64,
    /// What it is to its cluster.
    pub role: Role,
    /// Whether it has been removed from the cluster.
    pub is_removed: bool,
    /// Since when the leader leads, as far as this member knows, in nanoseconds since 1970; 0 = there is none.
    pub leader_since_ns: u64,
    /// The current term.
    pub term: u64,
    /// The last entry in the log.
    pub raft_index: u64,
    /// The last applied entry.
    pub applied: u64,
    /// The last committed entry.
    pub commit: u64,
    /// The store's index.
    pub etcd_index: u64,
    /// Its name in the cluster.
    pub name: String,
    /// When it was started, by the wall clock, in nanoseconds since 1970.
    pub start_time_ns: u64,
    /// Why it takes no writes, if its disk is full.
    pub read_only: Option<String>,
    /// How its log failed, if it has.
    pub poisoned: Option<String>,
    /// What the cluster speaks.
    pub cluster_version: Option<String>,
    /// Files of the log.
    pub segments: u64,
    /// Syncs of the disk since the start.
    pub syncs: u64,
    /// Nodes in the store.
    pub keys: usize,
    /// Watches.
    pub watchers: usize,
    /// Proposals that are not decided yet.
    pub in_flight: usize,
    /// How long the oldest of them has been waiting, in nanoseconds; 0 without any.
    pub oldest_in_flight_ns: u64,
}

impl Member {
    /// The member's state now.
    #[must_use]
    pub fn status(&self) -> Status {
        let inner = &*self.0;
        let core = inner.core.lock();
        let (replica, raft) = (&core.replica, core.replica.raft());
        let (hard_state, last, role, leader_id) =
            (raft.hard_state(), raft.last(), raft.role(), raft.leader());
        let (is_removed, leader_since_ns) = (replica.is_removed(), replica.leader_since_wall_ns());
        let read_only = replica.read_only().map(str::to_owned);
        let poisoned = replica.poisoned().map(str::to_owned);
        let in_flight = replica.in_flight();
        let oldest_in_flight_ns = replica.oldest_in_flight_ns(Now::real());
        drop(core);
        let applier = inner.applier.lock();
        let store = &applier.store;
        let member_id = inner.identity.member_id;
        Status {
            member_id,
            cluster_id: inner.identity.cluster_id,
            leader_id,
            role,
            is_removed,
            leader_since_ns,
            term: hard_state.term,
            raft_index: last.index,
            applied: applier.raft_index,
            commit: hard_state.commit,
            etcd_index: store.etcd_index(),
            name: inner.identity.name.clone(),
            start_time_ns: inner.started.wall_ns,
            read_only,
            poisoned,
            cluster_version: store.cluster_version().map(str::to_owned),
            segments: inner.segments.load(Ordering::Relaxed),
            syncs: inner.disk.syncs(),
            keys: store.keys(),
            watchers: store.watchers(),
            in_flight,
            oldest_in_flight_ns,
        }
    }
}

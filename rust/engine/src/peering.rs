//! What a member's links tell it.

use std::sync::atomic::Ordering;

use coreos_raft::Position;
use coreos_store::Store;
use coreos_wal::SnapshotMeta;

use crate::chores::Done;
use crate::clock::Now;
use crate::links::Links;
use crate::member::Member;
use crate::peers::Frame;
use crate::snapshot::Taken;
use crate::versions;

impl Member {
    /// Talk to the other members by `links` from now on. Once.
    pub fn connect(&self, links: Box<dyn Links>) {
        if self.0.links.set(links).is_err() {
            unreachable!("a member is connected once");
        }
        {
            // Whoever applies follows them as well, and is not to be overtaken.
            let _applying = self.0.applying.lock();
            self.0.follow_members();
        }
        let now = Now::real();
        self.0.step(now, |_| {});
    }

    /// A frame has come from another member.
    pub fn receive(&self, from: u64, frame: Frame) {
        let now = Now::real();
        self.0.step(now, |replica| replica.receive(now, from, frame));
    }

    /// A link to another member stands; it knows commands up to `version`.
    pub fn peer_connected(&self, peer: u64, version: String) {
        let now = Now::real();
        self.0.step(now, |replica| replica.connected(now, peer, version));
    }

    /// A link to another member broke, or frames for it were dropped.
    pub fn peer_unreachable(&self, peer: u64) {
        let now = Now::real();
        self.0.step(now, |replica| replica.unreachable(now, peer));
    }

    /// Nobody listens at another member's address any more.
    pub fn peer_gone(&self, peer: u64) {
        let now = Now::real();
        self.0.step(now, |replica| replica.gone(now, peer));
    }

    /// Others say that this member was removed from the cluster.
    pub fn removed(&self) {
        let now = Now::real();
        self.0.step(now, |replica| replica.removed());
        self.0.waiters.tell_removed();
    }

    /// The sending of a snapshot to another member has ended; `reached`: up to which entry, if it has all of it.
    pub fn snapshot_ended(&self, to: u64, reached: Option<u64>) {
        let now = Now::real();
        self.0.step(now, |replica| replica.snapshot_ended(now, to, reached));
    }

    /// Whether a snapshot of `from`, as of entry `index`, would bring this member forward.
    #[must_use]
    pub fn wants_snapshot(&self, from: u64, index: u64) -> bool {
        let core = self.0.core.lock();
        let raft = core.replica.raft();
        raft.leader() == from && index > raft.hard_state().commit
    }

    /// The snapshot `meta` of the leader `from` is durable, and `store` is what is in it, `bytes` of data. Everything
    /// that was decided before is applied first; watchers are told that there is a gap.
    pub fn install(&self, from: u64, meta: SnapshotMeta, store: Store, bytes: u64) {
        let position = Position { term: meta.term, index: meta.index };
        let inner = &*self.0;
        if let Err(error) = versions::must_speak(&inner.speaks, store.cluster_version()) {
            return inner.poison(error.to_string());
        }
        let mut applying = inner.applying.lock();
        let (members, version) =
            (store.members_table(), store.cluster_version().map(str::to_owned));
        let mut core = loop {
            inner.carry_out_as(&mut applying);
            let core = inner.core.lock();
            if !core.replica.has_decided() || core.replica.poisoned().is_some() {
                break core;
            }
        };
        if core.replica.poisoned().is_some() {
            return;
        }
        let now = Now::real();
        let time_ns = store.time_ns();
        let version = version.as_deref();
        let restores = core.replica.install(now, from, position, time_ns, members, version);
        inner.stepped(core, now);
        if !restores {
            drop(applying);
            return inner.carry_out();
        }
        let mut completions = Vec::new();
        let etcd_index = store.etcd_index();
        {
            let mut applier = inner.applier.lock();
            applier.store.replace(store);
            (applier.raft_index, applier.term) = (position.index, position.term);
            applier.notify(&mut completions);
            inner.look_at(&applier);
        }
        inner.deliver(&mut completions);
        inner.told_index.store(etcd_index, Ordering::Release);
        inner.settle(&mut applying, position);
        inner.complete_reads(&mut applying);
        inner.follow_members();
        drop(applying);
        let Position { index, term } = position;
        // The log thread, which is told, lives as long as the member.
        let _ = inner.report.send(Done::Installed(Taken { term, index, bytes }));
        inner.bell.ring(inner.core.lock());
        inner.carry_out();
    }
}

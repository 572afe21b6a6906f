//! A snapshot from one member to another: a view, its bytes on the way, a file, and the change of the store, in the
//! order in which `rust/engine/src/peering.rs` does it.

use std::io::Read;
use std::sync::Arc;

use coreos_engine::chores::Done;
use coreos_engine::snapshot::Taken;
use coreos_raft::Position;
use coreos_store::{Store, StoreConfig};
use coreos_wal::SnapshotMeta;

use super::event::{Event, Parcel};
use super::{Cluster, MS};

impl Cluster {
    pub(super) fn send_snapshot(&mut self, s: usize, to: u64) {
        let Some(sender) = self.process(s) else { return };
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let before = life.parts.replica.raft().before().index;
        let applier = &mut life.parts.applier;
        let position = Position { term: applier.term, index: applier.raft_index };
        if position.index < before {
            // What the log has let go is not applied yet.
            let at_ns = self.now_ns + self.rngs.threads.below(MS);
            return self.events.add(at_ns, Event::ParcelEnded(sender, to, None));
        }
        let view = applier.store.view();
        let mut bytes = Vec::new();
        if let Err(error) = view.write(&mut bytes) {
            return self.fail(format!("member {s}: a view cannot be written: {error}"));
        }
        self.totals.snapshots_sent += 1;
        self.trace(|| format!("m{s} sends a snapshot of {position:?} to {to:x}"));
        let parcel = Parcel {
            from: self.slots[s].id,
            sender,
            to,
            position,
            time_ns: view.time_ns(),
            bytes: Arc::new(bytes),
        };
        let long = if self.rngs.network.one_in(4) { 2_000 } else { 60 };
        let at_ns = self.now_ns + self.rngs.network.below(long) * MS;
        self.events.add(at_ns, Event::Parcel(parcel));
    }

    pub(super) fn parcel_arrives(&mut self, parcel: Parcel) {
        let arrived = self.slot_of(parcel.to).filter(|&s| {
            let is_there = self.slots[s].life.is_some();
            is_there && self.network.is_open(parcel.from, parcel.to)
        });
        let reached = arrived.filter(|_| !self.rngs.network.one_in(12)).and_then(|s| {
            let taken = self.write_parcel(s, &parcel)?;
            self.install(s, &parcel, taken);
            Some(parcel.position.index)
        });
        // The sender may hear of success as of a failure, when the link breaks at the end.
        let reached = reached.filter(|_| !self.rngs.network.one_in(12));
        let at_ns = self.now_ns + self.rngs.network.below(20) * MS;
        self.events.add(at_ns, Event::ParcelEnded(parcel.sender, parcel.to, reached));
    }

    /// The file becomes durable.
    fn write_parcel(&mut self, s: usize, parcel: &Parcel) -> Option<Taken> {
        let Position { term, index } = parcel.position;
        let meta = SnapshotMeta { term, index, cluster_time_ns: parcel.time_ns };
        let life = self.slots[s].life.as_mut()?;
        let dir = life.parts.chores.dir().clone();
        let written = dir.write_snapshot(meta, &mut |out| out.write_all(&parcel.bytes));
        self.crash_if_off(s);
        let bytes = written.ok()?;
        self.slots[s].life.as_ref()?;
        Some(Taken { term, index, bytes })
    }

    fn install(&mut self, s: usize, parcel: &Parcel, taken: Taken) {
        let history_bytes = self.slots[s].config.history_bytes;
        let config = StoreConfig { history_bytes, ..StoreConfig::default() };
        let mut bytes = parcel.bytes.as_slice();
        let store = match Store::restore(config, &mut bytes as &mut dyn Read) {
            Ok(store) => store,
            Err(error) => return self.fail(format!("a snapshot cannot be read: {error}")),
        };
        // Whoever installs holds the applying lock.
        if let Some(life) = self.slots[s].life.as_mut() {
            life.applies_later = false;
        }
        self.carry_out_now(s);
        let (from, position) = (parcel.from, parcel.position);
        let members = store.members_table();
        let version = store.cluster_version().map(str::to_owned);
        let restores = {
            let now = self.now(s);
            let Some(life) = self.slots[s].life.as_mut() else { return };
            // What it decides on the way is left to the one who installs.
            life.applies_later = true;
            let replica = &mut life.parts.replica;
            let version = version.as_deref();
            replica.install(now, from, position, store.time_ns(), members, version)
        };
        self.stepped(s);
        let now = self.now(s);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        life.applies_later = false;
        if !restores {
            return self.carry_out_now(s);
        }
        self.totals.snapshots_installed += 1;
        let mut completions = Vec::new();
        let applier = &mut life.parts.applier;
        applier.store.replace(store);
        (applier.raft_index, applier.term) = (position.index, position.term);
        applier.notify(&mut completions);
        let after = life.parts.chores.done(Done::Installed(taken), now, &mut life.parts.wal);
        debug_assert!(after.news.is_none());
        self.trace(|| format!("m{s} installs the snapshot of {position:?}"));
        self.deliver(s, completions);
        self.check_installed(s);
        self.settle(s, position);
        self.complete_reads(s);
        self.crash_if_off(s);
        self.wake_log(s, self.now_ns);
        self.carry_out_now(s);
    }
}

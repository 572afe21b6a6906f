//! Disks: written, synced, lost in a crash, compacted.

use coreos_raft::{
    Config, Entry, HardState, Limits, Membership, Position, Raft, Recovered, Ticket,
};

use super::changes::membership_at;
use super::{Member, Rule, World};

/// What a member's disk holds: everything after a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub hard_state: HardState,
    pub snapshot: Position,
    pub membership: Membership,
    pub entries: Vec<Entry>,
}

/// Written and not synced yet: lost in a crash.
pub struct Writing {
    pub ticket: Ticket,
    pub disk: Disk,
}

impl World {
    pub(super) fn add_member(&mut self, id: u64, disk: Disk) {
        self.members.insert(
            id,
            Member { raft: None, disk, writing: Vec::new(), applied: 0, has_left: false },
        );
        self.start(id);
    }

    pub(super) fn start(&mut self, id: u64) {
        let seed = self.lots.below(u64::MAX);
        let Some(member) = self.members.get_mut(&id).filter(|one| !one.has_left) else { return };
        let limits = Limits {
            ready_bytes: 8 << 20,
            append_bytes: 300,
            in_flight_messages: 4,
            in_flight_bytes: 2_000,
            uncommitted_bytes: 4_000,
            kept_bytes: 1_000,
        };
        let config = Config { id, election_ticks: 10, heartbeat_ticks: 2, seed, limits };
        let disk = member.disk.clone();
        let recovered = Recovered {
            hard_state: disk.hard_state,
            before: disk.snapshot,
            entries: disk.entries,
            applied: disk.snapshot.index,
            membership: disk.membership,
        };
        member.applied = disk.snapshot.index;
        member.raft = Some(
            Raft::new(config, recovered)
                .unwrap_or_else(|why| panic!("member {id}: {why}, seed {}", self.seed)),
        );
    }

    /// Hand out, and write without a sync.
    pub(super) fn write(&mut self, id: u64) {
        let rule = self.rule;
        let decided = self.decided.clone();
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(raft) = &mut member.raft else { return };
        let Some(ready) = raft.ready() else { return };
        let mut disk = member.writing.last().map_or(&member.disk, |writing| &writing.disk).clone();
        if let Some(position) = ready.restored {
            disk.snapshot = position;
            disk.membership = membership_at(&decided, position.index);
            disk.entries.clear();
        }
        if let Some(hard_state) = ready.hard_state.filter(|_| rule != Some(Rule::ForgetsHardState))
        {
            disk.hard_state = hard_state;
        } else if let Some(hard_state) = ready.hard_state {
            disk.hard_state = HardState { vote: 0, ..hard_state };
        }
        for entry in &ready.entries {
            if rule == Some(Rule::LosesAcknowledged) {
                continue;
            }
            let keep = (entry.index - disk.snapshot.index - 1) as usize;
            disk.entries.truncate(keep);
            assert_eq!(disk.entries.len(), keep, "a gap on the disk of member {id}");
            disk.entries.push(entry.clone());
        }
        if rule == Some(Rule::LosesAcknowledged) {
            disk.hard_state.commit = disk.snapshot.index;
        }
        member.writing.push(Writing { ticket: ready.ticket, disk });
    }

    pub(super) fn sync(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(raft) = &mut member.raft else { return };
        if member.writing.is_empty() {
            return;
        }
        let Writing { ticket, disk } = member.writing.remove(0);
        member.disk = disk;
        raft.persisted(ticket);
    }

    /// The disk has no room for anything that was written and not synced, and has not touched it.
    pub(super) fn refuse(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Some(raft) = member.raft.as_mut().filter(|_| !member.writing.is_empty()) {
            member.writing.clear();
            raft.hand_out_again();
            self.totals.refusals += 1;
        }
    }

    pub(super) fn crash_or_start(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.raft.is_none() {
            return self.start(id);
        }
        // Whatever was written and not synced may be there, or not.
        let kept = self.lots.place(member.writing.len() + 1);
        if let Some(last) = member.writing.drain(..).take(kept).next_back() {
            member.disk = last.disk;
        }
        member.raft = None;
        self.reads.retain(|_, asked| asked.by != id);
        self.totals.crashes += 1;
    }

    /// Make a snapshot of a member's own, and forget the log before it.
    pub(super) fn compact(&mut self, id: u64) {
        let decided = self.decided.clone();
        let Some(member) = self.members.get_mut(&id) else { return };
        if !member.writing.is_empty() || member.applied <= member.disk.snapshot.index {
            return;
        }
        let index = member.applied;
        let disk = &mut member.disk;
        // What a snapshot gave it may not be on its disk yet.
        if !disk.entries.contains(&decided[index as usize - 1]) {
            return;
        }
        disk.membership = membership_at(&decided, index);
        disk.snapshot = decided[index as usize - 1].position();
        disk.entries.retain(|entry| entry.index > index);
        disk.hard_state.commit = disk.hard_state.commit.max(index);
    }
}

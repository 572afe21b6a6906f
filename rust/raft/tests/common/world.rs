//! Members, their disks and their network in one place, driven by lots.

use std::collections::BTreeMap;

use bytes::Bytes;
use coreos_raft::{
    Change, Config, Entry, HardState, Limits, Membership, Message, Position, Raft, Read, Recovered,
    Role, Said, Ticket,
};

/// A rule that the world breaks for the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Storage acknowledges a hard state that it does not keep.
    ForgetsHardState,
    /// Storage acknowledges entries that it does not keep.
    LosesAcknowledged,
    /// A leader's reads are taken for confirmed without asking anybody.
    ReadsWithoutMajority,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub elections: u64,
    pub decided: u64,
    pub snapshots: u64,
    pub changes: u64,
    pub reads: u64,
    pub crashes: u64,
    pub handovers: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.decided += other.decided;
        self.snapshots += other.snapshots;
        self.changes += other.changes;
        self.reads += other.reads;
        self.crashes += other.crashes;
        self.handovers += other.handovers;
    }
}

/// Numbers by lot (xorshift).
pub struct Lots(u64);

impl Lots {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn place(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}

/// What a member's disk holds: everything after a snapshot.
#[derive(Clone, Debug, Default)]
struct Disk {
    hard_state: HardState,
    snapshot: Position,
    membership: Membership,
    entries: Vec<Entry>,
}

/// Written and not synced yet: lost in a crash.
struct Writing {
    ticket: Ticket,
    disk: Disk,
}

struct Member {
    raft: Option<Raft>,
    disk: Disk,
    writing: Vec<Writing>,
    applied: u64,
}

/// A read: asked of a member when so much had been decided.
struct Asked {
    by: u64,
    decided: u64,
}

pub struct World {
    seed: u64,
    lots: Lots,
    rule: Option<Rule>,
    members: BTreeMap<u64, Member>,
    network: Vec<Message>,
    /// Pairs that do not hear each other, one-way.
    cut: Vec<(u64, u64)>,
    /// Every entry that any member has applied, from index 1.
    decided: Vec<Entry>,
    leaders: BTreeMap<u64, u64>,
    reads: BTreeMap<u64, Asked>,
    sequence: u64,
    next_id: u64,
    removed: Vec<u64>,
    totals: Totals,
}

type Problem = String;

impl World {
    pub fn run(seed: u64, rule: Option<Rule>) -> Result<Totals, Problem> {
        let mut lots = Lots(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| {
            lots.below(2);
        });
        let size = if lots.below(2) == 0 { 3 } else { 5 };
        let ids: Vec<u64> = (1..=size).collect();
        let mut world = Self {
            seed,
            lots,
            rule,
            members: BTreeMap::new(),
            network: Vec::new(),
            cut: Vec::new(),
            decided: Vec::new(),
            leaders: BTreeMap::new(),
            reads: BTreeMap::new(),
            sequence: 0,
            next_id: size + 1,
            removed: Vec::new(),
            totals: Totals::default(),
        };
        // As in a bootstrap: the first entries, which all of them have from the start, say who they are.
        let add = |&id: &u64| Entry { term: 1, index: id, payload: encode(Change::AddVoter(id)) };
        let entries: Vec<Entry> = ids.iter().map(add).collect();
        let hard_state = HardState { term: 1, vote: 0, commit: size };
        for &id in &ids {
            world.add_member(id, Disk { hard_state, entries: entries.clone(), ..Disk::default() });
        }
        for _ in 0..6_000 {
            world.step()?;
            world.check()?;
        }
        world.heal()?;
        Ok(world.totals)
    }

    fn add_member(&mut self, id: u64, disk: Disk) {
        self.members.insert(id, Member { raft: None, disk, writing: Vec::new(), applied: 0 });
        self.start(id);
    }

    fn start(&mut self, id: u64) {
        let seed = self.lots.below(u64::MAX);
        let Some(member) = self.members.get_mut(&id) else { return };
        let limits = Limits {
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

    fn any(&mut self) -> u64 {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        ids[self.lots.place(ids.len())]
    }

    fn step(&mut self) -> Result<(), Problem> {
        let id = self.any();
        match self.lots.below(100) {
            0..12 => self.tick(id),
            12..55 => {
                for _ in 0..=self.lots.below(4) {
                    self.deliver()?;
                }
            }
            55..69 => self.write(id),
            69..84 => self.sync(id),
            84..92 => self.propose(id),
            92..95 => self.read(id)?,
            95 if self.is_down(id) || self.lots.below(3) == 0 => self.crash_or_start(id),
            95 => self.propose(id),
            96 => self.change_network(),
            97 => self.change_members(id),
            98 => self.compact(id),
            _ => self.hand_over(id),
        }
        self.drain(id)
    }

    fn is_down(&self, id: u64) -> bool {
        self.members[&id].raft.is_none()
    }

    fn tick(&mut self, id: u64) {
        if let Some(raft) = self.raft(id) {
            raft.tick();
        }
    }

    fn raft(&mut self, id: u64) -> Option<&mut Raft> {
        self.members.get_mut(&id)?.raft.as_mut()
    }

    fn deliver(&mut self) -> Result<(), Problem> {
        if self.network.is_empty() {
            return Ok(());
        }
        let place = self.lots.place(self.network.len());
        let message = if self.lots.below(20) == 0 {
            self.network[place].clone()
        } else {
            self.network.swap_remove(place)
        };
        if self.lots.below(20) == 0 || self.cut.contains(&(message.from, message.to)) {
            if let (Said::NeedsSnapshot, Some(raft)) = (&message.said, self.raft(message.from)) {
                raft.snapshot_ended(message.to, None);
            }
            return Ok(());
        }
        let to = message.to;
        if let Said::NeedsSnapshot = message.said {
            self.deliver_snapshot(&message);
        } else if let Some(raft) = self.raft(to) {
            raft.step(message);
        }
        self.drain(to)
    }

    fn deliver_snapshot(&mut self, message: &Message) {
        let (from, to) = (message.from, message.to);
        // Made now, as of what the sender has applied.
        let Some(sender) = self.members.get(&from) else { return };
        let Some(raft) = &sender.raft else { return };
        let (applied, membership) = (sender.applied, raft.membership().clone());
        let position = self.decided[applied as usize - 1].position();
        let is_lost = self.lots.below(4) == 0;
        if let Some(receiver) =
            self.members.get_mut(&to).filter(|one| one.raft.is_some() && !is_lost)
        {
            let raft = receiver.raft.as_mut().expect("it runs");
            if raft.install(from, message.term, position, membership.clone()) {
                receiver.applied = position.index;
                self.totals.snapshots += 1;
            }
        }
        if let Some(raft) = self.raft(from) {
            raft.snapshot_ended(to, (!is_lost).then_some(position.index));
        }
    }

    /// Hand out, and write without a sync.
    fn write(&mut self, id: u64) {
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

    fn sync(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(raft) = &mut member.raft else { return };
        if member.writing.is_empty() {
            return;
        }
        let Writing { ticket, disk } = member.writing.remove(0);
        member.disk = disk;
        raft.persisted(ticket);
    }

    fn propose(&mut self, id: u64) {
        self.sequence += 1;
        let payload = Bytes::from(vec![b'p'; 1 + self.lots.place(80)]);
        if let Some(raft) = self.raft(id) {
            let _ = raft.propose(payload);
        }
    }

    fn read(&mut self, id: u64) -> Result<(), Problem> {
        self.sequence += 1;
        let (read, decided) = (self.sequence, self.decided.len() as u64);
        let breaks = self.rule == Some(Rule::ReadsWithoutMajority);
        let Some(raft) = self.raft(id) else { return Ok(()) };
        if breaks && raft.role() == Role::Leader {
            let committed = raft.hard_state().commit;
            return self.judge(decided, committed, id);
        }
        raft.read(read);
        self.reads.insert(read, Asked { by: id, decided });
        Ok(())
    }

    fn judge(&self, decided: u64, index: u64, by: u64) -> Result<(), Problem> {
        if index >= decided {
            return Ok(());
        }
        Err(format!(
            "member {by} reads at {index}, but {decided} entries were decided when it was asked"
        ))
    }

    fn crash_or_start(&mut self, id: u64) {
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

    fn change_network(&mut self) {
        let (a, b) = (self.any(), self.any());
        match self.lots.below(4) {
            0 => self.cut.push((a, b)),
            1 => self.cut.extend([(a, b), (b, a)]),
            _ => self.cut.clear(),
        }
    }

    fn change_members(&mut self, id: u64) {
        let Some(raft) = self.raft(id) else { return };
        if raft.role() != Role::Leader {
            return;
        }
        let membership = raft.membership().clone();
        let promoted = membership.learners().first().copied();
        let voters = membership.voters().to_vec();
        let change = match (promoted, self.lots.below(3)) {
            (Some(learner), 0 | 1) => Change::AddVoter(learner),
            (None, 0 | 1) if voters.len() < 5 => Change::AddLearner(self.next_id),
            _ if voters.len() > 3 => Change::Remove(voters[self.lots.place(voters.len())]),
            _ => return,
        };
        let payload = encode(change);
        let taken = self.raft(id).is_some_and(|raft| raft.propose_change(payload).is_ok());
        if let (true, Change::AddLearner(new)) = (taken, change) {
            self.next_id += 1;
            self.add_member(new, Disk::default());
        }
    }

    /// Make a snapshot of a member's own, and forget the log before it.
    fn compact(&mut self, id: u64) {
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

    fn hand_over(&mut self, id: u64) {
        let to = self.any();
        if self.raft(id).is_some_and(|raft| raft.hand_over(to)) {
            self.totals.handovers += 1;
        }
    }

    /// Everything that comes out of a member after something was put in.
    fn drain(&mut self, id: u64) -> Result<(), Problem> {
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        let Some(raft) = &mut member.raft else { return Ok(()) };
        let mut taken = Vec::new();
        raft.take_committed(|entry| taken.push(entry));
        for entry in taken {
            if entry.index != member.applied + 1 {
                return Err(format!(
                    "member {id} applies {} after {}",
                    entry.index, member.applied
                ));
            }
            member.applied = entry.index;
            let change = decode(&entry.payload);
            match self.decided.get(entry.index as usize - 1) {
                Some(known) if *known != entry => {
                    return Err(format!("member {id} applies {entry:?}, another {known:?}"));
                }
                Some(_) => {}
                None => {
                    self.totals.changes += u64::from(change.is_some());
                    self.totals.decided += 1;
                    self.decided.push(entry);
                }
            }
            if let Some(change) = change {
                raft.change(change);
                if let Change::Remove(gone) = change {
                    self.removed.push(gone);
                }
            }
        }
        self.network.extend(raft.take_messages());
        let reads = raft.take_reads();
        for read in reads {
            if let Read::Ready { id: read, index } = read
                && let Some(asked) = self.reads.remove(&read)
            {
                self.totals.reads += 1;
                self.judge(asked.decided, index, asked.by)?;
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Problem> {
        for (&id, member) in &self.members {
            let Some(raft) = &member.raft else { continue };
            if raft.role() == Role::Leader {
                let term = raft.hard_state().term;
                let known = *self.leaders.entry(term).or_insert_with(|| {
                    self.totals.elections += 1;
                    id
                });
                if known != id {
                    return Err(format!("members {known} and {id} both lead in term {term}"));
                }
            }
            if raft.applied() != member.applied {
                return Err(format!("member {id} believes that it has applied {}", raft.applied()));
            }
        }
        Ok(())
    }

    /// No more trouble: before long everybody who still belongs to the cluster has the same.
    fn heal(&mut self) -> Result<(), Problem> {
        self.cut.clear();
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for &id in &ids {
            if self.members[&id].raft.is_none() {
                self.start(id);
            }
        }
        let mut proposed = 0;
        for round in 0..3_000 {
            for &id in &ids {
                self.tick(id);
                while self.raft(id).is_some_and(|raft| raft.has_urgent() || raft.has_news()) {
                    self.write(id);
                    self.sync(id);
                }
                self.write(id);
                while !self.members[&id].writing.is_empty() {
                    self.sync(id);
                }
                self.drain(id)?;
                if round > 500 && proposed < 3 {
                    let payload = Bytes::from_static(b"after the trouble");
                    proposed +=
                        u64::from(self.raft(id).is_some_and(|raft| raft.propose(payload).is_ok()));
                }
            }
            for message in std::mem::take(&mut self.network) {
                let to = message.to;
                if let Said::NeedsSnapshot = message.said {
                    self.deliver_snapshot(&message);
                } else if let Some(raft) = self.raft(to) {
                    raft.step(message);
                }
                self.drain(to)?;
            }
            self.check()?;
            if proposed == 3 && self.agrees() {
                return Ok(());
            }
        }
        let applied: Vec<_> =
            self.members.iter().map(|(id, member)| (id, member.applied)).collect();
        Err(format!("no agreement: {applied:?} of {}, {proposed} proposed", self.decided.len()))
    }

    fn agrees(&self) -> bool {
        let last = self.decided.len() as u64;
        let ends_well = self
            .decided
            .iter()
            .rev()
            .take(3)
            .all(|entry| &entry.payload[..] == b"after the trouble");
        let leader = self.members.values().find_map(|member| {
            member
                .raft
                .as_ref()
                .filter(|raft| raft.role() == Role::Leader && member.applied == last)
        });
        ends_well
            && leader.is_some_and(|raft| {
                raft.membership().ids().all(|id| self.members[&id].applied == last)
            })
    }
}

/// Who belongs to the cluster after entry `index`.
fn membership_at(decided: &[Entry], index: u64) -> Membership {
    let mut membership = Membership::default();
    for entry in &decided[..index as usize] {
        if let Some(change) = decode(&entry.payload) {
            membership.apply(change);
        }
    }
    membership
}

fn encode(change: Change) -> Bytes {
    let (kind, id) = match change {
        Change::AddVoter(id) => (b'v', id),
        Change::AddLearner(id) => (b'l', id),
        Change::Remove(id) => (b'r', id),
    };
    Bytes::from(vec![b'c', kind, id as u8])
}

fn decode(payload: &[u8]) -> Option<Change> {
    match payload {
        [b'c', b'v', id] => Some(Change::AddVoter(u64::from(*id))),
        [b'c', b'l', id] => Some(Change::AddLearner(u64::from(*id))),
        [b'c', b'r', id] => Some(Change::Remove(u64::from(*id))),
        _ => None,
    }
}

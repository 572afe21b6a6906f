//! Members, their disks and their network in one place, driven by lots.

mod changes;
mod checks;
mod lots;
mod network;
mod storage;
mod totals;

use std::collections::BTreeMap;

use bytes::Bytes;
use coreos_raft::{Change, Entry, HardState, Message, Raft, Role};

use changes::encode;
use lots::Lots;
use storage::{Disk, Writing};
pub use totals::Totals;

/// A rule that the world breaks for the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Storage acknowledges votes that it does not keep.
    ForgetsHardState,
    /// Storage acknowledges entries that it does not keep.
    LosesAcknowledged,
    /// A leader's reads are taken for confirmed without asking anybody.
    ReadsWithoutMajority,
    /// A leader tells the commit index before its own disk has it.
    AnnouncesAtOnce,
    /// A leader that has taken itself out ends without anybody having taken its place.
    LeavesAtOnce,
}

impl Rule {
    pub const ALL: [Rule; 5] = [
        Rule::ForgetsHardState,
        Rule::LosesAcknowledged,
        Rule::ReadsWithoutMajority,
        Rule::AnnouncesAtOnce,
        Rule::LeavesAtOnce,
    ];
}

struct Member {
    raft: Option<Raft>,
    disk: Disk,
    writing: Vec<Writing>,
    applied: u64,
    /// It was taken out and has ended.
    has_left: bool,
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
    totals: Totals,
}

type Problem = String;

impl World {
    pub fn run(seed: u64, rule: Option<Rule>) -> Result<Totals, Problem> {
        let mut lots = Lots(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| {
            lots.below(2);
        });
        let size = [2, 3, 5][lots.place(3)];
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

    fn any(&mut self) -> u64 {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        ids[self.lots.place(ids.len())]
    }

    fn step(&mut self) -> Result<(), Problem> {
        let id = self.any();
        match self.lots.below(100) {
            0..12 => self.tick(id)?,
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
            96 if self.lots.below(3) == 0 => self.hear_removal(id),
            96 => self.change_network(),
            97 => self.change_members(id),
            98 if self.lots.below(2) == 0 => self.refuse(id),
            98 => self.compact(id),
            99 if self.lots.below(2) == 0 => self.lose_link(id),
            _ => self.hand_over(id),
        }
        self.drain(id)
    }

    fn is_down(&self, id: u64) -> bool {
        self.members[&id].raft.is_none()
    }

    /// One tick; what `idle_ticks` said before it has to be true.
    fn tick(&mut self, id: u64) -> Result<(), Problem> {
        let Some(raft) = self.raft(id) else { return Ok(()) };
        let seen = |raft: &Raft| (raft.hard_state(), raft.role(), raft.leader(), raft.last());
        let (before, idle) = (seen(raft), raft.idle_ticks());
        let earlier = raft.take_messages();
        raft.tick();
        let messages = raft.take_messages();
        let is_idle = messages.is_empty() && seen(raft) == before;
        let rest = raft.idle_ticks();
        self.network.extend(earlier.into_iter().chain(messages));
        let expected = if idle == u32::MAX { idle } else { idle.saturating_sub(1) };
        if idle > 1 && (!is_idle || rest != expected) {
            return Err(format!(
                "member {id} was idle for {idle} ticks, then for {rest} ({is_idle})"
            ));
        }
        self.totals.idle_ticks += u64::from(idle > 1);
        Ok(())
    }

    fn raft(&mut self, id: u64) -> Option<&mut Raft> {
        self.members.get_mut(&id)?.raft.as_mut()
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

    fn lose_link(&mut self, id: u64) {
        let (peer, is_suspected) = (self.any(), self.lots.below(3) == 0);
        if let Some(raft) = self.raft(id) {
            // Rightly or wrongly.
            let leader = raft.leader();
            if is_suspected && leader != 0 {
                raft.suspect_leader(leader);
                self.totals.suspicions += u64::from(leader != id);
            } else {
                raft.unreachable(peer);
            }
        }
    }

    fn hand_over(&mut self, id: u64) {
        let to = self.any();
        if self.raft(id).is_some_and(|raft| raft.hand_over(to)) {
            self.totals.handovers += 1;
        }
    }
}

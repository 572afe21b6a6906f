//! The same orders to a cluster of only one kind: no chance, messages in order, disks that are quick, elections only
//! when they are ordered. What comes of it must not depend on the kind.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use coreos_raft::Entry;

use crate::disk::Disk;
use crate::lots::Lots;
use crate::member::{Kind, Member, Start};
use crate::packet::Packet;

const ELECTION_TICKS: u32 = 200;

/// An answer to an answer ends sooner. Whoever says the same again and again must fail, not hang.
const ROUNDS_MAX: u32 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Propose(u64),
    Campaign(u64),
    HandOver(u64, u64),
    Read(u64),
    Restart(u64),
    /// Nobody hears this member, nor it anybody.
    Cut(u64),
    Mend,
    /// An election timeout passes for everybody, before any message arrives.
    Wait,
}

pub fn orders(seed: u64, members: u64) -> Vec<Order> {
    let mut lots = Lots::new(seed);
    // Who leads, if all goes well. Nobody says that it does.
    let mut leader = 1 + lots.below(members);
    let mut made = vec![Order::Campaign(leader)];
    while made.len() < 50 {
        let id = 1 + lots.below(members);
        match lots.below(16) {
            0 => made.push(Order::Campaign(id)),
            1 => made.push(Order::Wait),
            2 => made.push(Order::Propose(id)),
            3 => made.push(Order::Read(id)),
            4 => made.push(Order::Restart(id)),
            5 => made.push(Order::Cut(id)),
            6 | 7 => made.push(Order::Mend),
            8 => {
                made.push(Order::HandOver(leader, id));
                leader = id;
            }
            // A leader that is cut off, or begins anew, and one that follows.
            lot @ (9 | 10) if id != leader => {
                let gone = if lot == 9 { Order::Cut(leader) } else { Order::Restart(leader) };
                made.extend([Order::Mend, gone, Order::Propose(leader), Order::Wait]);
                made.extend([Order::Campaign(id), Order::Propose(id), Order::Read(id)]);
                leader = id;
            }
            _ => made.push(Order::Propose(leader)),
        }
    }
    made.push(Order::Mend);
    made
}

/// What is to be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    term: u64,
    vote: u64,
    leader: u64,
    leads: bool,
    commit: u64,
    applied: u64,
    log: Vec<Entry>,
    reads: Vec<(u64, u64)>,
}

impl View {
    pub fn term(&self) -> u64 {
        self.term
    }

    pub fn commit(&self) -> u64 {
        self.commit
    }

    pub fn reads(&self) -> usize {
        self.reads.len()
    }
}

struct Cluster {
    kind: Kind,
    starts: BTreeMap<u64, Start>,
    members: BTreeMap<u64, Box<dyn Member>>,
    network: Vec<Packet>,
    cut: Vec<u64>,
    /// Those who have waited and not heard their leader since. One more wait would make them ask for votes at a moment
    /// that is drawn by lot.
    waited: BTreeSet<u64>,
    reads: BTreeMap<u64, Vec<(u64, u64)>>,
}

/// What every member was after every order. `None`: somebody drew the shortest patience there is, and asked for votes
/// at the very moment at which a wait ends. That is chance, and the run says nothing: draw again.
pub fn play(kind: Kind, members: u64, seed: u64, orders: &[Order]) -> Option<Vec<Vec<View>>> {
    let start = |id| Start {
        id,
        voters: (1..=members).collect(),
        election_ticks: ELECTION_TICKS,
        heartbeat_ticks: 1,
        seed: seed * 10 + id,
        // Enough for all: a log is compared entry by entry, and there are no snapshots.
        kept_bytes: usize::MAX,
        mistake: None,
        fault: None,
    };
    let starts: BTreeMap<u64, Start> = (1..=members).map(|id| (id, start(id))).collect();
    let member = |(&id, start): (&u64, &Start)| (id, start.member(kind, Disk::default()));
    let members = starts.iter().map(member).collect();
    let mut cluster = Cluster {
        kind,
        starts,
        members,
        network: Vec::new(),
        cut: Vec::new(),
        waited: BTreeSet::new(),
        reads: BTreeMap::new(),
    };
    let mut views = Vec::new();
    for (number, &order) in orders.iter().enumerate() {
        cluster.obey(number as u64 + 1, order)?;
        cluster.settle();
        // Two heartbeats: after the first, whoever had missed something gets it; after the second, all know that it is
        // committed. Ours tells it at other moments than theirs.
        for _ in 0..2 {
            for member in cluster.members.values_mut().filter(|member| member.state().leads) {
                member.tick();
            }
            cluster.settle();
        }
        views.push(cluster.view());
    }
    Some(views)
}

impl Cluster {
    fn obey(&mut self, number: u64, order: Order) -> Option<()> {
        let Some(id) = self.addressee(order) else {
            match order {
                Order::Mend => self.cut.clear(),
                _ => self.wait()?,
            }
            return Some(());
        };
        let member = self.members.get_mut(&id).expect("orders name members");
        match order {
            Order::Propose(_) => {
                member.propose(Bytes::from(format!("order {number}")));
            }
            Order::Campaign(_) => member.campaign(),
            // Of a successor that is out of reach the two think differently: ours asks it again when told again.
            Order::HandOver(_, to) if !self.cut.contains(&to) && !self.cut.contains(&id) => {
                member.hand_over(to);
            }
            Order::Read(_) => member.read(number),
            Order::Restart(_) => {
                let old = self.members.remove(&id).expect("it is there");
                let disk = old.crash(0);
                self.waited.remove(&id);
                self.members.insert(id, self.starts[&id].member(self.kind, disk));
            }
            Order::Cut(_) => self.cut.push(id),
            _ => {}
        }
        Some(())
    }

    fn addressee(&self, order: Order) -> Option<u64> {
        match order {
            Order::Propose(id) | Order::Campaign(id) | Order::HandOver(id, _) => Some(id),
            Order::Read(id) | Order::Restart(id) | Order::Cut(id) => Some(id),
            Order::Mend | Order::Wait => None,
        }
    }

    fn wait(&mut self) -> Option<()> {
        for (&id, member) in &mut self.members {
            let state = member.state();
            // Who knows no leader has nothing to wait for.
            if state.leader == 0 || (!state.leads && !self.waited.insert(id)) {
                continue;
            }
            for _ in 0..ELECTION_TICKS {
                member.tick();
            }
            if member.state().campaigns {
                return None;
            }
        }
        Some(())
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            for (&id, member) in &mut self.members {
                while member.write() || member.sync() {}
                let output = member.take();
                self.network.extend(output.packets);
                self.reads.entry(id).or_default().extend(output.reads);
            }
            if self.network.is_empty() {
                return;
            }
            for packet in std::mem::take(&mut self.network) {
                let (from, to) = packet.ends();
                if self.cut.contains(&from) || self.cut.contains(&to) {
                    continue;
                }
                let speaker = self.members[&from].state();
                let member = self.members.get_mut(&to).expect("members know each other");
                member.deliver(&packet);
                let heard = member.state();
                if speaker.leads && (speaker.term, from) == (heard.term, heard.leader) {
                    self.waited.remove(&to);
                }
            }
        }
        panic!("members of {:?} never stop talking", self.kind);
    }

    fn view(&self) -> Vec<View> {
        self.members.keys().map(|&id| self.view_of(id)).collect()
    }

    fn view_of(&self, id: u64) -> View {
        let member = &self.members[&id];
        let state = member.state();
        View {
            term: state.term,
            vote: state.vote,
            leader: state.leader,
            leads: state.leads,
            commit: state.commit,
            applied: state.applied,
            log: member.durable().entries.clone(),
            reads: self.reads.get(&id).cloned().unwrap_or_default(),
        }
    }
}

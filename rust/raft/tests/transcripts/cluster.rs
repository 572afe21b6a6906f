//! Members with their disks and a network between them, driven one step at a time as the crate's duties say. Whatever
//! comes out is said in a line.

use std::collections::BTreeMap;

use bytes::Bytes;
use coreos_raft::{
    Config, Entry, HardState, Limits, Membership, Message, Position, Raft, Read, Role, Said,
};

use super::disk::{Content, Disk};
use super::network::{Network, Packet, Which};
use super::words;

/// Where the log of every member begins that is there from the start: as if behind a snapshot.
const START: Position = Position { term: 1, index: 10 };
/// Rounds in which members that are left alone come to rest.
const ROUNDS_MAX: usize = 200;

pub struct Member {
    raft: Option<Raft>,
    pub disk: Disk,
    /// The membership in the last snapshot that came.
    received: Membership,
    seed: u64,
}

pub struct Cluster {
    pub election_ticks: u32,
    pub heartbeat_ticks: u32,
    pub limits: Limits,
    pub members: BTreeMap<u64, Member>,
    pub network: Network,
    /// What happened since it was last asked.
    pub said: Vec<String>,
    /// Every entry that anybody has applied: the same for all.
    decided: BTreeMap<u64, Entry>,
    leaders: BTreeMap<u64, u64>,
}

type Done = Result<(), String>;

impl Cluster {
    pub fn new() -> Self {
        Self {
            election_ticks: 10,
            heartbeat_ticks: 5,
            limits: Limits::default(),
            members: BTreeMap::new(),
            network: Network::default(),
            said: Vec::new(),
            decided: BTreeMap::new(),
            leaders: BTreeMap::new(),
        }
    }

    pub fn begin(&mut self, voters: &[u64], learners: &[u64]) -> Done {
        let membership = Membership::new(voters, learners);
        for id in voters.iter().chain(learners) {
            let hard_state = HardState { term: START.term, vote: 0, commit: START.index };
            let membership = membership.clone();
            self.add(
                *id,
                Content { hard_state, snapshot: START, membership, entries: Vec::new() },
            )?;
        }
        Ok(())
    }

    pub fn add(&mut self, id: u64, content: Content) -> Done {
        let (disk, received) = (Disk::new(content), Membership::default());
        self.members.insert(id, Member { raft: None, disk, received, seed: id });
        self.start(id)
    }

    /// A member starts again with another past: with this term, vote and log.
    pub fn given(&mut self, id: u64, term: u64, vote: u64, log: Vec<Position>) -> Done {
        self.crash(id)?;
        let payload = |at: &Position| Bytes::from(format!("of-{}", at.term));
        let entry = |at: &Position| Entry { term: at.term, index: at.index, payload: payload(at) };
        let content = &mut self.member(id)?.disk.durable;
        content.hard_state = HardState { term, vote, ..content.hard_state };
        content.entries = log.iter().map(entry).collect();
        self.start(id)
    }

    /// From which number a member draws its lots from its next start on.
    pub fn seed(&mut self, id: u64, seed: u64) -> Done {
        self.member(id)?.seed = seed;
        Ok(())
    }

    pub fn start(&mut self, id: u64) -> Done {
        let (election_ticks, heartbeat_ticks) = (self.election_ticks, self.heartbeat_ticks);
        let limits = self.limits.clone();
        let member = self.member(id)?;
        if member.raft.is_some() {
            return Err(format!("member {id} is running"));
        }
        let config = Config { id, election_ticks, heartbeat_ticks, seed: member.seed, limits };
        member.raft = Some(member.disk.recover(config)?);
        self.input(id, |_| ())
    }

    pub fn crash(&mut self, id: u64) -> Done {
        let member = self.member(id)?;
        member.raft = None;
        member.disk.lose_written();
        Ok(())
    }

    pub fn member(&mut self, id: u64) -> Result<&mut Member, String> {
        self.members.get_mut(&id).ok_or_else(|| format!("there is no member {id}"))
    }

    pub fn raft(&mut self, id: u64) -> Result<&mut Raft, String> {
        self.member(id)?.raft.as_mut().ok_or_else(|| format!("member {id} is not running"))
    }

    /// Do something with a member, and then what its driver has to do.
    pub fn input<T>(&mut self, id: u64, act: impl FnOnce(&mut Raft) -> T) -> Result<T, String> {
        let raft = self.raft(id)?;
        let (standing, commit) = (words::standing(raft), raft.hard_state().commit);
        let might_leave = raft.may_leave();
        let result = act(raft);
        let mut taken = Vec::new();
        raft.take_committed(|entry| taken.push(entry));
        let changes = taken.iter().filter_map(|entry| words::change(&entry.payload));
        changes.for_each(|change| raft.change(change));
        let messages = raft.take_messages();
        let reads = raft.take_reads();
        let (now, committed) = (words::standing(raft), raft.hard_state().commit);
        let may_leave = raft.may_leave();
        if now != standing {
            self.said.push(format!("{id} {now}"));
        }
        if committed != commit {
            self.said.push(format!("{id} commits to {committed}"));
        }
        self.applied(id, taken)?;
        if may_leave && !might_leave {
            self.said.push(format!("{id} may leave"));
        }
        for read in reads {
            self.said.push(match read {
                Read::Ready { id: read, index } => format!("{id} may read {read} at {index}"),
                Read::Lost { id: read } => format!("{id} has lost read {read}"),
            });
        }
        messages.into_iter().try_for_each(|message| self.send(message))?;
        self.check(id)?;
        Ok(result)
    }

    fn applied(&mut self, id: u64, taken: Vec<Entry>) -> Done {
        for entry in taken {
            let words = words::entry(&entry);
            let is_change = words::change(&entry.payload).is_some();
            let known = self.decided.entry(entry.index).or_insert_with(|| entry.clone());
            if *known != entry {
                return Err(format!(
                    "member {id} applies {words}, another {}",
                    words::entry(known)
                ));
            }
            self.said.push(format!("{id} applies {words}"));
            if is_change {
                let membership = words::membership(self.raft(id)?.membership());
                self.said.push(format!("{id} has {membership}"));
            }
        }
        Ok(())
    }

    fn check(&mut self, id: u64) -> Done {
        let raft = self.raft(id)?;
        let (role, term) = (raft.role(), raft.hard_state().term);
        if role != Role::Leader {
            return Ok(());
        }
        match *self.leaders.entry(term).or_insert(id) {
            known if known == id => Ok(()),
            known => Err(format!("members {known} and {id} both lead in term {term}")),
        }
    }

    fn send(&mut self, message: Message) -> Done {
        if message.said == Said::NeedsSnapshot {
            return self.send_snapshot(message.from, message.to);
        }
        self.put(Packet::Message(message));
        Ok(())
    }

    /// Of everything that the sender has applied by now.
    pub fn send_snapshot(&mut self, from: u64, to: u64) -> Done {
        let raft = self.raft(from)?;
        let (term, applied) = (raft.hard_state().term, raft.applied());
        let (membership, kept_after) = (raft.membership().clone(), raft.before());
        let position = match self.decided.get(&applied) {
            Some(entry) => entry.position(),
            None => kept_after,
        };
        self.put(Packet::Snapshot { from, to, term, position, membership });
        Ok(())
    }

    fn put(&mut self, packet: Packet) {
        let words = packet.words();
        let is_sent = self.network.send(packet);
        self.said.push(if is_sent { words } else { format!("{words} (lost)") });
    }

    pub fn write(&mut self, id: u64) -> Result<bool, String> {
        let ready = self.input(id, Raft::ready)?;
        let Some(ready) = ready else { return Ok(false) };
        self.said.push(format!("{id} writes {}", words::ready(&ready)));
        let member = self.member(id)?;
        member.disk.write(&ready, &member.received)?;
        Ok(true)
    }

    pub fn sync(&mut self, id: u64) -> Result<bool, String> {
        let Some(ticket) = self.member(id)?.disk.sync() else { return Ok(false) };
        self.input(id, |raft| raft.persisted(ticket))?;
        Ok(true)
    }

    /// Storage has touched nothing of what it has not acknowledged.
    pub fn refuse(&mut self, id: u64) -> Done {
        self.member(id)?.disk.lose_written();
        self.input(id, Raft::hand_out_again)
    }

    pub fn deliver(&mut self, which: &Which) -> Result<usize, String> {
        let packets = self.network.take(which);
        let count = packets.len();
        packets.into_iter().try_for_each(|packet| self.arrive(packet))?;
        Ok(count)
    }

    fn arrive(&mut self, packet: Packet) -> Done {
        let (from, to, kind) = (packet.from(), packet.to(), packet.kind());
        let is_there = self.raft(to).is_ok();
        self.said.push(format!("({from}->{to} {kind}{})", if is_there { "" } else { ": down" }));
        match packet {
            Packet::Message(message) if is_there => self.input(to, |raft| raft.step(message)),
            Packet::Ended { reached, .. } if is_there => {
                self.input(to, |raft| raft.snapshot_ended(from, reached))
            }
            Packet::Snapshot { term, position, membership, .. } if is_there => {
                let received = membership.clone();
                let is_taken =
                    self.input(to, |raft| raft.install(from, term, position, membership))?;
                if is_taken {
                    self.member(to)?.received = received;
                }
                let what = if is_taken { "restores the snapshot" } else { "needs no snapshot" };
                self.said.push(format!("{to} {what}"));
                self.put(Packet::Ended { from: to, to: from, reached: Some(position.index) });
                Ok(())
            }
            Packet::Snapshot { .. } => {
                self.put(Packet::Ended { from: to, to: from, reached: None });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A snapshot that is lost on its way is a stream that has ended.
    pub fn drop(&mut self, which: &Which) -> usize {
        let packets = self.network.take(which);
        for packet in &packets {
            let (from, to) = (packet.from(), packet.to());
            if let Packet::Snapshot { .. } = packet {
                self.put(Packet::Ended { from: to, to: from, reached: None });
            }
        }
        packets.len()
    }

    /// The log as it is in memory.
    pub fn log(&mut self, id: u64) -> Result<String, String> {
        let raft = self.raft(id)?;
        let (before, last) = (raft.before(), raft.last().index);
        let terms =
            (before.index + 1..=last).filter_map(|index| Some((raft.term_of(index)?, index)));
        let entries = words::join(terms.map(|(term, index)| format!("{term}/{index}")), " ");
        Ok(format!("after {}: {entries}", words::position(before))
            .trim_end_matches(": ")
            .to_owned())
    }

    pub fn propose(&mut self, id: u64, payload: &str) -> Done {
        let bytes = Bytes::from(payload.to_owned());
        let taken = self.input(id, |raft| match words::change(&bytes) {
            Some(change) => raft.propose_change(bytes, change),
            None => raft.propose(bytes),
        })?;
        self.said.push(match taken {
            Ok(position) => format!("{id} takes {} {payload}", words::position(position)),
            Err(why) => format!("{id} refuses {payload}: {why}"),
        });
        Ok(())
    }

    /// These write, sync and hear what is said to them until nothing happens any more.
    pub fn settle(&mut self, ids: &[u64]) -> Done {
        for _ in 0..ROUNDS_MAX {
            let mut is_done = true;
            for &id in ids {
                if self.raft(id).is_err() {
                    continue;
                }
                while self.write(id)? {
                    is_done = false;
                }
                while self.sync(id)? {
                    is_done = false;
                }
                is_done &= self.network.packets().iter().all(|packet| packet.to() != id);
            }
            for &id in ids {
                self.deliver(&Which { to: Some(id), ..Which::default() })?;
            }
            if is_done {
                return Ok(());
            }
        }
        Err(format!("no rest within {ROUNDS_MAX} rounds"))
    }
}

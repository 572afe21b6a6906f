//! What must be true after every step, whoever the members are.

use std::collections::{BTreeMap, BTreeSet};

use coreos_raft::{Entry, Position, Said};

use crate::disk::Disk;
use crate::member::{Done, Kind, Member, Output, State};
use crate::packet::Packet;
use crate::translate::to_ours;

pub type Problem = String;

/// A read: asked of a member when so much had been decided.
#[derive(Debug)]
struct Asked {
    by: u64,
    decided: u64,
}

/// What has happened, by kind where that tells something.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub decided: u64,
    pub elections: BTreeMap<Kind, u64>,
    pub reads: BTreeMap<Kind, u64>,
    /// From one kind to the other.
    pub snapshots: BTreeMap<(Kind, Kind), u64>,
    /// Messages that were translated, by sender's kind and name.
    pub translated: BTreeMap<(Kind, &'static str), u64>,
    pub replaced: u64,
    pub crashes: u64,
    pub handovers: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        fn sum<K: Copy + Ord>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            from.iter().for_each(|(&key, count)| *into.entry(key).or_default() += count);
        }
        sum(&mut self.elections, &other.elections);
        sum(&mut self.reads, &other.reads);
        sum(&mut self.snapshots, &other.snapshots);
        sum(&mut self.translated, &other.translated);
        self.decided += other.decided;
        self.replaced += other.replaced;
        self.crashes += other.crashes;
        self.handovers += other.handovers;
    }
}

#[derive(Debug, Default)]
pub struct Checks {
    /// Every entry that any member has applied, from index 1.
    pub decided: Vec<Entry>,
    pub totals: Totals,
    /// Whether what a member says is compared with what its disk holds.
    compares_disks: bool,
    applied: BTreeMap<u64, u64>,
    leaders: BTreeMap<u64, u64>,
    reads: BTreeMap<u64, Asked>,
    answered: BTreeSet<u64>,
    seen: BTreeMap<u64, State>,
}

impl Checks {
    pub fn new(compares_disks: bool) -> Self {
        Self { compares_disks, ..Self::default() }
    }

    pub fn started(&mut self, id: u64, disk: &Disk) {
        self.applied.insert(id, disk.snapshot.index);
        self.seen.remove(&id);
        self.reads.retain(|_, asked| asked.by != id);
    }

    pub fn asked(&mut self, read: u64, by: u64) {
        self.reads.insert(read, Asked { by, decided: self.decided.len() as u64 });
    }

    pub fn is_answered(&self, read: u64) -> bool {
        self.answered.contains(&read)
    }

    pub fn applied(&self, id: u64) -> u64 {
        self.applied.get(&id).copied().unwrap_or(0)
    }

    pub fn output(&mut self, member: &dyn Member, id: u64, output: &Output) -> Result<(), Problem> {
        for done in &output.done {
            match done {
                Done::Applied(entry) => self.applies(id, entry)?,
                &Done::Restored(position) => self.restores(id, position)?,
            }
        }
        for packet in &output.packets {
            self.promises(packet, member.durable())?;
        }
        for &(read, index) in &output.reads {
            let Some(Asked { by, decided }) = self.reads.remove(&read) else { continue };
            if by != id {
                return Err(format!("member {id} has an answer for member {by}"));
            }
            if index < decided {
                return Err(format!("member {id} reads at {index}, {decided} were decided before"));
            }
            self.answered.insert(read);
            *self.totals.reads.entry(member.kind()).or_default() += 1;
        }
        Ok(())
    }

    fn applies(&mut self, id: u64, entry: &Entry) -> Result<(), Problem> {
        let applied = self.applied.entry(id).or_default();
        if entry.index != *applied + 1 {
            return Err(format!("member {id} applies {} after {applied}", entry.index));
        }
        *applied = entry.index;
        match self.decided.get(entry.index as usize - 1) {
            Some(known) if known != entry => {
                return Err(format!("member {id} applies {entry:?}, another {known:?}"));
            }
            Some(_) => {}
            None => {
                self.totals.decided += 1;
                self.decided.push(entry.clone());
            }
        }
        Ok(())
    }

    fn restores(&mut self, id: u64, position: Position) -> Result<(), Problem> {
        let known = self.decided.get((position.index as usize).wrapping_sub(1));
        if known.map(Entry::position) != Some(position) {
            return Err(format!("member {id} restores {position:?}, which is {known:?}"));
        }
        if let Some(applied) =
            self.applied.insert(id, position.index).filter(|&old| old > position.index)
        {
            return Err(format!("member {id} had applied {applied}, and restores {position:?}"));
        }
        Ok(())
    }

    /// What binds its sender is durable before it leaves.
    fn promises(&self, packet: &Packet, disk: &Disk) -> Result<(), Problem> {
        let message = match packet {
            Packet::Ours(message) => message.clone(),
            Packet::Theirs(message, term) => to_ours(message, *term, None),
            Packet::Snapshot { .. } => return Ok(()),
        };
        let durable = disk.hard_state;
        // Of an earlier term it was true then, and does not bind any more.
        let is_past = durable.term > message.term;
        let is_present = durable.term == message.term;
        let is_kept = match message.said {
            Said::Vote { .. } => is_past || (is_present && durable.vote == message.from),
            Said::VoteReply { granted: true } => {
                is_past || (is_present && durable.vote == message.to)
            }
            Said::Accepted { matched } => is_past || (is_present && disk.last().index >= matched),
            Said::Append { .. } => is_past || is_present,
            _ => true,
        };
        if is_kept || !self.compares_disks {
            return Ok(());
        }
        Err(format!("{message:?} is sent, durable are {durable:?} and {:?}", disk.last()))
    }

    pub fn state(&mut self, member: &dyn Member, id: u64) -> Result<(), Problem> {
        let state = member.state();
        if let Some(before) = self.seen.insert(id, state)
            && (state.term < before.term || state.commit < before.commit)
        {
            return Err(format!("member {id} goes back from {before:?} to {state:?}"));
        }
        if state.applied != self.applied(id) {
            return Err(format!("member {id} has applied {}, not {state:?}", self.applied(id)));
        }
        if !state.leads {
            return Ok(());
        }
        match self.leaders.insert(state.term, id) {
            Some(known) if known != id => {
                Err(format!("members {known} and {id} both lead in term {}", state.term))
            }
            Some(_) => Ok(()),
            None => {
                *self.totals.elections.entry(member.kind()).or_default() += 1;
                self.is_complete(member, id, state.term)
            }
        }
    }

    /// A new leader has all that was decided in earlier terms.
    fn is_complete(&self, member: &dyn Member, id: u64, term: u64) -> Result<(), Problem> {
        let earlier = self.decided.iter().rev().find(|entry| entry.term < term);
        let Some(Position { term, index }) = earlier.map(Entry::position) else { return Ok(()) };
        let is_compacted = index <= self.applied(id);
        match member.term_of(index) {
            Some(found) if found == term => Ok(()),
            None if is_compacted => Ok(()),
            found => Err(format!("member {id} leads, with {found:?} for {term} at {index}")),
        }
    }
}

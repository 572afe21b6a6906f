//! What Raft promises, looked at after every step of a member and at everything that it says.
//!
//! - election safety: a term has one leader, and a member votes for one candidate in a term;
//! - log matching: an entry of a term and index is the same wherever it is sent, and so is the one before it;
//! - leader completeness: who leads has everything that was decided before its term;
//! - terms, commit index and applied index of a process never go back, and what a member has said that is true only if
//!   it is durable holds after every start.
//!
//! State-machine safety is the judge's: one decision for each index.

use std::collections::BTreeMap;

use bytes::Bytes;
use coreos_engine::peers::{Content, Frame};
use coreos_engine::replica::Decided;
use coreos_raft::{Message, Raft, Role, Said};

use super::Cluster;
use crate::checker::Problem;

/// What was last seen of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    term: u64,
    commit: u64,
    applied: u64,
    led_term: u64,
    last: u64,
}

impl Seen {
    /// The log ends there.
    pub fn keep(&mut self, last: u64) {
        self.last = self.last.min(last);
    }
}

/// What a member has told others to be durable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    term: u64,
    /// In that term.
    matched: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Invariants {
    leaders: BTreeMap<u64, u64>,
    votes: BTreeMap<(u64, u64), u64>,
    sent: BTreeMap<(u64, u64), (Bytes, u64)>,
}

impl Invariants {
    fn vote(&mut self, member: u64, term: u64, candidate: u64) -> Result<(), Problem> {
        let voted = *self.votes.entry((member, term)).or_insert(candidate);
        if voted == candidate {
            return Ok(());
        }
        Err(format!("{member:x} votes in term {term} for {voted:x} and for {candidate:x}"))
    }

    fn say(&mut self, message: &Message) -> Result<(), Problem> {
        let Message { from, to, term, said } = message;
        match said {
            Said::Vote { .. } => self.vote(*from, *term, *from),
            Said::VoteReply { granted: true } => self.vote(*from, *term, *to),
            Said::Append { before, entries, .. } => {
                let mut before_term = before.term;
                for entry in entries {
                    let place = (entry.term, entry.index);
                    let known = self
                        .sent
                        .entry(place)
                        .or_insert_with(|| (entry.payload.clone(), before_term));
                    if known.1 != before_term || known.0 != entry.payload {
                        return Err(format!("two entries of term and index {place:?}"));
                    }
                    before_term = entry.term;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Cluster {
    /// A member says something.
    pub(super) fn check_said(&mut self, s: usize, to: u64, frame: &Frame) {
        for content in &frame.contents {
            let Content::Raft(message) = content else { continue };
            if message.from != self.slots[s].id || message.to != to {
                self.fail(format!("member {s} speaks for another: {message:?}"));
            }
            if let Err(problem) = self.invariants.say(message) {
                self.fail(problem);
            }
            let told = &mut self.slots[s].told;
            let matched = match message.said {
                Said::Accepted { matched } => matched,
                Said::Vote { .. } | Said::VoteReply { .. } => 0,
                _ => continue,
            };
            if message.term > told.term {
                *told = Told { term: message.term, matched };
            } else if message.term == told.term {
                told.matched = told.matched.max(matched);
            }
        }
    }

    /// A member has taken a step.
    pub(super) fn check_step(&mut self, s: usize) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let raft = life.parts.replica.raft();
        let state = raft.hard_state();
        let before = life.seen;
        let applied = raft.applied();
        life.seen.term = state.term;
        life.seen.commit = state.commit;
        life.seen.applied = applied;
        if state.term < before.term || state.commit < before.commit || applied < before.applied {
            let now = life.seen;
            return self.fail(format!("member {s} goes back from {before:?} to {now:?}"));
        }
        if raft.role() != Role::Leader {
            return;
        }
        self.lead_step(s, before);
        self.course_sees_step(s);
    }

    fn lead_step(&mut self, s: usize, before: Seen) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let raft = life.parts.replica.raft();
        let (term, last) = (raft.hard_state().term, raft.last().index);
        let first = if before.led_term == term { before.last + 1 } else { 1 };
        life.seen.led_term = term;
        life.seen.last = last;
        for index in first..=last {
            // Nothing but its own entries have its term.
            if raft.term_of(index) == Some(term) {
                self.judge.births.born(term, index, self.now_ns);
            }
        }
        if before.led_term != term {
            self.new_leader(s, term);
        }
    }

    fn new_leader(&mut self, s: usize, term: u64) {
        let id = self.slots[s].id;
        self.totals.elections += 1;
        self.trace(|| format!("m{s} leads term {term}"));
        let leader = *self.invariants.leaders.entry(term).or_insert(id);
        if leader != id {
            return self.fail(format!("term {term} has two leaders, {leader:x} and {id:x}"));
        }
        let decided = self.judge.decided();
        let Some(life) = &self.slots[s].life else { return };
        let raft = life.parts.replica.raft();
        // One that was asleep may learn of its votes when another leads a later term, and has decided more.
        let missing = (raft.before().index.max(1)..=decided)
            .take_while(|&index| self.judge.term_of(index) <= Some(term))
            .find(|&index| !has(raft, index, self.judge.term_of(index)));
        if let Some(index) = missing {
            let (has, before, decided) =
                (raft.term_of(index), raft.before(), self.judge.term_of(index));
            self.fail(format!(
                "member {s} leads term {term} without the decided entry {index} of term {decided:?}: there it has {has:?}, after {before:?}"
            ));
        }
        self.course_sees_leader(s);
    }

    /// An entry has just been applied by a member.
    pub(super) fn check_applied(&mut self, s: usize) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let applier = &mut life.parts.applier;
        let index = applier.raft_index;
        if self.judge.has_digest(index) {
            self.totals.compared += 1;
            if let Err(problem) = self.judge.compare(index, &mut applier.store) {
                return self.fail(format!("member {s}: {problem}"));
            }
        }
        // Whoever leads a later term has it.
        let term = self.judge.term_of(index);
        let without = self.slots.iter().position(|slot| {
            let Some(life) = &slot.life else { return false };
            let raft = life.parts.replica.raft();
            raft.role() == Role::Leader
                && Some(raft.hard_state().term) >= term
                && !has(raft, index, term)
        });
        if let Some(leader) = without {
            self.fail(format!("member {leader} leads without entry {index}, which is decided"));
        }
    }

    /// A member has been restored from a snapshot.
    pub(super) fn check_installed(&mut self, s: usize) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let applier = &mut life.parts.applier;
        let index = applier.raft_index;
        if index > self.judge.decided() {
            return self.fail(format!("member {s} installs what is not decided: {index}"));
        }
        if let Err(problem) = self.judge.compare(index, &mut applier.store) {
            self.fail(format!("member {s}, installed: {problem}"));
        }
    }

    /// What a member has found committed in its log is decided, also when the one who had made it so was cut off before
    /// anybody applied it.
    fn check_recovered(&mut self, s: usize) {
        let Some(life) = &self.slots[s].life else { return };
        let (mut term, mut index) = (life.parts.applier.term, life.parts.applier.raft_index);
        let mut recovered = Vec::new();
        while index > self.judge.decided() {
            // Somebody had to have it besides its leader.
            let Some((payload, before_term)) = self.invariants.sent.get(&(term, index)) else {
                return self
                    .fail(format!("member {s} recovers entry {index}, which nobody was sent"));
            };
            recovered.push((term, index, payload.clone()));
            (term, index) = (*before_term, index - 1);
        }
        for (term, index, payload) in recovered.into_iter().rev() {
            let one = Decided {
                index,
                term,
                payload,
                command: None,
                ticket: 0,
                proposed_mono_ns: 0,
                removes_self: false,
            };
            if let Err(problem) = self.judge.decide(&one) {
                return self.fail(format!("member {s} recovers: {problem}"));
            }
        }
    }

    /// A member has started.
    pub(super) fn check_start(&mut self, s: usize) {
        let told = self.slots[s].told;
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let raft = life.parts.replica.raft();
        let (term, last) = (raft.hard_state().term, raft.last());
        if term < told.term {
            return self.fail(format!(
                "member {s} starts with term {term}, but has spoken in term {}",
                told.term
            ));
        }
        if term == told.term && last.index < told.matched {
            return self.fail(format!(
                "member {s} starts with {last:?}, but has accepted entry {} in term {term}",
                told.matched
            ));
        }
        self.check_recovered(s);
        self.check_installed(s);
    }

    /// Wherever two logs have an entry of the same term, they are the same before it.
    pub(super) fn check_logs(&mut self) {
        let rafts: Vec<&Raft> = self
            .slots
            .iter()
            .filter_map(|slot| Some(slot.life.as_ref()?.parts.replica.raft()))
            .collect();
        let mut problem = None;
        for (place, a) in rafts.iter().enumerate() {
            for b in &rafts[place + 1..] {
                let first = a.before().index.max(b.before().index).max(1);
                let mut same = false;
                for index in (first..=a.last().index.min(b.last().index)).rev() {
                    let is_same = a.term_of(index) == b.term_of(index);
                    if same && !is_same {
                        problem =
                            Some(format!("two logs meet after entry {index}, and differ there"));
                    }
                    same |= is_same;
                }
            }
        }
        if let Some(problem) = problem {
            self.fail(problem);
        }
    }
}

/// Whether the log has the entry, as far as it is still in memory.
fn has(raft: &Raft, index: u64, term: Option<u64>) -> bool {
    index < raft.before().index || (index <= raft.last().index && raft.term_of(index) == term)
}

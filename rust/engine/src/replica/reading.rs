//! Linearizable reads: whoever asks waits until a leader has confirmed that it still leads, and for what was committed
//! then. Reads that come between two questions share one.

use std::collections::VecDeque;

use coreos_raft::Read;

use super::{Answer, Replica};
use crate::clock::Now;

#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticket: u64,
    since_mono_ns: u64,
}

#[derive(Debug)]
struct Question {
    id: u64,
    asked_mono_ns: u64,
    waiting: Vec<Waiting>,
}

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Reads {
    unasked: Vec<Waiting>,
    asked: VecDeque<Question>,
    /// Questions so far, in this start.
    count: u64,
}

impl Reads {
    pub fn is_empty(&self) -> bool {
        self.unasked.is_empty() && self.asked.is_empty()
    }

    /// Whoever has waited since before `mono_ns` has given up.
    fn give_up_before(&mut self, mono_ns: u64) {
        // The member's own question, whether it is up to date, stays.
        let goes_on = |one: &Waiting| one.ticket == 0 || one.since_mono_ns >= mono_ns;
        self.unasked.retain(goes_on);
        self.asked.iter_mut().for_each(|question| question.waiting.retain(goes_on));
        self.asked.retain(|question| !question.waiting.is_empty());
    }

    /// Ask anew what was asked before `mono_ns`: a question, or its answer, may be lost.
    fn ask_again_before(&mut self, mono_ns: u64) {
        while self.asked.front().is_some_and(|oldest| oldest.asked_mono_ns < mono_ns) {
            let Some(question) = self.asked.pop_front() else { return };
            self.unasked.extend(question.waiting);
        }
    }

    fn take(&mut self, id: u64) -> Option<Question> {
        let place = self.asked.iter().position(|question| question.id == id)?;
        self.asked.remove(place)
    }
}

/// Bits of a question's id that count within a start; those above are the start's number, so that no id comes twice.
const COUNT_BITS: u32 = 40;

impl Replica {
    /// Ask for a linearizable read; 0 = nobody waits, but the member wants to know. [`Answer::Readable`] comes when it
    /// may be carried out; none comes while the cluster has no leader, and the asker gives up by itself.
    pub fn read(&mut self, now: Now, ticket: u64) {
        if cfg!(feature = "stale-reads") {
            let index = self.raft.applied();
            return self.answers.push(Answer::Readable { ticket, index });
        }
        self.reads.unasked.push(Waiting { ticket, since_mono_ns: now.mono_ns });
    }

    /// Pass on questions and answers.
    pub(super) fn pump_reads(&mut self, now: Now) {
        if !self.reads.unasked.is_empty() && self.raft.leader() != 0 {
            self.reads.count += 1;
            let id = (self.incarnation << COUNT_BITS) | self.reads.count;
            let waiting = std::mem::take(&mut self.reads.unasked);
            self.reads.asked.push_back(Question { id, asked_mono_ns: now.mono_ns, waiting });
            self.raft.read(id);
        }
        for read in self.raft.take_reads() {
            match read {
                Read::Ready { id, index } => {
                    let Some(question) = self.reads.take(id) else { continue };
                    let readable = |one: Waiting| Answer::Readable { ticket: one.ticket, index };
                    self.answers.extend(question.waiting.into_iter().map(readable));
                }
                Read::Lost { id } => {
                    let Some(question) = self.reads.take(id) else { continue };
                    self.reads.unasked.extend(question.waiting);
                }
            }
        }
    }

    pub(super) fn tick_reads(&mut self, now: Now) {
        if self.reads.is_empty() {
            return;
        }
        // Whoever has asked answers for the time by itself.
        let gone_ns = super::proposing::GONE_FACTOR * self.pace.give_up_ns;
        self.reads.give_up_before(now.mono_ns.saturating_sub(gone_ns));
        self.reads.ask_again_before(now.mono_ns.saturating_sub(self.pace.election_ns / 2));
    }
}

//! Reads that a leader answers once a majority has confirmed that it still leads.
//!
//! All reads that are asked for between two rounds of heartbeats share a round. A reply to it confirms every read of
//! that round and of those before.

use std::collections::{BTreeMap, VecDeque};

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub by: u64,
    pub id: u64,
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Whoever has applied everything up to `index` may read, and sees all that was committed when it was asked.
    Ready {
        /// As given to [`crate::Raft::read`].
        id: u64,
        /// The last entry that has to be applied.
        index: u64,
    },
    /// There is no leader to ask, or it has lost its place. Ask again.
    Lost {
        /// As given to [`crate::Raft::read`].
        id: u64,
    },
}

#[derive(Debug)]
struct Round {
    number: u64,
    index: u64,
    asked: Vec<Asked>,
}

#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Not yet sent out, because the leader has not committed anything in its term: it does not know what is.
    early: Vec<Asked>,
    /// To be part of the next round.
    next: Vec<Asked>,
    next_index: u64,
    rounds: VecDeque<Round>,
    number: u64,
    /// The last round that each voter has confirmed.
    confirmed: BTreeMap<u64, u64>,
}

impl Reads {
    pub fn ask_early(&mut self, asked: Asked) {
        self.early.push(asked);
    }

    /// The first entry of the term is committed.
    pub fn take_early(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.early)
    }

    /// Asked when `index` was committed.
    pub fn ask(&mut self, asked: Asked, index: u64) {
        self.next.push(asked);
        // The greatest is true for all of them: it is later than each one's question.
        self.next_index = self.next_index.max(index);
    }

    /// Begin a round, if anybody asks. Whether heartbeats have to go out for it.
    pub fn begin_round(&mut self) -> bool {
        if self.next.is_empty() {
            return false;
        }
        self.number += 1;
        let asked = std::mem::take(&mut self.next);
        self.rounds.push_back(Round { number: self.number, index: self.next_index, asked });
        true
    }

    /// What heartbeats carry.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A voter has answered the heartbeat of a round.
    pub fn confirm(&mut self, by: u64, round: u64) {
        let known = self.confirmed.entry(by).or_default();
        *known = (*known).max(round.min(self.number));
    }

    pub fn confirmed_by(&self, id: u64) -> u64 {
        self.confirmed.get(&id).copied().unwrap_or(0)
    }

    /// Every round up to `number` is confirmed by a majority: their reads, with the index of each.
    pub fn take_confirmed(&mut self, number: u64) -> Vec<(Asked, u64)> {
        let mut done = Vec::new();
        while self.rounds.front().is_some_and(|round| round.number <= number) {
            let Some(round) = self.rounds.pop_front() else { break };
            done.extend(round.asked.into_iter().map(|asked| (asked, round.index)));
        }
        done
    }

    /// The leader has lost its place: everybody who still waits.
    pub fn take_all(&mut self) -> Vec<Asked> {
        let mut all = std::mem::take(&mut self.early);
        all.extend(self.rounds.drain(..).flat_map(|round| round.asked));
        all.append(&mut self.next);
        self.confirmed.clear();
        all
    }
}

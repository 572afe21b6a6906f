//! Proposals that are in the log but not decided yet, oldest first, and how much they may be.

use std::collections::VecDeque;

use coreos_store::{Body, Command};

use super::TakenBack;

/// Encoded bytes in flight above which no more are taken.
const BYTES_MAX: usize = 64 << 20;
/// Proposals in flight above which no more are taken.
const COUNT_MAX: usize = 100_000;

#[derive(Debug)]
pub(super) struct InFlight {
    pub index: u64,
    pub ticket: u64,
    pub bytes: usize,
    pub proposed_mono_ns: u64,
    pub command: Command,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<InFlight>,
    bytes: usize,
    expiries: usize,
}

impl Queue {
    /// Entries that a former start left undecided: nobody waits for them any more.
    pub fn recovered(commands: Vec<(u64, Command)>) -> Self {
        let mut queue = Self::default();
        for (index, command) in commands {
            queue.push(InFlight { index, ticket: 0, bytes: 0, proposed_mono_ns: 0, command });
        }
        queue
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the oldest of this start was proposed.
    pub fn oldest_mono_ns(&self) -> Option<u64> {
        // A former start's, which nobody waits for, come first and have no time.
        let mut times = self.waiting.iter().map(|proposal| proposal.proposed_mono_ns);
        times.find(|&mono_ns| mono_ns != 0)
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX || self.waiting.len() >= COUNT_MAX
    }

    /// Whether an expiry is on its way, so that another would find the same nodes.
    pub fn has_expiry(&self) -> bool {
        self.expiries > 0
    }

    pub fn push(&mut self, proposal: InFlight) {
        self.bytes += proposal.bytes;
        self.expiries += usize::from(matches!(proposal.command.body, Body::Expire));
        self.waiting.push_back(proposal);
    }

    /// The proposal of entry `index`, which is the oldest.
    pub fn pop(&mut self, index: u64) -> InFlight {
        let proposal = self.waiting.pop_front().expect("every entry with a payload is in flight");
        assert_eq!(proposal.index, index, "entries are decided in the order of their proposals");
        self.forget(&proposal);
        proposal
    }

    /// Remove and give the proposals of the entries from `first` on; the bodies of those for which nobody waits are
    /// added to `own`.
    pub fn take_back(&mut self, first: u64, own: &mut Vec<Body>) -> Vec<TakenBack> {
        let keep = self.waiting.partition_point(|proposal| proposal.index < first);
        let back = self.waiting.split_off(keep);
        for proposal in &back {
            self.forget(proposal);
        }
        let taken = |one: InFlight| {
            let InFlight { ticket, command, .. } = one;
            if ticket == 0 {
                own.push(command.body);
            }
            TakenBack { ticket, request: command.request }
        };
        back.into_iter().map(taken).collect()
    }

    fn forget(&mut self, proposal: &InFlight) {
        self.bytes -= proposal.bytes;
        self.expiries -= usize::from(matches!(proposal.command.body, Body::Expire));
    }
}

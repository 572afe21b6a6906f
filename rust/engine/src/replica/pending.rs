//! This member's own proposals, by the sequence in their request ids, until they are decided: whoever leads may have to
//! be told of them again.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Encoded bytes above which no more are taken.
const BYTES_MAX: usize = 64 << 20;
/// Proposals above which no more are taken.
const COUNT_MAX: usize = 100_000;

#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub sequence: u64,
    /// Who waits for it; 0 = nobody: it is the member's own, and is never given up.
    pub ticket: u64,
    pub proposed_mono_ns: u64,
    /// The encoded command, to be proposed again.
    pub payload: Bytes,
    /// How often it has left for a leader's log.
    sendings: u32,
    /// Whether the present leader has it, or nobody is to have it any more.
    is_sent: bool,
    /// Whoever waits has been told that it takes too long: it is not sent again.
    is_late: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    proposals: BTreeMap<u64, Proposal>,
    bytes: usize,
    /// How many the present leader does not have.
    unsent: usize,
    /// All before this sequence are late, if somebody waits for them.
    late_before: u64,
}

impl Pending {
    pub fn len(&self) -> usize {
        self.proposals.len()
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX || self.proposals.len() >= COUNT_MAX
    }

    /// When the oldest that somebody waits for was proposed.
    pub fn oldest_mono_ns(&self) -> Option<u64> {
        let waiting = self.iter().find(|proposal| proposal.ticket != 0);
        waiting.map(|proposal| proposal.proposed_mono_ns)
    }

    /// Whether the present leader has to be told of some.
    pub fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// Another one, with a greater sequence than all before.
    pub fn push(
        &mut self,
        sequence: u64,
        ticket: u64,
        mono_ns: u64,
        payload: Bytes,
        is_sent: bool,
    ) {
        self.bytes += payload.len();
        self.unsent += usize::from(!is_sent);
        let proposal = Proposal {
            sequence,
            ticket,
            proposed_mono_ns: mono_ns,
            payload,
            sendings: u32::from(is_sent),
            is_sent,
            is_late: false,
        };
        self.proposals.insert(sequence, proposal);
    }

    /// It is decided, or never will be: forget and give it.
    pub fn take(&mut self, sequence: u64) -> Option<Proposal> {
        let proposal = self.proposals.remove(&sequence)?;
        self.bytes -= proposal.payload.len();
        self.unsent -= usize::from(!proposal.is_sent);
        Some(proposal)
    }

    /// Whether it is the member's own, for which nobody waits.
    pub fn is_own(&self, sequence: u64) -> bool {
        self.proposals.get(&sequence).is_some_and(|proposal| proposal.ticket == 0)
    }

    /// Whether a refusal by the present leader is the last word: nobody else has been asked, who may have taken it.
    pub fn is_asked_once(&self, sequence: u64) -> bool {
        let proposal = self.proposals.get(&sequence);
        proposal.is_some_and(|proposal| proposal.is_sent && proposal.sendings == 1)
    }

    /// There is another leader, which has none of them.
    pub fn all_unsent(&mut self) {
        for proposal in self.proposals.values_mut().filter(|proposal| !proposal.is_late) {
            self.unsent += usize::from(proposal.is_sent);
            proposal.is_sent = false;
        }
    }

    /// The leader does not have this one.
    pub fn unsent(&mut self, sequence: u64) {
        if let Some(proposal) = self.proposals.get_mut(&sequence)
            && proposal.is_sent
            && !proposal.is_late
        {
            proposal.is_sent = false;
            self.unsent += 1;
        }
    }

    /// Give those that the leader does not have to `send`, in order, which says whether it has it now; the others come
    /// again next time.
    pub fn send(&mut self, mut send: impl FnMut(&Proposal) -> bool) {
        if self.unsent == 0 {
            return;
        }
        for proposal in self.proposals.values_mut().filter(|proposal| !proposal.is_sent) {
            if send(proposal) {
                proposal.is_sent = true;
                proposal.sendings = proposal.sendings.saturating_add(1);
                self.unsent -= 1;
            }
        }
    }

    /// Those that were proposed before `late_mono_ns` are sent to nobody any more: a write that comes when its client
    /// has long gone on could undo what that did next. Gives the sequences of those that are forgotten for it: they
    /// were never sent, or were proposed before `gone_mono_ns`.
    pub fn give_up(&mut self, late_mono_ns: u64, gone_mono_ns: u64) -> Vec<u64> {
        let mut over = Vec::new();
        let is_old = |one: &&Proposal| one.ticket != 0 && one.proposed_mono_ns < gone_mono_ns;
        let mine = |one: &&Proposal| one.ticket == 0 || one.proposed_mono_ns < gone_mono_ns;
        over.extend(self.iter().take_while(mine).filter(is_old).map(|one| one.sequence));
        for (sequence, proposal) in self.proposals.range_mut(self.late_before..) {
            if proposal.proposed_mono_ns >= late_mono_ns {
                break;
            }
            self.late_before = sequence + 1;
            if proposal.ticket == 0 {
                continue;
            }
            proposal.is_late = true;
            self.unsent -= usize::from(!proposal.is_sent);
            proposal.is_sent = true;
            if proposal.sendings == 0 && proposal.proposed_mono_ns >= gone_mono_ns {
                over.push(*sequence);
            }
        }
        over
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.proposals.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pending: &mut Pending) -> Vec<u64> {
        let mut sent = Vec::new();
        pending.send(|proposal| {
            sent.push(proposal.sequence);
            true
        });
        sent
    }

    #[test]
    fn every_leader_is_told_of_what_is_not_decided() {
        let mut pending = Pending::default();
        for sequence in 7..12 {
            let is_sent = sequence != 9;
            pending.push(sequence, sequence, sequence, Bytes::from_static(b"x"), is_sent);
        }
        assert_eq!(sent(&mut pending), [9]);
        assert_eq!(pending.take(8).map(|one| one.ticket), Some(8));
        assert!(pending.take(8).is_none() && pending.take(12).is_none());
        pending.all_unsent();
        assert_eq!(sent(&mut pending), [7, 9, 10, 11]);
        pending.unsent(10);
        assert!(pending.has_unsent());
        assert_eq!(sent(&mut pending), [10]);
    }

    #[test]
    fn a_refusal_counts_only_when_nobody_else_was_asked() {
        let mut pending = Pending::default();
        pending.push(1, 5, 10, Bytes::new(), true);
        pending.push(2, 6, 10, Bytes::new(), false);
        assert!(pending.is_asked_once(1) && !pending.is_asked_once(2) && !pending.is_asked_once(3));
        pending.all_unsent();
        assert_eq!(sent(&mut pending), [1, 2]);
        assert!(!pending.is_asked_once(1) && pending.is_asked_once(2));
    }

    #[test]
    fn what_is_late_is_sent_to_nobody_and_answered_all_the_same() {
        let mut pending = Pending::default();
        pending.push(1, 0, 10, Bytes::new(), true);
        pending.push(2, 5, 10, Bytes::from_static(b"abc"), false);
        pending.push(3, 6, 10, Bytes::new(), true);
        pending.push(4, 7, 20, Bytes::new(), true);
        // The second was never sent: it is not carried out, and there is nothing to wait for.
        assert_eq!(pending.give_up(20, 0), [2]);
        assert!(pending.take(2).is_some() && pending.bytes == 0);
        assert_eq!(pending.give_up(20, 0), [0; 0]);
        pending.all_unsent();
        assert_eq!(sent(&mut pending), [1, 4], "the member's own goes on");
        assert_eq!(pending.give_up(21, 11), [3], "what nobody ever decides ends too");
        assert!(pending.take(3).is_some());
        assert_eq!(pending.take(4).map(|one| one.ticket), Some(7));
        assert!(!pending.has_unsent());
    }
}

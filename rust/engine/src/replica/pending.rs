//! This member's own proposals, by the sequence in their request ids, until they are decided: whoever leads may have to
//! be told of them again.

use std::collections::VecDeque;

use bytes::Bytes;

/// Encoded bytes above which no more are taken.
const BYTES_MAX: usize = 64 << 20;
/// Proposals above which no more are taken.
const COUNT_MAX: usize = 100_000;

#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub sequence: u64,
    /// Who waits for it; 0 = nobody.
    pub ticket: u64,
    pub proposed_mono_ns: u64,
    /// The encoded command, to be proposed again.
    pub payload: Bytes,
    /// Whether it has ever left for a leader's log: it may be carried out then, whatever is said about it.
    pub was_sent: bool,
    /// Whether the present leader has it.
    is_sent: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The one with sequence `first + n` at place n; those that are decided leave a hole until they are at the front.
    slots: VecDeque<Option<Proposal>>,
    first: u64,
    count: usize,
    bytes: usize,
    /// How many the present leader does not have.
    unsent: usize,
}

impl Pending {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX || self.count >= COUNT_MAX
    }

    /// When the oldest that somebody waits for was proposed.
    pub fn oldest_mono_ns(&self) -> Option<u64> {
        let waiting = self.slots.iter().flatten().find(|proposal| proposal.ticket != 0);
        waiting.map(|proposal| proposal.proposed_mono_ns)
    }

    /// Whether the present leader has to be told of some.
    pub fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// Another one. Its sequence is one more than that of the last.
    pub fn push(
        &mut self,
        sequence: u64,
        ticket: u64,
        mono_ns: u64,
        payload: Bytes,
        is_sent: bool,
    ) {
        if self.slots.is_empty() {
            self.first = sequence;
        }
        debug_assert_eq!(sequence, self.first + self.slots.len() as u64, "sequences have no gaps");
        self.count += 1;
        self.bytes += payload.len();
        self.unsent += usize::from(!is_sent);
        let (was_sent, proposed_mono_ns) = (is_sent, mono_ns);
        let proposal = Proposal { sequence, ticket, proposed_mono_ns, payload, was_sent, is_sent };
        self.slots.push_back(Some(proposal));
    }

    /// It is decided, or never will be: forget and give it.
    pub fn take(&mut self, sequence: u64) -> Option<Proposal> {
        let proposal = self.slot(sequence)?.take()?;
        self.forget(&proposal);
        while self.slots.front().is_some_and(Option::is_none) {
            self.slots.pop_front();
            self.first += 1;
        }
        Some(proposal)
    }

    fn slot(&mut self, sequence: u64) -> Option<&mut Option<Proposal>> {
        let place = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(place)
    }

    fn forget(&mut self, proposal: &Proposal) {
        self.count -= 1;
        self.bytes -= proposal.payload.len();
        self.unsent -= usize::from(!proposal.is_sent);
    }

    /// There is another leader, which has none of them.
    pub fn all_unsent(&mut self) {
        for proposal in self.slots.iter_mut().flatten() {
            proposal.is_sent = false;
        }
        self.unsent = self.count;
    }

    /// The leader does not have this one.
    pub fn unsent(&mut self, sequence: u64) {
        if let Some(Some(proposal)) = self.slot(sequence)
            && proposal.is_sent
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
        for proposal in self.slots.iter_mut().flatten().filter(|proposal| !proposal.is_sent) {
            if send(proposal) {
                proposal.is_sent = true;
                proposal.was_sent = true;
                self.unsent -= 1;
            }
        }
    }

    /// Forget those that somebody waited for and that were proposed before `mono_ns`: whoever it was has given up.
    pub fn give_up_before(&mut self, mono_ns: u64) {
        let is_old = |proposal: &&Proposal| proposal.proposed_mono_ns < mono_ns;
        let front = self.slots.iter().flatten().take_while(is_old);
        let old: Vec<u64> = front.filter(|one| one.ticket != 0).map(|one| one.sequence).collect();
        old.into_iter().for_each(|sequence| drop(self.take(sequence)));
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.slots.iter().flatten()
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
        assert!(
            pending.take(8).is_none() && pending.take(6).is_none() && pending.take(12).is_none()
        );
        pending.all_unsent();
        assert_eq!(sent(&mut pending), [7, 9, 10, 11]);
        pending.unsent(10);
        assert!(pending.has_unsent());
        assert_eq!(sent(&mut pending), [10]);
    }

    #[test]
    fn whoever_gave_up_is_forgotten_and_the_members_own_is_not() {
        let mut pending = Pending::default();
        pending.push(1, 0, 10, Bytes::new(), true);
        pending.push(2, 5, 10, Bytes::from_static(b"abc"), false);
        pending.push(3, 6, 20, Bytes::new(), true);
        pending.give_up_before(20);
        assert_eq!(pending.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 3]);
        assert!(!pending.has_unsent() && pending.bytes == 0 && pending.len() == 2);
        assert!(pending.take(1).is_some() && pending.take(3).is_some());
        pending.push(9, 1, 30, Bytes::new(), true);
        assert_eq!(pending.take(9).map(|one| one.ticket), Some(1));
    }
}

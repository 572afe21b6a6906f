//! What a member knows to be decided, and neither does nor says yet.
//!
//! A member that is taken out may be gone as soon as anybody has said so: its process ends, or an operator who was
//! answered ends it. Of a cluster of two the other one then stays behind alone, and had better know it: if it forgot in
//! a crash that the removal was decided, it would ask for a vote that nobody is left to give. So what may take out a
//! voter is applied only once the commit index that covers it is durable here, and other members are told of that
//! commit index only once it has been applied.
//!
//! A leader that finds itself taken out then tells nobody. For the others it still votes, and its log may be the
//! longest: it goes on until one of them leads and has decided the same again, by the same rule ([`Raft::may_leave`]).
//! Until then it gives them what it has, and hands over. It asks for votes, too, of those who are left, and has none
//! itself.
//!
//! Which entries these are is known of the own proposals. Of what earlier leaders have left undecided it may be any.

use super::{Raft, Role};

/// The entries from `first` to `last`; none when `last` is smaller.
#[derive(Debug)]
pub(super) struct Range {
    first: u64,
    last: u64,
}

impl Default for Range {
    fn default() -> Self {
        Self { first: 1, last: 0 }
    }
}

impl Range {
    pub fn new(first: u64, last: u64) -> Self {
        Self { first, last }
    }

    /// What comes after `index` is no more.
    pub fn truncate(&mut self, index: u64) {
        self.last = self.last.min(index);
    }

    /// Up to where one may go who is at `done` with what belongs to it, of what is decided up to `committed`.
    fn limit(&self, committed: u64, done: u64) -> u64 {
        let last = self.last.min(committed);
        let is_open = self.first <= last && done < last;
        if is_open { done.max(self.first - 1).min(committed) } else { committed }
    }
}

impl Raft {
    /// Whoever decides alone needs nobody's vote after a restart either.
    fn withholds(&self) -> bool {
        !self.membership.is_sole_voter(self.config.id)
    }

    /// Up to which entry the state machine may go, as far as it is durable.
    pub(super) fn applicable(&self) -> u64 {
        let committed = self.log.committed;
        if self.withholds() {
            self.removals.limit(committed, self.durable_commit)
        } else {
            committed
        }
    }

    /// The commit index that a leader tells.
    pub(super) fn announced(&self) -> u64 {
        if self.leads_as_outsider() {
            return 0;
        }
        let committed = self.log.committed;
        if self.withholds() { self.removals.limit(committed, self.log.applied) } else { committed }
    }

    /// Whether something waits for the commit index to become durable that storage has not been told of.
    pub(super) fn waits_for_commit(&self) -> bool {
        self.applicable() < self.log.committed
            && self.told.commit < self.log.committed.min(self.log.handed_out)
    }

    /// What was withheld has been applied: the peers are told.
    pub(super) fn tell_withheld(&mut self) {
        if !self.has_withheld || self.announced() < self.log.committed {
            return;
        }
        self.has_withheld = false;
        if self.role == Role::Leader {
            for id in self.peers.keys().copied().collect::<Vec<_>>() {
                self.send_append(id);
            }
        }
    }

    /// Whether this leader has been taken out, and leads only until another can.
    pub(super) fn leads_as_outsider(&self) -> bool {
        self.role == Role::Leader && !self.membership.is_voter(self.config.id)
    }

    /// Such a leader hands over, to whoever can take it, as long as it takes.
    pub(super) fn pass_on(&mut self) {
        if self.leads_as_outsider()
            && self.successor == 0
            && let Some(next) = self.best_successor()
        {
            self.hand_over(next);
        }
    }

    /// Whether this member has been taken out, and another that leads has said so: it is not needed any more. Until
    /// then a member that has applied its own removal goes on, and does not say that it is done.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.left_at.is_some_and(|left_at| left_at <= self.heard_commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_into_what_is_withheld_without_having_come_through() {
        let range = Range::new(5, 8);
        for (committed, done, limit) in
            [(4, 0, 4), (5, 3, 4), (7, 4, 4), (7, 6, 6), (7, 7, 7), (9, 7, 7), (9, 8, 9), (9, 0, 4)]
        {
            assert_eq!(range.limit(committed, done), limit, "{committed} {done}");
        }
        assert_eq!(Range::default().limit(9, 0), 9);
        let mut range = range;
        range.truncate(6);
        assert_eq!((range.limit(9, 5), range.limit(9, 6)), (5, 9));
        range.truncate(4);
        assert_eq!(range.limit(9, 0), 9);
    }
}

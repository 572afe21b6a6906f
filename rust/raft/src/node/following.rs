//! What a member does on a leader's word.

use crate::entry::{Entry, Position};
use crate::membership::Membership;
use crate::message::Said;

use super::withholding::Range;
use super::{Raft, Role};

impl Raft {
    /// A leader of this term speaks. False: it is not one to be obeyed.
    pub(super) fn obey(&mut self, leader: u64) -> bool {
        match self.role {
            // A term has one leader. Whoever says otherwise is not believed.
            Role::Leader => return false,
            Role::Follower if self.leader == leader => self.election_ticks = 0,
            _ => self.follow(self.term, leader),
        }
        true
    }

    pub(super) fn take_entries(
        &mut self,
        from: u64,
        before: Position,
        entries: Vec<Entry>,
        commit: u64,
    ) {
        if before.index < self.log.committed {
            let matched = self.log.committed;
            return self.hold(from, Said::Accepted { matched });
        }
        if self.log.term(before.index) != Some(before.term) {
            let hint = self.log.last_of_term(before.index, before.term);
            return self.send(from, Said::Rejected { before: before.index, hint });
        }
        let matched = before.index + entries.len() as u64;
        if let Some(index) = self.log.merge(entries) {
            self.forget_handed(index);
            self.removals.truncate(index);
        }
        self.commit_as_told(commit.min(matched));
        self.hold(from, Said::Accepted { matched });
    }

    /// The leader has everything up to `index` decided, and its own disk knows that as far as it has to.
    pub(super) fn commit_as_told(&mut self, index: u64) {
        self.heard_commit = self.heard_commit.max(index);
        self.log.commit_to(index);
    }

    /// A leader has sent a snapshot, which reaches to `position`; the file is durable. True: the state machine is to be
    /// restored from it at once, and the log goes on after it. False: it is of no use here.
    pub fn install(
        &mut self,
        from: u64,
        term: u64,
        position: Position,
        membership: Membership,
    ) -> bool {
        if term < self.term {
            self.send(from, Said::Outdated);
            return false;
        }
        if term > self.term {
            self.follow(term, from);
        }
        if !self.obey(from) {
            return false;
        }
        self.heard_commit = self.heard_commit.max(position.index);
        let is_known = self.log.term(position.index) == Some(position.term);
        if is_known && position.index > self.log.committed {
            // Everything is here; that it is committed is news.
            self.log.commit_to(position.index);
        }
        if is_known || position.index <= self.log.committed {
            let matched = self.log.committed;
            self.hold(from, Said::Accepted { matched });
            return false;
        }
        self.log.restore(position);
        self.forget_handed(position.index);
        self.restored = Some(position);
        self.membership = membership;
        self.removals = Range::default();
        self.hold(from, Said::Accepted { matched: position.index });
        true
    }
}

//! Members come and go, one at a time.
//!
//! A change is an entry like any other; it holds on each member from the moment that it is applied there. Two changes
//! are never on their way at once, and the first of a term waits until the leader has committed an entry of that term:
//! so any two majorities that can be asked at the same time share a voter.

use bytes::Bytes;

use crate::entry::Position;
use crate::error::NotTaken;
use crate::membership::Change;
use crate::progress::Progress;

use super::{Raft, Role};
use crate::broken::{Broken, is_broken};

impl Raft {
    /// Append a command that changes the membership: when it is given by [`Raft::take_committed`], the driver calls
    /// [`Raft::change`].
    ///
    /// # Errors
    /// It was not taken.
    pub fn propose_change(&mut self, payload: Bytes) -> Result<Position, NotTaken> {
        let is_applied = self.last_change <= self.log.applied;
        let is_possible = if is_broken(Broken::ChangeTooEarly) {
            is_applied || self.log.term(self.last_change) != Some(self.term)
        } else {
            is_applied && self.has_committed()
        };
        if self.role == Role::Leader && !is_possible {
            return Err(NotTaken::ChangePending);
        }
        let position = self.propose(payload)?;
        self.last_change = position.index;
        Ok(position)
    }

    /// The entry that makes this change has been applied.
    pub fn change(&mut self, change: Change) {
        self.membership.apply(change);
        if self.role != Role::Leader {
            return;
        }
        if !self.membership.is_voter(self.config.id) {
            // The others have been told that it is committed.
            return self.follow(self.term, 0);
        }
        // A majority has just acknowledged this. Whoever has come by it cannot have been heard yet.
        self.election_ticks = 0;
        if !self.membership.is_voter(self.successor) {
            self.successor = 0;
        }
        self.peers.retain(|&id, _| self.membership.contains(id));
        let next = self.log.last().index + 1;
        for id in self.membership.ids().filter(|&id| id != self.config.id) {
            self.peers.entry(id).or_insert_with(|| Progress::new(next));
        }
        // A smaller majority may have been reached already.
        self.advance_commit();
        self.answer_confirmed();
        self.send_appends();
    }
}

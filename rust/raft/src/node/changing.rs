//! Members come and go, one at a time.
//!
//! A change is an entry like any other; it holds on each member from the moment that it is applied there. Two changes
//! are never on their way at once, and the first of a term waits until the leader has committed an entry of that term:
//! so any two majorities that can be asked at the same time share a voter.

use bytes::Bytes;

use crate::entry::Position;
use crate::error::NotTaken;
use crate::membership::Change;
use crate::message::Said;
use crate::progress::Progress;

use super::withholding::Range;
use super::{Raft, Role};
use crate::broken::{Broken, is_broken};

impl Raft {
    /// Append a command that makes `change`: when it is given by [`Raft::take_committed`], the driver calls
    /// [`Raft::change`]. Whoever leads does not take itself out while another can lead: it hands over, and the proposal
    /// is made to the next one, which stays.
    ///
    /// # Errors
    /// It was not taken.
    pub fn propose_change(&mut self, payload: Bytes, change: Change) -> Result<Position, NotTaken> {
        let is_applied = self.last_change <= self.log.applied;
        let is_possible = if is_broken(Broken::ChangeTooEarly) {
            is_applied || self.log.term(self.last_change) != Some(self.term)
        } else {
            is_applied && self.has_committed()
        };
        if self.role == Role::Leader && !is_possible {
            return Err(NotTaken::ChangePending);
        }
        let is_own = change == Change::Remove(self.config.id);
        if self.role == Role::Leader && is_own && !self.other_voters().is_empty() {
            return Err(NotTaken::HandOverFirst);
        }
        let position = self.propose(payload)?;
        self.last_change = position.index;
        if matches!(change, Change::Remove(id) if self.membership.is_voter(id)) {
            self.removals = Range::new(position.index, position.index);
        }
        Ok(position)
    }

    /// The entry that makes this change has been applied.
    pub fn change(&mut self, change: Change) {
        let me = self.config.id;
        let has_voted = self.membership.is_voter(me);
        self.membership.apply(change);
        if change == Change::Remove(me) {
            self.left_at = Some(self.log.applied);
            self.is_out |= has_voted;
        } else if self.membership.contains(me) {
            (self.left_at, self.is_out) = (None, false);
        }
        if self.role != Role::Leader {
            return;
        }
        // A majority has just acknowledged this. Whoever has come by it cannot have been heard yet.
        self.election_ticks = 0;
        if !self.membership.is_voter(self.successor) {
            self.successor = 0;
        }
        if let Change::Remove(id) = change {
            self.say_farewell(id);
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
        self.pass_on();
    }

    /// One that is taken out hears it once, if nothing is lost.
    fn say_farewell(&mut self, id: u64) {
        let announced = self.announced();
        let round = self.reads.number();
        let Some(peer) = self.peers.get(&id) else { return };
        let matched = peer.matched;
        let may_append = self.log.term(peer.next - 1).is_some();
        if !may_append || !self.send_append(id) {
            self.send(id, Said::Heartbeat { commit: announced.min(matched), round });
        }
    }
}

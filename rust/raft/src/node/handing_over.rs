//! A leader gives its place to another member without waiting for an election timeout.

use crate::message::Said;

use super::{Raft, Role};

impl Raft {
    /// Hand leadership over to `successor` as soon as it has the whole log. No proposal is taken meanwhile. It ends
    /// with the term, or without success after an election timeout. False: there is nothing to hand over, or not to it.
    pub fn hand_over(&mut self, successor: u64) -> bool {
        let is_possible = self.role == Role::Leader
            && successor != self.config.id
            && self.membership.is_voter(successor);
        if is_possible {
            self.successor = successor;
            self.handing_over_ticks = 0;
            self.send_append(successor);
            self.hand_over_when_ready(successor);
        }
        is_possible
    }

    pub(super) fn hand_over_when_ready(&mut self, peer: u64) {
        let last = self.log.last().index;
        let is_ready = self.peers.get(&peer).is_some_and(|peer| peer.matched == last);
        if self.role == Role::Leader && self.successor == peer && is_ready {
            self.send(peer, Said::TimeoutNow);
        }
    }

    pub(super) fn campaign_as_successor(&mut self) {
        if self.role != Role::Leader && self.may_campaign() {
            self.stand(true);
        }
    }
}

//! What a member is at the moment, for those who look at it.

use std::cmp::Reverse;

use crate::entry::{Entry, HardState, Position};
use crate::membership::Membership;
use crate::progress::{Peer, PeerState, Progress};

use super::{Raft, Role};

impl Raft {
    /// Term, vote and commit index now.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.log.committed }
    }

    /// This member.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.config.id
    }

    /// What it is at the moment.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Who leads, as far as it knows; 0 = nobody.
    #[must_use]
    pub fn leader(&self) -> u64 {
        self.leader
    }

    /// Who belongs to the cluster, as of the applied entries.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// What a leader knows of a peer. None: this member does not lead, or that is no peer of it.
    #[must_use]
    pub fn peer(&self, id: u64) -> Option<Peer> {
        self.peers.get(&id).map(Progress::seen)
    }

    /// To whom a leader best hands over: of the other voters that were heard lately, the one that has most of the log;
    /// of several, one whose link has not broken.
    #[must_use]
    pub fn best_successor(&self) -> Option<u64> {
        let voters = self.membership.voters().iter().filter_map(|&id| Some((id, self.peer(id)?)));
        let heard = voters.filter(|(_, peer)| peer.is_heard);
        let rank = |peer: &Peer| (peer.matched, peer.state == PeerState::Replicate);
        heard.max_by_key(|(id, peer)| (rank(peer), Reverse(*id))).map(|(id, _)| id)
    }

    /// Whether nobody else belongs to the cluster.
    pub(super) fn is_alone(&self) -> bool {
        self.membership.ids().all(|id| id == self.config.id)
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Position {
        self.log.last()
    }

    /// The last entry that is not the no-op of a term, if it is still in memory.
    #[must_use]
    pub fn last_command(&self) -> Option<&Entry> {
        self.log.last_command()
    }

    /// The entry before the first one that is still in memory: a snapshot for a peer has to reach to it at least.
    #[must_use]
    pub fn before(&self) -> Position {
        self.log.before()
    }

    /// The last entry given by `take_committed`.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.log.applied
    }

    /// Up to which entry the log is durable.
    #[must_use]
    pub fn persisted_index(&self) -> u64 {
        self.log.persisted
    }

    /// Term of an entry that is still in memory, for a check from outside.
    #[must_use]
    pub fn term_of(&self, index: u64) -> Option<u64> {
        self.log.term(index)
    }
}

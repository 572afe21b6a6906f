//! A leader and its peers: entries go out, replies come in, the commit index moves.

use crate::entry::Position;
use crate::log::cost;
use crate::message::Said;
use crate::progress::{Progress, Sending};

use super::{Raft, Role};
use crate::broken::{Broken, is_broken};

impl Raft {
    /// Send everybody what they may be sent.
    pub(super) fn send_appends(&mut self) {
        let peers: Vec<u64> = self.peers.keys().copied().collect();
        peers.into_iter().for_each(|id| self.send_more(id));
    }

    /// Send one peer what it may be sent.
    fn send_more(&mut self, to: u64) {
        while self.peers.get(&to).is_some_and(|peer| peer.next <= self.log.last().index) {
            if !self.send_append(to) {
                break;
            }
        }
    }

    /// Send one append, with or without entries. Whether one was sent.
    pub(super) fn send_append(&mut self, to: u64) -> bool {
        let is_outsider = self.leads_as_outsider();
        let limits = &self.config.limits;
        let Some(peer) = self.peers.get_mut(&to) else { return false };
        if peer.is_paused(limits) {
            return false;
        }
        let before = peer.next - 1;
        let Some(term) = self.log.term(before) else {
            // Nobody makes a snapshot for a peer that is not there. Nor for one that would know of this leader's
            // removal by it and has no vote to remember that for.
            if peer.is_active && (!is_outsider || self.membership.is_voter(to)) {
                peer.snapshot(self.log.before().index);
                self.send(to, Said::NeedsSnapshot);
            }
            return false;
        };
        let entries = self.log.slice(peer.next, limits.append_bytes);
        let last = before + entries.len() as u64;
        peer.sent(last, entries.iter().map(cost).sum(), entries.is_empty());
        let before = Position { term, index: before };
        self.send(to, Said::Append { before, entries, commit: self.announced() });
        true
    }

    pub(super) fn send_heartbeats(&mut self) {
        let round = self.reads.number();
        let committed = self.announced();
        let peers: Vec<_> = self.peers.iter().map(|(&id, peer)| (id, peer.matched)).collect();
        for (to, matched) in peers {
            self.send(to, Said::Heartbeat { commit: committed.min(matched), round });
        }
    }

    pub(super) fn hear_accepted(&mut self, from: u64, matched: u64) {
        // A peer that has more than the leader is of another cluster, or has lost its mind: it is not believed.
        if self.role != Role::Leader || matched > self.log.last().index {
            return;
        }
        let (oldest, last) = (self.log.before().index, self.log.last().index);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.is_active = true;
        let was_paused = peer.is_paused(&self.config.limits);
        let is_news = peer.accepted(matched);
        match peer.sending {
            Sending::Probe { .. } => peer.replicate(),
            Sending::Snapshot { .. } if is_news && matched >= oldest => {
                peer.replicate();
                peer.catch_up(matched, last);
            }
            _ => {}
        }
        if !self.advance_commit() && was_paused {
            // It may be the commit index only that it does not know.
            self.send_append(from);
        }
        self.send_more(from);
        self.hand_over_when_ready(from);
    }

    pub(super) fn hear_rejected(&mut self, from: u64, before: u64, hint: Position) {
        if self.role != Role::Leader {
            return;
        }
        let meet = self.log.last_of_term(hint.index, hint.term).index;
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.is_active = true;
        if peer.rejected(before, meet) {
            self.send_append(from);
        }
    }

    pub(super) fn hear_heartbeat_reply(&mut self, from: u64, round: u64) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.heard(&self.config.limits);
        if peer.matched < self.log.last().index || matches!(peer.sending, Sending::Probe { .. }) {
            self.send_append(from);
        }
        self.confirm_reads(from, round);
    }

    /// The peer's link has broken: what was on its way may be lost.
    pub fn unreachable(&mut self, peer: u64) {
        if let Some(peer) = self.peers.get_mut(&peer)
            && peer.sending == Sending::Replicate
        {
            peer.probe(peer.matched + 1);
        }
    }

    /// The sending of a snapshot to a peer has ended; `reached`: up to which entry, if the peer has all of it.
    pub fn snapshot_ended(&mut self, peer: u64, reached: Option<u64>) {
        let last = self.log.last().index;
        let Some(progress) = self.peers.get_mut(&peer) else { return };
        if !matches!(progress.sending, Sending::Snapshot { .. }) {
            return;
        }
        progress.probe(reached.unwrap_or(0).max(progress.matched) + 1);
        if let Some(reached) = reached {
            progress.catch_up(reached, last);
        }
        // Its reply, or the next heartbeat's, goes on from there.
        progress.sending = Sending::Probe { waits: true };
    }

    /// Entries after this one stay in memory, for peers that are getting a snapshot or go on behind one.
    pub(super) fn pinned(&self) -> u64 {
        self.peers.values().filter_map(Progress::pinned).min().unwrap_or(u64::MAX)
    }

    /// An entry of the own term that a majority has makes everything before it committed too. Entries of older terms
    /// are never committed by counting (Raft paper, 5.4.2). Whether the commit index has moved; the peers are told, as
    /// soon as they may be.
    pub(super) fn advance_commit(&mut self) -> bool {
        if self.role != Role::Leader {
            return false;
        }
        let me = self.config.id;
        let reached = self.membership.reached_by_majority(|id| match self.peers.get(&id) {
            _ if id == me => self.log.persisted,
            Some(peer) => peer.matched,
            None => 0,
        });
        let is_own = self.log.term(reached) == Some(self.term);
        if reached <= self.log.committed || !(is_own || is_broken(Broken::OlderTermCommitted)) {
            return false;
        }
        self.commit_to(reached);
        self.ask_early_reads();
        if self.announced() < reached {
            self.has_withheld = true;
            return true;
        }
        for id in self.peers.keys().copied().collect::<Vec<_>>() {
            self.send_append(id);
        }
        true
    }

    /// Everything up to `index` is decided, and no longer counts as waiting for that.
    pub(super) fn commit_to(&mut self, index: u64) {
        let decided = self.log.cost_between(self.log.committed, index);
        self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(decided);
        self.log.commit_to(index);
    }
}

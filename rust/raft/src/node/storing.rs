//! What has to become durable, and what may be said once it is.

use bytes::Bytes;

use crate::entry::{Entry, HardState, Position};
use crate::log::cost;
use crate::message::{Message, Said};
use crate::ready::{Ready, Ticket};

use super::{Raft, Role};
use crate::broken::{Broken, is_broken};

#[derive(Debug)]
pub(super) struct Handed {
    ticket: Ticket,
    /// The last entry that is durable with it.
    last_index: u64,
    term: u64,
    vote: u64,
    commit: u64,
    restored: Option<Position>,
    messages: Vec<Message>,
}

impl Handed {
    fn add(&mut self, messages: Vec<Message>) {
        for message in messages {
            if !self.messages.contains(&message) {
                self.messages.push(message);
            }
        }
    }
}

/// What storage is told of a hard state.
fn told(state: HardState) -> HardState {
    if is_broken(Broken::VoteNotPersisted) { HardState { vote: 0, ..state } } else { state }
}

impl Raft {
    /// Whether [`Raft::ready`] has something that a promise depends on, or that another member waits for: an answer to
    /// a leader that repeats itself needs nothing new to be durable, and is given by it all the same.
    #[must_use]
    pub fn has_urgent(&self) -> bool {
        self.log.handed_out < self.log.last().index
            || !self.held.is_empty()
            || (self.told.term, self.told.vote) != (self.term, self.vote)
            || self.restored.is_some()
            || self.waits_for_commit()
    }

    /// Whether the commit index has moved since storage was told.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.told != self.hard_state()
    }

    /// What is to be made durable, if there is anything. A change of the commit index alone counts too.
    pub fn ready(&mut self) -> Option<Ready> {
        if self.role == Role::Leader {
            // Peers get the entries while the own disk does: the leader is only one of those that have to have them.
            self.send_appends();
        }
        let entries = self.log.hand_out(self.config.limits.ready_bytes);
        let commit = self.log.committed.min(self.log.handed_out);
        let hard_state = HardState { commit, ..self.hard_state() };
        let changed = hard_state != self.told;
        let restored = self.restored.take();
        let messages = self.release_held();
        let must_sync = !entries.is_empty()
            || restored.is_some()
            || self.waits_for_commit()
            || (self.told.term, self.told.vote) != (self.term, self.vote);
        // An answer is not worth a write of the commit index, which comes along with the next entries, or when it is
        // quiet.
        let is_patient = changed && !must_sync && messages.is_empty();
        if !must_sync && !is_patient {
            match self.handed.back_mut() {
                // A leader asks again and again while the disk is slow. One answer is enough.
                Some(last) => last.add(messages),
                None => self.outbox.extend(messages),
            }
            return None;
        }
        self.told = hard_state;
        self.ticket += 1;
        let ticket = Ticket(self.ticket);
        self.handed.push_back(Handed {
            ticket,
            last_index: self.log.handed_out,
            term: self.term,
            vote: self.vote,
            commit,
            restored,
            messages,
        });
        let mut hard_state = changed.then_some(told(hard_state));
        if let Some(Position { term, index }) = restored
            && is_broken(Broken::HardStateLost)
        {
            hard_state = Some(HardState { term, vote: 0, commit: index });
        }
        Some(Ready { ticket, restored, hard_state, entries, must_sync })
    }

    /// Those that speak of nothing beyond what has been handed out.
    fn release_held(&mut self) -> Vec<Message> {
        let handed_out = self.log.handed_out;
        let needs_more = |message: &mut Message| match message.said {
            Said::Accepted { matched } => matched > handed_out,
            _ => false,
        };
        let later: Vec<Message> = self.held.extract_if(.., needs_more).collect();
        std::mem::replace(&mut self.held, later)
    }

    /// Storage holds everything of the ready `ticket` and of those before it.
    pub fn persisted(&mut self, ticket: Ticket) {
        while self.handed.front().is_some_and(|handed| handed.ticket <= ticket) {
            let Some(handed) = self.handed.pop_front() else { break };
            self.log.persisted = self.log.persisted.max(handed.last_index);
            self.durable_commit = self.durable_commit.max(handed.commit);
            self.outbox.extend(handed.messages);
            let own_vote_counts = self.role == Role::Candidate
                && handed.term == self.term
                && handed.vote == self.config.id;
            if own_vote_counts {
                self.count(self.config.id, true);
            }
        }
        self.advance_commit();
    }

    /// The log after `index` is another now: what has been handed out of it does not count.
    pub(super) fn forget_handed(&mut self, index: u64) {
        for handed in &mut self.handed {
            handed.last_index = handed.last_index.min(index);
        }
    }

    /// Storage has refused everything that it has not acknowledged, without having touched it. It will be handed out
    /// again.
    pub fn hand_out_again(&mut self) {
        self.log.handed_out = self.log.persisted;
        // Storage may hold an older hard state than it was told.
        self.told = HardState::default();
        let mut messages = Vec::new();
        // The log goes on behind the last snapshot; one that has not been handed out yet is later than all that have.
        let mut restored = None;
        for handed in self.handed.drain(..) {
            restored = handed.restored.or(restored);
            messages.extend(handed.messages);
        }
        self.restored = self.restored.or(restored);
        messages.retain(|message| message.term >= self.term);
        messages.append(&mut self.held);
        self.held = messages;
    }

    /// Take back everything that storage has refused without touching it, with what came after it. Only the only member
    /// can: nobody else has those entries. Gives them, so that their proposers can be told.
    pub fn take_back(&mut self) -> Vec<Entry> {
        assert!(self.is_alone(), "other members may have what is taken back");
        self.hand_out_again();
        let removed = self.log.truncate(self.log.persisted);
        let bytes: usize = removed.iter().map(cost).sum();
        self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(bytes);
        if self.role == Role::Leader && self.log.last().term != self.term {
            // Without an entry of the own term nothing before it would ever be committed.
            self.append(Bytes::new());
        }
        removed
    }

    /// Commit every durable entry, of whatever term. Only for a sole voter whose storage takes nothing more, not even
    /// the first entry of its term: nobody can have decided otherwise, and what it had answered is to be seen.
    pub fn commit_persisted(&mut self) {
        self.commit_to(self.log.persisted);
    }
}

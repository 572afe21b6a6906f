//! One member's part in consensus.

use bytes::Bytes;

use crate::entry::{Entry, HardState, Position};
use crate::error::{NotLeader, Unusable};
use crate::log::Log;
use crate::ready::{Ready, Ticket};

/// Payload bytes that one [`Ready`] carries at most, unless a single entry is larger.
const READY_BYTES_MAX: usize = 8 << 20;

/// What a member is to its cluster at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes what a leader sends.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Appends.
    Leader,
}

/// See the crate's contract.
#[derive(Debug)]
pub struct Raft {
    id: u64,
    role: Role,
    term: u64,
    vote: u64,
    log: Log,
    /// What the last `Ready` told storage.
    told: HardState,
    sequence: u64,
    /// Readies that storage has not acknowledged yet: up to which entry each reaches, and its term and vote.
    unacknowledged: std::collections::VecDeque<Handed>,
}

#[derive(Clone, Copy, Debug)]
struct Handed {
    ticket: Ticket,
    last_index: u64,
    term: u64,
    vote: u64,
}

impl Raft {
    /// A member `id`, the only voter, as recovery found it: `applied` is where the state machine stands, `entries`
    /// follow it. It does not lead until it has [campaigned](Raft::campaign).
    ///
    /// # Errors
    /// What was found contradicts itself.
    pub fn new(
        id: u64,
        hard_state: HardState,
        applied: Position,
        entries: Vec<Entry>,
    ) -> Result<Self, Unusable> {
        let log = Log::new(applied, entries, hard_state.commit)?;
        let last = log.last();
        if last.term > hard_state.term {
            let Position { term, index } = last;
            return Err(Unusable::TermAhead { index, term, known: hard_state.term });
        }
        let told = HardState { commit: log.committed, ..hard_state };
        Ok(Self {
            id,
            role: Role::Follower,
            term: hard_state.term,
            vote: hard_state.vote,
            log,
            told,
            sequence: 0,
            unacknowledged: std::collections::VecDeque::new(),
        })
    }

    /// Begin a new term and vote for itself. The sole voter leads once that vote is durable.
    pub fn campaign(&mut self) {
        self.role = Role::Candidate;
        self.term += 1;
        self.vote = self.id;
    }

    /// Append a command. It is decided once [`Raft::take_committed`] gives it.
    ///
    /// # Errors
    /// This member does not lead.
    pub fn propose(&mut self, payload: Bytes) -> Result<Position, NotLeader> {
        debug_assert!(!payload.is_empty(), "an empty payload is the no-op of a term");
        if self.role != Role::Leader {
            return Err(NotLeader);
        }
        Ok(self.append(payload))
    }

    fn append(&mut self, payload: Bytes) -> Position {
        let position = Position { term: self.term, index: self.log.last().index + 1 };
        self.log.append(Entry { term: position.term, index: position.index, payload });
        position
    }

    /// Whether [`Raft::ready`] has something that a promise depends on.
    #[must_use]
    pub fn has_urgent(&self) -> bool {
        self.log.handed_out < self.log.last().index
            || (self.told.term, self.told.vote) != (self.term, self.vote)
    }

    /// Whether the commit index has moved since storage was told.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.told != self.hard_state()
    }

    /// What is to be made durable, if there is anything. A change of the commit index alone counts too.
    pub fn ready(&mut self) -> Option<Ready> {
        let hard_state = self.hard_state();
        let changed = hard_state != self.told;
        let entries = self.log.hand_out(READY_BYTES_MAX);
        if entries.is_empty() && !changed {
            return None;
        }
        let must_sync =
            !entries.is_empty() || (self.told.term, self.told.vote) != (self.term, self.vote);
        self.told = hard_state;
        self.sequence += 1;
        let ticket = Ticket(self.sequence);
        self.unacknowledged.push_back(Handed {
            ticket,
            last_index: self.log.handed_out,
            term: self.term,
            vote: self.vote,
        });
        Some(Ready { ticket, hard_state: changed.then_some(hard_state), entries, must_sync })
    }

    /// Storage holds everything of the ready `ticket` and of those before it.
    pub fn persisted(&mut self, ticket: Ticket) {
        while let Some(&handed) = self.unacknowledged.front() {
            if handed.ticket > ticket {
                break;
            }
            self.unacknowledged.pop_front();
            self.log.persisted =
                self.log.persisted.max(handed.last_index.min(self.log.last().index));
            let own_vote_counts =
                self.role == Role::Candidate && handed.term == self.term && handed.vote == self.id;
            if own_vote_counts {
                self.lead();
            }
        }
        self.advance_commit();
    }

    fn lead(&mut self) {
        self.role = Role::Leader;
        self.append(Bytes::new());
    }

    /// An entry of the own term that a majority has makes everything before it committed too. Entries of older terms
    /// are never committed by counting (Raft paper, 5.4.2).
    fn advance_commit(&mut self) {
        let majority = self.log.persisted;
        if self.role == Role::Leader
            && majority > self.log.committed
            && self.log.term(majority) == Some(self.term)
        {
            self.log.committed = majority;
        }
    }

    /// Take back everything that storage has refused without touching it, with what came after it. Only a sole voter
    /// can: nobody else has those entries. Gives them, so that their proposers can be told.
    pub fn take_back(&mut self) -> Vec<Entry> {
        self.unacknowledged.clear();
        let removed = self.log.truncate(self.log.persisted);
        // Storage may hold an older hard state than it was told.
        self.told = HardState::default();
        if self.role == Role::Leader && self.log.last().term != self.term {
            // Without an entry of the own term nothing before it would ever be committed.
            self.append(Bytes::new());
        }
        removed
    }

    /// Commit every durable entry, of whatever term. Only for a sole voter whose storage takes nothing more, not even
    /// the first entry of its term: nobody can have decided otherwise, and what it had answered is to be seen.
    pub fn commit_persisted(&mut self) {
        self.log.committed = self.log.committed.max(self.log.persisted);
    }

    /// Give every newly committed entry to `apply`, in order.
    pub fn take_committed(&mut self, apply: impl FnMut(Entry)) {
        self.log.take_committed(apply);
    }

    /// Term, vote and commit index now.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.log.committed }
    }

    /// This member.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What it is at the moment.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Position {
        self.log.last()
    }

    /// The last entry given by `take_committed`.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.log.applied()
    }
}

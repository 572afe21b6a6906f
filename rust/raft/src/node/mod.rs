//! One member's part in consensus.

mod changing;
mod electing;
mod following;
mod handing_over;
mod leading;
mod looking;
mod reading;
mod storing;
mod withholding;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::config::{Config, Recovered};
use crate::entry::{Entry, HardState, Position};
use crate::error::{NotTaken, Unusable};
use crate::log::{Log, cost};
use crate::lots::Lots;
use crate::membership::Membership;
use crate::message::{Message, Said};
use crate::progress::Progress;
use crate::reads::{Read, Reads};
use storing::Handed;
use withholding::Range;

/// What a member is to its cluster at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes what a leader sends.
    Follower,
    /// Asks whether it would be voted for.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Appends.
    Leader,
}

/// See the crate's contract.
#[derive(Debug)]
pub struct Raft {
    config: Config,
    membership: Membership,
    role: Role,
    term: u64,
    vote: u64,
    leader: u64,
    log: Log,

    /// What the last `Ready` told storage.
    told: HardState,
    ticket: u64,
    /// Readies that storage has not acknowledged yet, oldest first.
    handed: VecDeque<Handed>,
    /// A snapshot took the place of the log, and storage has not been told.
    restored: Option<Position>,
    /// Messages that are true only when what they speak of is durable, and has not been handed out.
    held: Vec<Message>,
    outbox: Vec<Message>,

    lots: Lots,
    /// Ticks since the last word from a leader, or since the leader last counted its followers.
    election_ticks: u32,
    heartbeat_ticks: u32,
    /// After how many ticks this member asks for votes.
    patience: u32,
    /// How often it still draws a short patience, because a leader is known to be gone.
    hurries: u8,
    votes: BTreeMap<u64, bool>,

    /// Of everybody else, while this member leads.
    peers: BTreeMap<u64, Progress>,
    /// Until this entry is applied no change of the membership is proposed.
    last_change: u64,
    /// Which of the entries may take out a voter.
    removals: Range,
    /// The commit index that storage has acknowledged.
    durable_commit: u64,
    /// The peers have not been told of the commit index, because not all that it covers may be said yet.
    has_withheld: bool,
    /// The greatest commit index that another member has told.
    heard_commit: u64,
    /// This member has been taken out, by an entry up to here.
    left_at: Option<u64>,
    /// It has been taken out, and voted before.
    is_out: bool,
    uncommitted_bytes: usize,
    /// To whom leadership is being handed over; 0 = nobody.
    successor: u64,
    /// Ticks since that was begun.
    handing_over_ticks: u32,
    reads: Reads,
    answered: Vec<Read>,
}

impl Raft {
    /// A member as recovery found it: a follower that knows no leader.
    ///
    /// # Errors
    /// What was found contradicts itself.
    pub fn new(config: Config, recovered: Recovered) -> Result<Self, Unusable> {
        let HardState { term, vote, .. } = recovered.hard_state;
        let membership = recovered.membership.clone();
        let log = Log::new(recovered)?;
        let mut made = Self {
            lots: Lots::new(config.seed),
            config,
            membership,
            role: Role::Follower,
            term,
            vote,
            leader: 0,
            told: HardState { term, vote, commit: log.committed },
            log,
            ticket: 0,
            handed: VecDeque::new(),
            restored: None,
            held: Vec::new(),
            outbox: Vec::new(),
            election_ticks: 0,
            heartbeat_ticks: 0,
            patience: 0,
            hurries: 0,
            votes: BTreeMap::new(),
            peers: BTreeMap::new(),
            last_change: 0,
            removals: Range::default(),
            durable_commit: 0,
            has_withheld: false,
            heard_commit: 0,
            left_at: None,
            is_out: false,
            uncommitted_bytes: 0,
            successor: 0,
            handing_over_ticks: 0,
            reads: Reads::default(),
            answered: Vec::new(),
        };
        made.durable_commit = made.log.committed;
        // Behind a snapshot; who is new has none before it belongs to the cluster.
        made.is_out = made.log.applied > 0 && !made.membership.contains(made.config.id);
        made.draw_patience();
        Ok(made)
    }

    /// Append a command. It is decided once [`Raft::take_committed`] gives it, here or elsewhere; that it was taken
    /// is no promise.
    ///
    /// # Errors
    /// It was not taken.
    pub fn propose(&mut self, payload: Bytes) -> Result<Position, NotTaken> {
        debug_assert!(!payload.is_empty(), "an empty payload is the no-op of a term");
        if self.role != Role::Leader {
            return Err(NotTaken::NotLeader);
        }
        if self.successor != 0 || self.leads_as_outsider() {
            return Err(NotTaken::HandingOver);
        }
        let is_first = self.uncommitted_bytes == 0;
        if !is_first
            && self.uncommitted_bytes + payload.len() > self.config.limits.uncommitted_bytes
        {
            return Err(NotTaken::Full);
        }
        Ok(self.append(payload))
    }

    fn append(&mut self, payload: Bytes) -> Position {
        let entry = Entry { term: self.term, index: self.log.last().index + 1, payload };
        let position = entry.position();
        self.uncommitted_bytes += cost(&entry);
        self.log.append(entry);
        position
    }

    /// Take a message from another member.
    pub fn step(&mut self, message: Message) {
        let Message { from, term, .. } = message;
        if term > self.term {
            match &message.said {
                // Its term has not begun.
                Said::PreVote { .. } | Said::PreVoteReply { granted: true } => {}
                Said::Vote { is_transfer: false, .. } if self.has_leader() => return,
                Said::Append { .. } | Said::Heartbeat { .. } => self.follow(term, from),
                _ => self.follow(term, 0),
            }
            if matches!(message.said, Said::PreVote { .. }) && self.has_leader() {
                return;
            }
        } else if term < self.term {
            self.refuse_outdated(&message);
            return;
        }
        self.act(message);
    }

    /// Whoever is behind has to hear of the term, or a member that was cut off for a while could never come back:
    /// with a higher term it would ignore the leader, and its questions would be ignored as long as there is one.
    fn refuse_outdated(&mut self, message: &Message) {
        match message.said {
            Said::Append { .. } | Said::Heartbeat { .. } => self.send(message.from, Said::Outdated),
            Said::PreVote { .. } => self.send(message.from, Said::PreVoteReply { granted: false }),
            _ => {}
        }
    }

    fn act(&mut self, message: Message) {
        let Message { from, term, said, .. } = message;
        match said {
            Said::PreVote { last } => self.answer_pre_vote(from, term, last),
            Said::Vote { last, .. } => self.answer_vote(from, last),
            Said::PreVoteReply { granted } if self.role == Role::PreCandidate => {
                // A yes to an earlier question is none to this one.
                if !granted || term == self.term + 1 {
                    self.count(from, granted);
                }
            }
            Said::VoteReply { granted } if self.role == Role::Candidate => {
                self.count(from, granted)
            }
            Said::Append { before, entries, commit } => {
                if self.obey(from) {
                    self.take_entries(from, before, entries, commit);
                }
            }
            Said::Heartbeat { commit, round } => {
                if self.obey(from) {
                    // Only what the leader knows to be the same here.
                    self.commit_as_told(commit.min(self.log.last().index));
                    self.send(from, Said::HeartbeatReply { round });
                }
            }
            Said::Accepted { matched } => self.hear_accepted(from, matched),
            Said::Rejected { before, hint } => self.hear_rejected(from, before, hint),
            Said::HeartbeatReply { round } => self.hear_heartbeat_reply(from, round),
            Said::Read { id } => self.read_for(from, id),
            Said::ReadReply { id, index } => self.answered.push(Read::Ready { id, index }),
            Said::TimeoutNow => self.campaign_as_successor(),
            Said::NeedsSnapshot
            | Said::Outdated
            | Said::PreVoteReply { .. }
            | Said::VoteReply { .. } => {}
        }
    }

    /// Send at once.
    fn send(&mut self, to: u64, said: Said) {
        self.outbox.push(self.message(to, said));
    }

    /// Send once everything that has been decided so far is durable.
    fn hold(&mut self, to: u64, said: Said) {
        let message = self.message(to, said);
        self.held.push(message);
    }

    fn message(&self, to: u64, said: Said) -> Message {
        Message { from: self.config.id, to, term: self.term, said }
    }

    /// Messages that may be sent now, in order. See the crate's duties for [`Said::NeedsSnapshot`].
    pub fn take_messages(&mut self) -> Vec<Message> {
        self.tell_withheld();
        self.send_round();
        std::mem::take(&mut self.outbox)
    }

    /// Give every newly committed entry to `apply`, in order. What may take out a voter, and everything after it, waits
    /// until the commit index that covers it is durable.
    pub fn take_committed(&mut self, apply: impl FnMut(Entry)) {
        self.log.take_committed(self.applicable(), apply);
        let kept_bytes = if self.is_alone() { 0 } else { self.config.limits.kept_bytes };
        self.log.trim(kept_bytes, self.pinned());
    }
}

//! Time, votes, and how a member comes to lead or to follow.

use crate::config::Config;
use crate::entry::Position;
use crate::message::{Message, Said};
use crate::progress::Progress;
use crate::reads::Read;

use super::withholding::Range;
use super::{Raft, Role};

/// How often a member asks for votes at short intervals when a leader is gone: two may have asked at the same time.
const HURRIES: u8 = 8;

impl Raft {
    /// One unit of time has passed.
    pub fn tick(&mut self) {
        self.election_ticks += 1;
        if self.role == Role::Leader {
            self.tick_as_leader();
        } else if self.election_ticks >= self.patience {
            if self.may_campaign() {
                self.ask_for_votes();
            } else {
                // It cannot ask, but it no longer stands by a leader that is silent: its vote may be needed.
                self.follow(self.term, 0);
            }
        }
    }

    /// How many ticks may pass before [`Raft::tick`] does anything: that many minus one change nothing but the
    /// counting, as long as nothing else is put in. `u32::MAX` = none would ever do anything, as for a leader without
    /// peers. Who sleeps so long still has to count the ticks that have passed, before it puts in anything else.
    #[must_use]
    pub fn idle_ticks(&self) -> u32 {
        let left = match self.role {
            Role::Leader if self.peers.is_empty() => return u32::MAX,
            Role::Leader => self.ticks_to_lead(),
            _ if !self.can_lose_patience() => return u32::MAX,
            _ => self.patience.saturating_sub(self.election_ticks),
        };
        left.max(1)
    }

    fn ticks_to_lead(&self) -> u32 {
        let Config { election_ticks, heartbeat_ticks, .. } = self.config;
        let heartbeat = heartbeat_ticks.saturating_sub(self.heartbeat_ticks);
        let count = election_ticks.saturating_sub(self.election_ticks);
        let handing_over = if self.successor == 0 {
            u32::MAX
        } else {
            election_ticks.saturating_sub(self.handing_over_ticks)
        };
        if self.leads_as_outsider() && self.successor == 0 {
            return 1;
        }
        heartbeat.min(count).min(handing_over)
    }

    /// Whether something happens when the patience of a member that does not lead is over.
    fn can_lose_patience(&self) -> bool {
        if self.may_campaign() {
            // A candidate that is alone waits for its disk only.
            self.role != Role::Candidate || !self.membership.is_sole_voter(self.config.id)
        } else {
            self.role != Role::Follower || self.leader != 0
        }
    }

    fn tick_as_leader(&mut self) {
        if self.election_ticks >= self.config.election_ticks {
            self.election_ticks = 0;
            if !self.is_followed() {
                self.follow(self.term, 0);
                return;
            }
        }
        if self.successor != 0 {
            self.handing_over_ticks += 1;
            if self.handing_over_ticks >= self.config.election_ticks {
                // A successor that has not taken over by now does not.
                self.successor = 0;
            }
        }
        self.pass_on();
        self.heartbeat_ticks += 1;
        if self.heartbeat_ticks >= self.config.heartbeat_ticks {
            self.heartbeat_ticks = 0;
            self.send_heartbeats();
        }
    }

    /// Whether a majority has been heard since this was last asked.
    fn is_followed(&mut self) -> bool {
        let me = self.config.id;
        let active: Vec<u64> = self
            .peers
            .iter_mut()
            .filter_map(|(&id, peer)| peer.take_activity().then_some(id))
            .collect();
        let heard = |id: &&u64| **id == me || active.contains(id);
        let heard = self.membership.voters().iter().filter(heard).count();
        heard >= self.membership.majority()
    }

    pub(super) fn draw_patience(&mut self) {
        let Config { election_ticks, .. } = self.config;
        self.patience = if self.hurries > 0 {
            self.hurries -= 1;
            1 + self.lots.below((election_ticks / 4).max(1))
        } else {
            election_ticks + self.lots.below(election_ticks)
        };
    }

    /// Whether a leader has spoken so lately that nobody has a reason to vote for another.
    pub(super) fn has_leader(&self) -> bool {
        self.leader != 0 && self.election_ticks < self.config.election_ticks
    }

    /// Ask for votes now, without waiting for the time to pass: at the start of a sole voter, or when told to. A member
    /// with committed entries that it has not applied does nothing.
    pub fn campaign(&mut self) {
        if self.role != Role::Leader {
            self.ask_for_votes();
        }
    }

    /// The leader's process is gone, as far as the driver can see: nobody listens where it did. A follower of it no
    /// longer stands by it, and asks for votes before long, after a short time drawn by lot that others do not share.
    /// If that was wrong, the leader's next word is obeyed as ever.
    pub fn suspect_leader(&mut self, leader: u64) {
        if self.role != Role::Follower || self.leader != leader || leader == 0 {
            return;
        }
        self.hurries = HURRIES;
        self.follow(self.term, 0);
    }

    /// A member with committed entries that it has not applied does not know who votes.
    pub(super) fn may_campaign(&self) -> bool {
        let is_needed = self.is_out && !self.may_leave();
        let may = self.membership.is_voter(self.config.id) || is_needed;
        may && self.log.applied >= self.log.committed
    }

    fn ask_for_votes(&mut self) {
        if !self.may_campaign() {
            return;
        }
        if self.membership.is_sole_voter(self.config.id) {
            // A candidate that is alone waits for its disk only. Another term would make it wait anew.
            if self.role != Role::Candidate {
                self.stand(false);
            }
            return;
        }
        self.change_role(Role::PreCandidate, 0);
        let last = self.log.last();
        let term = self.term + 1;
        if self.membership.is_voter(self.config.id) {
            self.votes.insert(self.config.id, true);
        }
        for to in self.other_voters() {
            let message = Message { term, ..self.message(to, Said::PreVote { last }) };
            self.outbox.push(message);
        }
    }

    /// Begin a term and ask for votes in it. The own vote counts, and the others are asked, once it is durable.
    pub(super) fn stand(&mut self, is_transfer: bool) {
        self.change_role(Role::Candidate, 0);
        self.begin_term(self.term + 1);
        self.vote = self.config.id;
        let last = self.log.last();
        for to in self.other_voters() {
            self.hold(to, Said::Vote { last, is_transfer });
        }
    }

    pub(super) fn other_voters(&self) -> Vec<u64> {
        let voters = self.membership.voters().iter();
        voters.copied().filter(|&id| id != self.config.id).collect()
    }

    /// Give up every role: follow `leader` (0 = whoever comes) in `term`.
    pub(super) fn follow(&mut self, term: u64, leader: u64) {
        if term > self.term {
            self.begin_term(term);
        }
        self.change_role(Role::Follower, leader);
    }

    fn begin_term(&mut self, term: u64) {
        self.term = term;
        self.vote = 0;
        // They speak of a term that is over, and of entries that may be replaced before they are durable.
        self.held.clear();
    }

    fn change_role(&mut self, role: Role, leader: u64) {
        self.role = role;
        if leader != 0 {
            self.hurries = 0;
        }
        self.leader = leader;
        self.election_ticks = 0;
        self.heartbeat_ticks = 0;
        self.draw_patience();
        self.votes.clear();
        self.peers.clear();
        self.successor = 0;
        self.has_withheld = false;
        self.uncommitted_bytes = 0;
        let me = self.config.id;
        let lost = self.reads.take_all().into_iter().filter(|asked| asked.by == me);
        self.answered.extend(lost.map(|asked| Read::Lost { id: asked.id }));
    }

    pub(super) fn answer_pre_vote(&mut self, from: u64, term: u64, last: Position) {
        let is_possible = term > self.term || self.could_vote_for(from);
        let granted = is_possible && last >= self.log.last();
        // The yes names the term asked for, the no the own, so that the other learns of it.
        let term = if granted { term } else { self.term };
        let message = Message { term, ..self.message(from, Said::PreVoteReply { granted }) };
        self.outbox.push(message);
    }

    pub(super) fn answer_vote(&mut self, from: u64, last: Position) {
        let granted = self.could_vote_for(from) && last >= self.log.last();
        if granted {
            self.election_ticks = 0;
            self.vote = from;
        }
        self.hold(from, Said::VoteReply { granted });
    }

    fn could_vote_for(&self, candidate: u64) -> bool {
        self.vote == candidate || (self.vote == 0 && self.leader == 0)
    }

    /// A voter has said yes or no. The first word counts.
    pub(super) fn count(&mut self, from: u64, granted: bool) {
        if self.membership.is_voter(from) {
            self.votes.entry(from).or_insert(granted);
        }
        let counted = |what: bool| self.votes.values().filter(|&&vote| vote == what).count();
        let majority = self.membership.majority();
        if counted(true) >= majority {
            match self.role {
                Role::PreCandidate => self.stand(false),
                _ => self.lead(),
            }
        } else if counted(false) > self.membership.voters().len() - majority {
            self.follow(self.term, 0);
        }
    }

    fn lead(&mut self) {
        self.change_role(Role::Leader, self.config.id);
        let next = self.log.last().index + 1;
        let others = self.membership.ids().filter(|&id| id != self.config.id);
        self.peers = others.map(|id| (id, Progress::new(next))).collect();
        // What earlier leaders have left may hold a change, which is not done before it is applied.
        self.last_change = self.log.last().index;
        self.removals = Range::new(self.log.committed + 1, self.last_change);
        self.uncommitted_bytes = self.log.cost_between(self.log.committed, self.last_change);
        self.append(bytes::Bytes::new());
        self.send_appends();
    }
}

//! What comes from other members, what goes to them, and the passing of time between them.

use coreos_raft::{Message, Position, Role, Said};
use coreos_store::{Command, Members};

use super::{Outgoing, Replica};
use crate::clock::Now;
use crate::peers::{Content, Frame};

/// Ticks between two heartbeats.
pub const HEARTBEAT_TICKS: u32 = 5;

/// How fast things go in the cluster, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two ticks of consensus: [`HEARTBEAT_TICKS`] are a heartbeat.
    pub tick_ns: u64,
    /// Without a word from the leader for this long, a member asks for votes.
    pub election_ns: u64,
    /// After this long, nobody waits for a proposal or a read any more.
    pub give_up_ns: u64,
    /// Between two comparisons of the members' stores.
    pub digest_ns: u64,
}

/// What a client waits for an answer when nothing is wrong, without two elections.
const REQUEST_NS: u64 = 5_000_000_000;
/// A digest looks at every key.
const DIGEST_NS: u64 = 600_000_000_000;

impl Pace {
    /// From the intervals that a member is given.
    #[must_use]
    pub fn new(heartbeat_ms: u64, election_ms: u64) -> Self {
        let election_ns = election_ms.saturating_mul(1_000_000);
        Self {
            tick_ns: heartbeat_ms.saturating_mul(1_000_000) / u64::from(HEARTBEAT_TICKS),
            election_ns,
            give_up_ns: REQUEST_NS + 2 * election_ns,
            digest_ns: DIGEST_NS,
        }
    }

    /// In ticks, for consensus.
    #[must_use]
    pub fn election_ticks(&self) -> u32 {
        u32::try_from(self.election_ns.div_ceil(self.tick_ns.max(1))).unwrap_or(u32::MAX / 2)
    }
}

/// More than any patience, so that nobody counts what does not count.
const TICKS_MAX: u64 = 10_000;

impl Replica {
    /// Take what another member has sent.
    pub fn receive(&mut self, now: Now, from: u64, frame: Frame) {
        self.raft_ticks(now);
        let Frame { time_ns, contents } = frame;
        for content in contents {
            match content {
                Content::Raft(message) => {
                    self.statistics.received(now, &message);
                    self.raft.step(message);
                }
                Content::Forward(payloads) => {
                    // Leading may have begun with what came before it.
                    self.notice_leader(now);
                    self.take_forwarded(now, from, &payloads);
                }
                Content::Refused { sequence, why } => self.hear_refused(from, sequence, why),
                Content::NotLeading { sequences } => self.hear_not_leading(now, &sequences),
                Content::Digest { index, digest } => self.hear_digest(from, index, digest),
            }
        }
        if time_ns != 0 && self.raft.leader() == from {
            self.hear_time(now, time_ns);
        }
        self.pump(now);
    }

    /// The leader's clock shows `time_ns`.
    fn hear_time(&mut self, now: Now, time_ns: u64) {
        let term = self.raft.hard_state().term;
        // Another leader may have gone on from less than the one before had reached without telling anybody.
        if term != self.heard_term || time_ns >= self.heard_ns {
            let is_late = term == self.heard_term && time_ns <= self.clock.at(now);
            (self.heard_term, self.heard_ns) = (term, time_ns);
            if !is_late {
                self.clock.follow(time_ns, now, self.pace.election_ns);
                self.timing.goes_on_from(time_ns);
            }
        }
    }

    /// Somebody who led in `term` showed `time_ns`. What a later leader has shown counts more.
    fn hear_stamp(&mut self, term: u64, time_ns: u64) {
        if (term, time_ns) > (self.heard_term, self.heard_ns) {
            (self.heard_term, self.heard_ns) = (term, time_ns);
        }
    }

    /// This member is about to lead with the log that it has: cluster time goes on from what was heard of it last, and
    /// never from less than is on an entry. What those who led before have written to logs that have not been decided
    /// counts for nothing.
    fn hear_own_log(&mut self) {
        let last = self.raft.last_command();
        let stamped = last.and_then(|entry| Some((entry.term, Command::time_of(&entry.payload)?)));
        if let Some((term, time_ns)) = stamped {
            self.hear_stamp(term, time_ns);
            self.heard_ns = self.heard_ns.max(time_ns);
        }
        self.heard_ns = self.heard_ns.max(self.stored_ns);
    }

    /// Let consensus time pass: as many ticks as have become due since the last call. But of a pause that is longer
    /// than [`Replica::raft_idle_ns`] allowed, the process did not know: most of it does not count, so that what has
    /// arrived meanwhile is heard first.
    pub fn raft_ticks(&mut self, now: Now) {
        let due = now.mono_ns.saturating_sub(self.ticked_mono_ns) / self.pace.tick_ns.max(1);
        if due == 0 {
            return;
        }
        let most = u64::from(self.raft.idle_ticks()) + u64::from(HEARTBEAT_TICKS);
        if due > most {
            self.ticked_mono_ns = now.mono_ns;
        } else {
            self.ticked_mono_ns += due * self.pace.tick_ns;
        }
        // One that is alone, or has nobody to ask, may have slept for ever: its ticks do nothing.
        for _ in 0..due.min(most).min(TICKS_MAX) {
            self.raft.tick();
        }
        self.pump(now);
    }

    /// How long nothing of consensus is to be done, in nanoseconds.
    #[must_use]
    pub fn raft_idle_ns(&self, now: Now) -> u64 {
        let idle = u64::from(self.raft.idle_ticks()).saturating_add(1);
        let until = self.ticked_mono_ns.saturating_add(idle.saturating_mul(self.pace.tick_ns));
        until.saturating_sub(now.mono_ns)
    }

    /// A link to or from this member has broken: what was on its way may be lost.
    pub fn unreachable(&mut self, now: Now, peer: u64) {
        self.raft.unreachable(peer);
        self.statistics.lost(peer);
        if self.raft.leader() == peer {
            self.pending.all_unsent();
        }
        self.pump(now);
    }

    /// Nobody listens at this member's address: its process has ended.
    pub fn gone(&mut self, now: Now, peer: u64) {
        // What has passed before counts for nothing in what is drawn by lot now.
        self.raft_ticks(now);
        self.raft.suspect_leader(peer);
        self.unreachable(now, peer);
    }

    /// A link to or from this member stands. `version`: the newest commands that it knows.
    pub fn connected(&mut self, now: Now, peer: u64, version: String) {
        self.versions.insert(peer, version);
        if self.raft.leader() == peer {
            // What was sent since the link broke has found none. What has arrived all the same is applied once.
            self.pending.all_unsent();
        }
        self.pump(now);
    }

    /// The sending of a snapshot has ended; `reached`: up to which entry, if the other has all of it.
    pub fn snapshot_ended(&mut self, now: Now, peer: u64, reached: Option<u64>) {
        self.raft.snapshot_ended(peer, reached);
        self.pump(now);
    }

    /// The leader's snapshot is durable here, as of `position`; the cluster time of the last command in it is
    /// `time_ns`. True: the store is to be restored from it, at once and before anything else is applied, and those who
    /// wait are to be answered from its window ([`Replica::settle`]). False: it is of no use any more, or whoever sent
    /// it does not lead any more.
    pub fn install(
        &mut self,
        now: Now,
        from: u64,
        position: Position,
        time_ns: u64,
        members: Members,
        cluster_version: Option<&str>,
    ) -> bool {
        if self.raft.leader() != from {
            return false;
        }
        let term = self.raft.hard_state().term;
        let restores = self.raft.install(from, term, position, crate::membership::of(&members));
        if restores {
            debug_assert!(self.decided.is_empty(), "what was decided before is applied before");
            self.stored_ns = time_ns;
            self.hear_stamp(position.term, time_ns);
            self.members = members;
            self.cluster_version = cluster_version.map(str::to_owned);
            self.members_revision += 1;
        }
        self.pump(now);
        restores
    }

    /// After a number of proposals or reads.
    pub fn flush(&mut self, now: Now) {
        self.pump(now);
    }

    /// After every step: what has been decided, who has been answered, who is to be told.
    pub(super) fn pump(&mut self, now: Now) {
        self.notice_leader(now);
        self.send_pending(now);
        self.pump_reads(now);
        self.collect_decided();
        for message in self.raft.take_messages() {
            if message.said == Said::NeedsSnapshot {
                self.snapshots_wanted.push(message.to);
            } else {
                self.statistics.sent(now, &message);
                self.tell(message.to, Content::Raft(message));
            }
        }
    }

    /// Whoever begins to lead goes on with the time that was heard last, so that times to live are not shortened by
    /// the time without a leader; and everybody's proposals go to the new leader.
    fn notice_leader(&mut self, now: Now) {
        let LeaderSeen { term, leader, .. } = self.seen;
        let present = LeaderSeen {
            term: self.raft.hard_state().term,
            leader: self.raft.leader(),
            leads: self.raft.role() == Role::Leader,
        };
        if present == self.seen {
            return;
        }
        if (self.seen.leads || present.leads) && present != self.seen {
            self.appended.clear();
        }
        if self.seen.leads && !present.leads {
            // Others may have heard of it up to now, and entries have no later time.
            let time_ns = self.clock.at(now);
            self.hear_stamp(term, time_ns);
            self.clock.follow(time_ns, now, 0);
        }
        if present.leads && !self.seen.leads {
            self.hear_own_log();
            if self.heard_ns == 0 {
                // The first leader of a new cluster.
                self.heard_ns = now.wall_ns;
            }
            self.clock.run_from(self.heard_ns, now);
            self.timing.lead(self.heard_ns);
            self.timing.goes_on_from(self.heard_ns);
            let others = self.raft.membership().ids().filter(|&id| id != self.id);
            self.statistics.lead(others);
        }
        if present.leader != 0 && (present.leader, present.term) != (leader, term) {
            self.pending.all_unsent();
            self.send_mono_ns = 0;
            (self.leader_since_wall_ns, self.leader_since_mono_ns) = (now.wall_ns, now.mono_ns);
        }
        self.seen = present;
    }

    /// What is to be sent now, by receiver.
    pub fn take_outgoing(&mut self, now: Now) -> Vec<Outgoing> {
        let leads = self.leads();
        let clock_ns = self.clock.at(now);
        // Entries never go without the time, or whoever leads with them would go on from less than is on them.
        let is_append = |content: &Content| {
            matches!(content, Content::Raft(Message { said: Said::Append { .. }, .. }))
        };
        let outbox = std::mem::take(&mut self.outbox);
        let frames = outbox.into_iter().map(|(to, contents)| {
            let tells_time = leads || contents.iter().any(is_append);
            let time_ns = if tells_time { clock_ns } else { 0 };
            let frame = Frame { time_ns, contents };
            Outgoing::Frame { to, frame }
        });
        let wanted = std::mem::take(&mut self.snapshots_wanted);
        frames.chain(wanted.into_iter().map(|to| Outgoing::Snapshot { to })).collect()
    }
}

/// Who leads, as of the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeaderSeen {
    pub term: u64,
    pub leader: u64,
    pub leads: bool,
}

//! One member's decisions as a step function: proposals, messages and the passing of time go in; what has to be made
//! durable, what is to be sent and what has been decided comes out. It knows no thread, no clock, no disk and no
//! socket.
//!
//! The driver's round:
//! 1. [`Replica::propose`], [`Replica::read`], [`Replica::receive`], [`Replica::tick`] and [`Replica::raft_ticks`], as
//!    things happen;
//! 2. after each of them: send what [`Replica::take_outgoing`] gives, apply what [`Replica::take_decided`] gives, in
//!    order, and answer what [`Replica::take_answers`] gives; after a [`Body::Noop`], the store's digest
//!    ([`News::Digest`]);
//! 3. [`Replica::fill`] a batch; send what there is to be sent; write and sync the batch;
//! 4. [`Replica::written`], or [`Replica::refused`] if the disk was full and nothing was written. A failed write or
//!    sync is the end: [`Replica::poison`].

mod appended;
mod deciding;
mod digests;
mod membership;
mod outcome;
mod pending;
mod proposing;
mod reading;
mod receiving;
mod statistics;
mod timing;
mod upkeep;
mod writing;

use std::collections::{BTreeMap, VecDeque};

use coreos_raft::{Entry, Raft, Role};
use coreos_store::{Body, Members};

use crate::chores::News;
use crate::clock::{ClusterClock, Now};
use crate::peers::Content;
use appended::Appended;
pub use digests::Digest;
use digests::Digests;
pub use outcome::{Answer, Decided, Note, Outgoing, TakenBack, Writing};
use pending::Pending;
use proposing::Encoder;
pub use proposing::PROPOSAL_BYTES_MAX;
use reading::Reads;
use receiving::LeaderSeen;
pub use receiving::{HEARTBEAT_TICKS, Pace};
pub use statistics::{FollowerStats, Latency, Statistics, Traffic};
use timing::Timing;
pub use upkeep::Seen;

/// What a replica begins with.
pub struct Beginning {
    /// Its log core.
    pub raft: Raft,
    /// Cluster time.
    pub clock: ClusterClock,
    /// The greatest cluster time that it knows of; 0 = the cluster has not begun.
    pub heard_ns: u64,
    /// How often the member has been started.
    pub incarnation: u64,
    /// Records that are to be written first.
    pub notes: Vec<Note>,
    /// The members, as of the applied entries.
    pub members: Members,
    /// What all of them speak, as of there.
    pub cluster_version: Option<String>,
    /// How fast things go.
    pub pace: Pace,
    /// Keep the machine keys of 0.4.
    pub shows_machine_keys: bool,
    /// The newest version whose commands it knows.
    pub speaks: String,
}

/// See the module.
pub struct Replica {
    id: u64,
    raft: Raft,
    pace: Pace,

    clock: ClusterClock,
    timing: Timing,
    /// The greatest time heard from a leader, or given by this one, and in which term.
    heard_ns: u64,
    heard_term: u64,
    /// The time of the last command in the snapshot that the log begins with.
    stored_ns: u64,
    ticked_mono_ns: u64,
    seen: LeaderSeen,
    leader_since_wall_ns: u64,
    leader_since_mono_ns: u64,

    incarnation: u64,
    sequence: u64,
    encoder: Encoder,
    appended: Appended,
    pending: Pending,
    /// Proposals are not sent again before this.
    send_mono_ns: u64,
    reads: Reads,
    /// What the member has to say about itself as soon as it can.
    introduction: VecDeque<Body>,

    /// The members as of the entries decided.
    members: Members,
    members_revision: u64,
    cluster_version: Option<String>,
    /// What each of the others knows.
    versions: BTreeMap<u64, String>,
    speaks: String,
    shows_machine_keys: bool,
    is_told_removed: bool,
    has_told_removal: bool,

    notes: Vec<Note>,
    committed: Vec<Entry>,
    decided: VecDeque<Decided>,
    answers: Vec<Answer>,
    outbox: BTreeMap<u64, Vec<Content>>,
    snapshots_wanted: Vec<u64>,
    digests: Digests,
    statistics: Statistics,
    lines: Vec<String>,

    read_only: Option<String>,
    log_is_full: bool,
    poisoned: Option<String>,
    stopping: bool,
}

impl Replica {
    /// A replica that has just been started, at `now`.
    #[must_use]
    pub fn new(beginning: Beginning, now: Now) -> Self {
        let Beginning { raft, clock, heard_ns, incarnation, notes, members, pace, .. } = beginning;
        // What has been recovered is what was known when the last entry was.
        let heard_term = raft.last().term;
        Self {
            id: raft.id(),
            raft,
            pace,
            clock,
            timing: Timing::new(heard_ns),
            heard_ns,
            heard_term,
            stored_ns: 0,
            ticked_mono_ns: now.mono_ns,
            seen: LeaderSeen::default(),
            leader_since_wall_ns: 0,
            leader_since_mono_ns: 0,
            incarnation,
            sequence: 0,
            encoder: Encoder::default(),
            appended: Appended::default(),
            pending: Pending::default(),
            send_mono_ns: 0,
            reads: Reads::default(),
            introduction: VecDeque::new(),
            members,
            members_revision: 0,
            cluster_version: beginning.cluster_version,
            versions: BTreeMap::new(),
            speaks: beginning.speaks,
            shows_machine_keys: beginning.shows_machine_keys,
            is_told_removed: false,
            has_told_removal: false,
            notes,
            committed: Vec::new(),
            decided: VecDeque::new(),
            answers: Vec::new(),
            outbox: BTreeMap::new(),
            snapshots_wanted: Vec::new(),
            digests: Digests::default(),
            statistics: Statistics::default(),
            lines: Vec::new(),
            read_only: None,
            log_is_full: false,
            poisoned: None,
            stopping: false,
        }
    }

    /// Ask for votes now instead of after a while: the sole voter, whose vote has to become durable only.
    pub fn campaign(&mut self, now: Now) {
        self.raft.campaign();
        self.pump(now);
    }

    /// Whether this member leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.raft.role() == Role::Leader
    }

    /// Since when there is this leader, as far as the member knows, by the wall clock, in nanoseconds since 1970; 0 =
    /// there is none.
    #[must_use]
    pub fn leader_since_wall_ns(&self) -> u64 {
        if self.raft.leader() == 0 { 0 } else { self.leader_since_wall_ns }
    }

    /// Between two ticks of consensus, in nanoseconds.
    #[must_use]
    pub fn tick_ns(&self) -> u64 {
        self.pace.tick_ns
    }

    /// Whether this member decides alone.
    #[must_use]
    pub fn is_sole_voter(&self) -> bool {
        self.raft.membership().is_sole_voter(self.id)
    }

    /// Whether nobody else belongs to the cluster.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.raft.membership().ids().all(|id| id == self.id)
    }

    fn waits_alone(&self) -> bool {
        self.is_sole_voter() && !self.leads()
    }

    /// Something beside the log has come to an end.
    pub fn hear(&mut self, now: Now, news: News) {
        match news {
            News::Digest { index, digest } => self.digested(now, index, digest),
            News::Snapshot { term, index } => self.notes.push(Note::Snapshot { term, index }),
            News::Writable => (self.read_only, self.log_is_full) = (None, false),
        }
    }

    /// The log failed. Nothing is taken or written any more.
    pub fn poison(&mut self, why: String) {
        self.poisoned.get_or_insert(why);
    }

    /// What it had to say since the last call, a line each, for the log.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// The newest version whose commands it knows.
    #[must_use]
    pub fn speaks(&self) -> &str {
        &self.speaks
    }

    /// Take no more proposals; what has been taken is still written.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether [`Replica::stop`] has been called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Why it takes no writes because of a full disk, if so.
    #[must_use]
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }

    /// How the log failed, if it has.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_deref()
    }

    /// This member's proposals that are not decided yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// How long the oldest of them has been waiting, in nanoseconds; 0 without any.
    #[must_use]
    pub fn oldest_in_flight_ns(&self, now: Now) -> u64 {
        self.pending.oldest_mono_ns().map_or(0, |proposed| now.mono_ns.saturating_sub(proposed))
    }

    /// The log core, to look at.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// The members as of the entries decided, and a number that changes with them.
    #[must_use]
    pub fn members(&self) -> (&Members, u64) {
        (&self.members, self.members_revision)
    }

    /// Traffic between this member and the others.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// From the host's clocks to cluster time.
    #[must_use]
    pub fn clock(&self) -> &ClusterClock {
        &self.clock
    }

    /// How long the driver may sleep before time alone gives it something to do, in nanoseconds.
    #[must_use]
    pub fn sleep_ns(&self, now: Now, next_deadline_ns: Option<u64>) -> u64 {
        // What is due cannot be expired while nothing is taken; whatever changes that wakes the driver.
        let takes = self.leads() && self.refusal().is_none();
        let next_deadline_ns = next_deadline_ns.filter(|_| takes);
        let sleep_ns =
            self.timing.sleep_ns(self.clock.at(now), next_deadline_ns, self.raft.has_news());
        if self.pending.has_unsent() && self.raft.leader() != 0 {
            return sleep_ns.min(self.send_mono_ns.saturating_sub(now.mono_ns).max(MS));
        }
        sleep_ns
    }
}

const MS: u64 = 1_000_000;

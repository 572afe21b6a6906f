//! One member's decisions as a step function: proposals and the passing of time go in, what has to be made durable
//! and what that decides comes out. It knows no thread, no clock and no disk.
//!
//! The driver's round:
//! 1. [`Replica::propose`] and [`Replica::tick`], as things happen;
//! 2. [`Replica::fill`] a batch; write and sync it;
//! 3. [`Replica::written`], and apply what that decides; or [`Replica::refused`], if the disk was full and nothing was
//!    written. A failed write or sync is the end: [`Replica::poison`].

mod in_flight;
mod outcome;
mod proposing;
mod timing;

use std::collections::VecDeque;

use bytes::BytesMut;
use coreos_raft::{Entry, Raft, Role};
use coreos_store::{Body, Command};
use coreos_wal::Batch;

use crate::chores::News;
use crate::clock::{ClusterClock, Now};
use in_flight::{InFlight, Queue};
pub use outcome::{Decided, Note, TakenBack, Writing};
pub use proposing::PROPOSAL_BYTES_MAX;
use timing::Timing;

/// See the module.
pub struct Replica {
    raft: Raft,
    clock: ClusterClock,
    incarnation: u64,
    sequence: u64,
    queue: Queue,
    encoded: Vec<u8>,
    chunk: BytesMut,
    notes: Vec<Note>,
    /// What the member has to say about itself as soon as it can.
    introduction: VecDeque<Body>,
    timing: Timing,
    read_only: Option<String>,
    log_is_full: bool,
    poisoned: Option<String>,
    stopping: bool,
}

impl Replica {
    /// A replica whose log core is `raft`. `recovered` are the commands of the entries that it has beyond the
    /// applied ones, by index; `offset_ns` is the store's.
    #[must_use]
    pub fn new(
        raft: Raft,
        clock: ClusterClock,
        incarnation: u64,
        offset_ns: i64,
        recovered: Vec<(u64, Command)>,
    ) -> Self {
        Self {
            raft,
            clock,
            incarnation,
            sequence: 0,
            queue: Queue::recovered(recovered),
            encoded: Vec::new(),
            chunk: BytesMut::new(),
            notes: vec![Note::Start { incarnation }],
            introduction: VecDeque::new(),
            timing: Timing::new(offset_ns),
            read_only: None,
            log_is_full: false,
            poisoned: None,
            stopping: false,
        }
    }

    /// Begin to lead (as the sole voter) once the vote is durable.
    pub fn campaign(&mut self) {
        self.raft.campaign();
    }

    /// Whether this member leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.raft.role() == Role::Leader
    }

    /// Something beside the log has come to an end.
    pub fn hear(&mut self, news: News) {
        match news {
            News::Snapshot { term, index } => self.notes.push(Note::Snapshot { term, index }),
            News::Writable => (self.read_only, self.log_is_full) = (None, false),
        }
    }

    /// Whether [`Replica::fill`] has something that somebody waits for. A full disk is not tried again before it is
    /// said to have room.
    #[must_use]
    pub fn has_urgent(&self) -> bool {
        let can_write = self.poisoned.is_none() && self.read_only.is_none();
        can_write && (self.raft.has_urgent() || !self.notes.is_empty())
    }

    /// Whether something is to be written although nobody waits for it: the time, for the sake of times to live, or
    /// the commit index, so that damage to the last entry cannot be taken for a torn tail. Both are small enough for
    /// what is left of the last segment of a full disk.
    fn has_patient(&self, now: Now, clock_due: bool) -> bool {
        if self.poisoned.is_some() || self.log_is_full {
            return false;
        }
        clock_due || (self.raft.has_news() && (self.stopping || self.timing.is_quiet(now)))
    }

    /// Add what has to become durable now to `batch`. `has_ttl`: some node has a time to live, so the log has to know
    /// the time even when nothing else is written. `None`: nothing to write.
    pub fn fill(&mut self, now: Now, has_ttl: bool, batch: &mut Batch) -> Option<Writing> {
        let clock_due = has_ttl && self.timing.clock_record_due(self.clock.at(now));
        if !(self.has_urgent() || self.has_patient(now, clock_due)) {
            return None;
        }
        // The number of a start comes before anything else of it, even on a full disk.
        let starts = matches!(self.notes.first(), Some(Note::Start { .. }));
        let notes = if self.read_only.is_none() || starts {
            std::mem::take(&mut self.notes)
        } else {
            Vec::new()
        };
        for note in &notes {
            match *note {
                Note::Start { incarnation } => batch.start(incarnation),
                Note::Snapshot { term, index } => batch.snapshot_mark(term, index),
            }
        }
        let ready = self.raft.ready();
        if let Some(ready) = &ready {
            if let Some(state) = ready.hard_state {
                batch.hard_state(state.term, state.vote, state.commit);
            }
            for Entry { term, index, payload } in &ready.entries {
                batch.entry(*term, *index, payload);
            }
        }
        if clock_due {
            let time_ns = self.timing.stamp(self.clock.at(now));
            self.timing.recorded(time_ns);
            batch.clock(time_ns);
        }
        self.timing.wrote(now);
        Some(Writing { ticket: ready.map(|ready| ready.ticket), notes })
    }

    /// The batch is durable. Gives what that decides to `apply`, in order.
    pub fn written(&mut self, writing: &Writing, apply: impl FnMut(Decided)) {
        let Some(ticket) = writing.ticket else { return };
        self.raft.persisted(ticket);
        self.give_decided(apply);
    }

    /// Give everything durable to `apply`, in order. Only for a sole voter that starts on a full disk: its clients have
    /// to see what it had answered before.
    pub fn decide_durable(&mut self, apply: impl FnMut(Decided)) {
        self.raft.commit_persisted();
        self.give_decided(apply);
    }

    fn give_decided(&mut self, mut apply: impl FnMut(Decided)) {
        let queue = &mut self.queue;
        self.raft.take_committed(|entry| {
            let Entry { index, term, payload } = entry;
            if payload.is_empty() {
                return apply(Decided {
                    index,
                    term,
                    ticket: 0,
                    command: None,
                    proposed_mono_ns: 0,
                });
            }
            let InFlight { ticket, command, proposed_mono_ns, .. } = queue.pop(index);
            apply(Decided { index, term, ticket, command: Some(command), proposed_mono_ns });
        });
    }

    /// The disk is full and nothing of the batch was written: take its proposals back and become read-only. Gives
    /// them.
    pub fn refused(&mut self, writing: Writing, why: String) -> Vec<TakenBack> {
        // Not even the little that is written meanwhile fits.
        self.log_is_full = self.read_only.is_some();
        self.read_only = Some(why);
        self.take_back(writing)
    }

    /// Nothing of the batch was written, for a reason that is its own: take its proposals back, and go on. Gives them.
    pub fn take_back(&mut self, writing: Writing) -> Vec<TakenBack> {
        self.notes.splice(0..0, writing.notes);
        let back = self.raft.take_back();
        let mut own = Vec::new();
        let taken =
            self.queue.take_back(back.first().map_or(u64::MAX, |entry| entry.index), &mut own);
        self.hold_back(own);
        taken
    }

    /// What this member had proposed by itself is proposed again when it can be, unless a later tick finds it anyway.
    fn hold_back(&mut self, own: Vec<Body>) {
        let mut again = VecDeque::new();
        for body in own {
            match body {
                Body::Clock { .. } => self.timing.offset_refused(),
                Body::AddMember { .. } | Body::Publish { .. } | Body::ClusterVersion { .. } => {
                    again.push_back(body);
                }
                _ => {}
            }
        }
        again.append(&mut self.introduction);
        self.introduction = again;
    }

    /// The log failed. Nothing is taken or written any more.
    pub fn poison(&mut self, why: String) {
        self.poisoned.get_or_insert(why);
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

    /// Proposals that are not decided yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.queue.len()
    }

    /// How long the oldest of them has been waiting, in nanoseconds; 0 without any.
    #[must_use]
    pub fn oldest_in_flight_ns(&self, now: Now) -> u64 {
        self.queue.oldest_mono_ns().map_or(0, |proposed| now.mono_ns.saturating_sub(proposed))
    }

    /// The log core, to look at.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// From the host's clocks to cluster time.
    #[must_use]
    pub fn clock(&self) -> ClusterClock {
        self.clock
    }

    /// How long the driver may sleep before time alone gives it something to do, in nanoseconds.
    #[must_use]
    pub fn sleep_ns(&self, now: Now, next_deadline_ns: Option<u64>) -> u64 {
        // What is due cannot be expired while nothing is taken; whatever changes that wakes the driver.
        let next_deadline_ns = next_deadline_ns.filter(|_| self.refusal().is_none());
        self.timing.sleep_ns(self.clock.at(now), next_deadline_ns, self.raft.has_news())
    }
}

//! What has to become durable, and what is known when it is, or when the disk has refused it.

use coreos_raft::Entry;
use coreos_store::{Body, Command};
use coreos_wal::Batch;

use super::{Note, Replica, TakenBack, Writing};
use crate::clock::Now;

impl Replica {
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
        // Votes and a leader's entries are more than that, and are not to be handed out on the way.
        let is_little = self.read_only.is_none() || !self.raft.has_urgent();
        let is_quiet = self.stopping || self.timing.is_quiet(now);
        is_little && (clock_due || (self.raft.has_news() && is_quiet))
    }

    /// Add what has to become durable now to `batch`. `has_ttl`: some node has a time to live, so the log has to know
    /// the time even when nothing else is written. `None`: nothing to write. What is to be sent is sent first: peers
    /// get the entries while they are written here.
    pub fn fill(&mut self, now: Now, has_ttl: bool, batch: &mut Batch) -> Option<Writing> {
        let clock_due = self.timing.went_back()
            || (has_ttl && self.timing.clock_record_due(self.clock.at(now)));
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
            if let Some(restored) = ready.restored {
                batch.snapshot_mark(restored.term, restored.index);
            }
            for Entry { term, index, payload } in &ready.entries {
                batch.entry(*term, *index, payload);
            }
            // After them: its commit index is of the log with them, not of what they replace.
            if let Some(state) = ready.hard_state {
                batch.hard_state(state.term, state.vote, state.commit);
            }
        }
        self.pump(now);
        if clock_due {
            let time_ns = self.clock.at(now);
            self.timing.recorded(time_ns);
            batch.clock(time_ns);
        }
        if ready.is_none() && notes.is_empty() && !clock_due {
            return None;
        }
        self.timing.wrote(now);
        Some(Writing { ticket: ready.map(|ready| ready.ticket), notes })
    }

    /// The batch is durable.
    pub fn written(&mut self, now: Now, writing: &Writing) {
        if let Some(ticket) = writing.ticket {
            self.raft.persisted(ticket);
            self.pump(now);
        }
    }

    /// Take everything durable for decided. Only for a sole voter that starts on a full disk: its clients have to see
    /// what it had answered before.
    pub fn decide_durable(&mut self, now: Now) {
        self.raft.commit_persisted();
        self.pump(now);
    }

    /// The disk is full and nothing of the batch was written: become read-only. A sole voter takes its proposals back
    /// and gives them; others hand leadership over, and write what they have when there is room.
    pub fn refused(&mut self, now: Now, writing: Writing, why: String) -> Vec<TakenBack> {
        // Not even the little that is written meanwhile fits.
        self.log_is_full = self.read_only.is_some();
        self.read_only = Some(why);
        let back = self.take_back(writing);
        self.hand_over(now);
        back
    }

    /// Nothing of the batch was written, for a reason that is its own: go on. A sole voter takes its proposals back and
    /// gives them.
    pub fn take_back(&mut self, writing: Writing) -> Vec<TakenBack> {
        self.notes.splice(0..0, writing.notes);
        if !self.is_alone() {
            self.raft.hand_out_again();
            return Vec::new();
        }
        let back = self.raft.take_back();
        let first = back.first().map_or(u64::MAX, |entry| entry.index);
        let commands = self.appended.take_back(first);
        let mut again = Vec::new();
        let taken = commands.into_iter().map(|Command { request, body, .. }| {
            let proposal = self.own_sequence(request).and_then(|own| self.pending.take(own));
            let ticket = proposal.map_or(0, |proposal| proposal.ticket);
            match body {
                Body::Clock { .. } => self.timing.offset_refused(),
                Body::AddMember { .. } | Body::Publish { .. } if ticket == 0 => again.push(body),
                _ => {}
            }
            TakenBack { ticket, request }
        });
        let taken: Vec<TakenBack> = taken.collect();
        again.into_iter().rev().for_each(|body| self.introduction.push_front(body));
        taken
    }
}

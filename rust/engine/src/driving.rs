//! Around every step of the replica, on whichever thread takes it: call the log thread, send, apply, answer.
//!
//! What is decided is applied by whoever finds it, one at a time and in order; who comes meanwhile leaves it to the one
//! who is there. So an entry that the peers have acknowledged is applied while the own disk syncs the next ones.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use coreos_raft::Position;
use coreos_store::{Body, Command};
use parking_lot::MutexGuard;

use crate::applier::{Applier, refusal};
use crate::clock::Now;
use crate::completion::Completion;
use crate::error::EngineError;
use crate::member::{Core, Inner};
use crate::replica::{Answer, Decided, Outgoing, Replica};

/// Entries applied under one hold of the store's lock: readers wait no longer than that.
const APPLY_MAX: usize = 32;

/// What the thread that applies needs. Its lock is taken before the core's and the store's, never after.
#[derive(Default)]
pub(crate) struct Applying {
    decided: Vec<Decided>,
    completions: Vec<Completion>,
    /// Reads that wait for an entry: its index, and who asks.
    readable: Vec<(u64, u64)>,
    /// Answers to those who have asked for this member's removal, until nobody needs it any more.
    leaving: Vec<Completion>,
}

/// Every thread may step and apply. When one panics on the way, nobody knows what has been done: the member ends before
/// another thread goes on behind a hole. The panic itself has been printed by the hook.
struct PoisonOnPanic<'a>(&'a Inner);

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let why = "a thread of the member panicked".to_owned();
        {
            let mut core = self.0.core.lock();
            core.replica.poison(why.clone());
            core.is_over = true;
            self.0.bell.ring(core);
        }
        self.0.deliver(&mut vec![Completion::Poisoned(why)]);
    }
}

impl Inner {
    /// Take a step, and see to what it comes to.
    pub fn step<R>(&self, now: Now, change: impl FnOnce(&mut Replica) -> R) -> R {
        let _guard = PoisonOnPanic(self);
        let mut core = self.core.lock();
        let result = change(&mut core.replica);
        self.stepped(core, now);
        result
    }

    /// A step has been taken: see to what it comes to.
    pub fn stepped(&self, mut core: MutexGuard<'_, Core>, now: Now) {
        let outgoing = self.take_outgoing(&mut core, now);
        let has_results = core.replica.has_results();
        let leads = core.replica.leads();
        core.replica.take_lines().into_iter().for_each(|line| self.log(line));
        self.note_alone(&core.replica);
        if std::mem::replace(&mut core.led, leads) != leads {
            self.role_changed.notify_all();
        }
        self.note_leader(&mut core);
        if self.alarm.is_late(&core.replica, now)
            && let Some(ticker) = self.ticker.get()
        {
            ticker.wake();
        }
        if core.replica.poisoned().is_some() && !core.is_over {
            core.is_over = true;
            let why = core.replica.poisoned().unwrap_or_default().to_owned();
            self.bell.ring(core);
            return self.deliver(&mut vec![Completion::Poisoned(why)]);
        }
        if core.replica.has_urgent() || core.replica.is_stopping() {
            self.bell.ring(core);
        } else {
            drop(core);
        }
        self.send(outgoing);
        if has_results {
            self.carry_out();
        }
    }

    /// A member that is alone answers everything itself, so a read of its store misses nothing that was answered: once
    /// what others may have answered before they left is applied here too.
    fn note_alone(&self, replica: &Replica) {
        let is_alone = replica.leads() && replica.is_alone();
        let has_all = || self.applied.load(Acquire) >= replica.raft().applied();
        let may = is_alone && (self.reads_alone.load(Acquire) || has_all());
        self.reads_alone.store(may, Release);
    }

    /// Say who leads, when that changes.
    fn note_leader(&self, core: &mut Core) {
        let raft = core.replica.raft();
        let present = (raft.leader(), raft.hard_state().term);
        if std::mem::replace(&mut core.told_leader, present) == present || core.replica.is_alone() {
            return;
        }
        let (leader, term) = present;
        self.log(match leader {
            0 => format!("there is no leader at the moment (term {term})"),
            own if own == self.identity.member_id => format!("this member leads since term {term}"),
            _ => format!("{leader:x} leads since term {term}"),
        });
    }

    /// The log thread has taken what it writes: see to the rest before it does.
    pub fn after_fill(&self, mut core: MutexGuard<'_, Core>, now: Now) {
        let outgoing = self.take_outgoing(&mut core, now);
        let has_results = core.replica.has_results();
        drop(core);
        self.send(outgoing);
        if has_results {
            self.carry_out();
        }
    }

    /// What is to be sent once the core is free. Not what goes with a change of the members: as soon as the core is
    /// free, whoever applies it closes the links of those who leave, and they are to hear of it before.
    fn take_outgoing(&self, core: &mut Core, now: Now) -> Vec<Outgoing> {
        let outgoing = core.replica.take_outgoing(now);
        if core.replica.members().1 == self.members_revision.load(Acquire) {
            return outgoing;
        }
        let is_frame = |one: &Outgoing| matches!(one, Outgoing::Frame { .. });
        let (frames, snapshots) = outgoing.into_iter().partition(is_frame);
        self.send(frames);
        snapshots
    }

    /// Give the transport what is for others. It never waits.
    pub fn send(&self, outgoing: Vec<Outgoing>) {
        if outgoing.is_empty() {
            return;
        }
        let Some(links) = self.links.get() else { return };
        for one in outgoing {
            match one {
                Outgoing::Frame { to, frame } => links.send(to, frame),
                Outgoing::Snapshot { to } => self.send_snapshot(to),
            }
        }
    }

    /// Apply everything that is decided, answer everybody whose answer is known, unless another thread does.
    pub fn carry_out(&self) {
        let _guard = PoisonOnPanic(self);
        loop {
            let Some(mut applying) = self.applying.try_lock() else { return };
            self.carry_out_as(&mut applying);
            drop(applying);
            // What came while nobody could take it over any more.
            let core = self.core.lock();
            if !core.replica.has_results() || core.replica.poisoned().is_some() {
                return;
            }
        }
    }

    /// As the one who applies.
    pub fn carry_out_as(&self, applying: &mut Applying) {
        loop {
            let answers = {
                let mut core = self.core.lock();
                if core.replica.poisoned().is_some() {
                    return;
                }
                applying.decided.extend(core.replica.take_decided());
                let answers = core.replica.take_answers();
                if core.replica.is_removed() {
                    applying.completions.append(&mut applying.leaving);
                }
                answers
            };
            if applying.decided.is_empty() && answers.is_empty() && applying.completions.is_empty()
            {
                return;
            }
            if let Err(error) = self.apply(applying) {
                return self.poison(error.to_string());
            }
            for answer in answers {
                match answer {
                    Answer::Readable { ticket, index } => applying.readable.push((index, ticket)),
                    Answer::Failed { ticket, why } => {
                        applying.completions.push(refusal(ticket, &why));
                    }
                }
            }
            self.complete_reads(applying);
        }
    }

    fn apply(&self, applying: &mut Applying) -> Result<(), EngineError> {
        let Applying { decided, completions, leaving, .. } = applying;
        if decided.is_empty() {
            return Ok(());
        }
        for one in decided.iter_mut() {
            one.decode(&self.speaks)?;
        }
        let mut one_by_one = decided.drain(..).peekable();
        let now_ns = Now::real().mono_ns;
        let mut etcd_index = 0;
        let mut is_due_sooner = false;
        let mut moments = Vec::new();
        while one_by_one.peek().is_some() {
            let mut applier = self.applier.lock();
            for one in one_by_one.by_ref().take(APPLY_MAX) {
                if one.ticket != 0 {
                    let waited_ns = now_ns.saturating_sub(one.proposed_mono_ns);
                    self.metrics.proposals.record(waited_ns);
                }
                let to = if one.removes_self { &mut *leaving } else { &mut *completions };
                applier.apply(one.position(), one.command.as_ref(), one.ticket, to);
                if matches!(&one.command, Some(Command { body: Body::Noop, .. })) {
                    moments.push((one.index, applier.store.view()));
                }
            }
            applier.notify(completions);
            etcd_index = applier.store.etcd_index();
            is_due_sooner |= self.look_at(&applier);
        }
        drop(one_by_one);
        if is_due_sooner {
            // The log thread may have gone to sleep for longer than that.
            self.bell.ring(self.core.lock());
        }
        self.deliver(completions);
        self.told_index.store(etcd_index, Release);
        self.follow_members();
        if !moments.is_empty() {
            self.moments.lock().extend(moments);
            self.bell.ring(self.core.lock());
        }
        Ok(())
    }

    /// Note what others want to know of the store without its lock. Whether a deadline is nearer than any was.
    pub fn look_at(&self, applier: &Applier) -> bool {
        let store = &applier.store;
        self.auth_revision.store(store.auth_revision(), Release);
        self.offset_ns.store(store.offset_ns(), Relaxed);
        self.applied.store(applier.raft_index, Release);
        let deadline_ns = store.next_deadline_ns().unwrap_or(u64::MAX);
        deadline_ns < self.next_deadline_ns.swap(deadline_ns, Relaxed)
    }

    /// Those that wait for nothing more.
    pub fn complete_reads(&self, applying: &mut Applying) {
        let Applying { readable, completions, .. } = applying;
        let applied = self.applied.load(Acquire);
        readable.retain(|&(index, ticket)| {
            let waits = index > applied;
            if !waits {
                // Whoever has read like this once is not older than the cluster was at its start.
                self.is_current.store(true, Release);
                if ticket != 0 {
                    completions.push(Completion::Readable { ticket });
                }
            }
            waits
        });
        self.deliver(completions);
    }

    /// The log cannot be trusted any more, or has what this version cannot apply.
    pub fn poison(&self, why: String) {
        self.step(Now::real(), |replica| replica.poison(why));
    }

    /// Pass completions on to whoever waits for them.
    pub fn deliver(&self, completions: &mut Vec<Completion>) {
        if completions.is_empty() {
            return;
        }
        self.waiters.tell(completions);
        let sink = self.sink.lock().clone();
        match sink {
            Some(sink) => sink.deliver(completions),
            None => completions.clear(),
        }
    }

    /// The store now stands after `position`, by a leader's snapshot: answer those whose request it has seen.
    pub fn settle(&self, applying: &mut Applying, position: Position) {
        let undecided = self.core.lock().replica.undecided();
        let outcomes: Vec<_> = {
            let applier = self.applier.lock();
            let known = |request| Some((request, applier.store.outcome_of(request)?));
            undecided.into_iter().filter_map(known).collect()
        };
        let mut core = self.core.lock();
        for (request, applied) in outcomes {
            if let Some(ticket) = core.replica.settle(request) {
                let Position { index: raft_index, term } = position;
                applying.completions.push(Completion::Applied {
                    ticket,
                    applied,
                    raft_index,
                    term,
                });
            }
        }
        drop(core);
        self.deliver(&mut applying.completions);
    }
}

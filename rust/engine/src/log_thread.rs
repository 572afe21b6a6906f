//! The thread that owns the log: fill a batch, write and sync it, apply what that decides, tell the front.
//!
//! Whatever takes long beside that (preparing the next segment, writing a snapshot) runs on a thread of its own and
//! comes back through a channel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use coreos_wal::{Batch, Wal, WriteError};
use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::applier::refusal;
use crate::chores::{After, Chores, Done, Job, Moment};
use crate::clock::Now;
use crate::completion::Completion;
use crate::error::Refused;
use crate::member::Inner;
use crate::replica::{Decided, TakenBack, Writing};

/// Entries applied under one hold of the store's lock: readers wait no longer than that.
const APPLY_MAX: usize = 32;

pub(crate) struct LogThread {
    inner: Arc<Inner>,
    wal: Wal,
    batch: Batch,
    /// The last entry applied.
    applied: u64,
    decided: Vec<Decided>,
    completions: Vec<Completion>,
    chores: Chores,
    done: Receiver<Done>,
    report: Sender<Done>,
    jobs: Vec<JoinHandle<()>>,
    /// Since it last waited: the next proposal may be near.
    has_written: bool,
}

/// Start it.
pub(crate) fn spawn(mut thread: LogThread) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("log".into()).spawn(move || {
        let inner = thread.inner.clone();
        if catch_unwind(AssertUnwindSafe(|| thread.run())).is_err() {
            // The panic itself has been printed by the hook. Nobody may wait for ever for this thread.
            poison(&inner, "the log thread panicked".to_owned());
        }
    })
}

fn poison(inner: &Inner, why: String) {
    inner.core.lock().replica.poison(why.clone());
    deliver(inner, &mut vec![Completion::Poisoned(why)]);
}

fn deliver(inner: &Inner, completions: &mut Vec<Completion>) {
    inner.waiters.tell(completions);
    let sink = inner.sink.lock().clone();
    match sink {
        Some(sink) => sink.deliver(completions),
        None => completions.clear(),
    }
}

impl LogThread {
    pub fn new(inner: Arc<Inner>, wal: Wal, chores: Chores, batch: Batch) -> Self {
        let (report, done) = unbounded();
        let applied = inner.applier.lock().raft_index;
        Self {
            inner,
            wal,
            batch,
            applied,
            decided: Vec::new(),
            completions: Vec::new(),
            chores,
            done,
            report,
            jobs: Vec::new(),
            has_written: false,
        }
    }

    fn run(&mut self) {
        while let Some(writing) = self.next_batch() {
            if let Some(writing) = writing
                && !self.write(writing)
            {
                break;
            }
            self.attend_chores();
        }
        // Whatever ended the loop, nothing that takes long is worth waiting for.
        self.chores.stop();
        for job in self.jobs.drain(..) {
            // Its panic has been printed; what it was doing is begun again at the next start.
            let _ = job.join();
        }
    }

    /// Take what has been done, and have done what is next.
    fn attend_chores(&mut self) {
        let now = Now::real();
        if self.inner.core.lock().replica.is_stopping() {
            self.chores.stop();
        }
        while let Ok(done) = self.done.try_recv() {
            let After { news, line } = self.chores.done(done, now, &mut self.wal);
            if let Some(news) = news {
                self.inner.core.lock().replica.hear(news);
            }
            line.into_iter().for_each(|line| self.inner.log(line));
        }
        let written_bytes = self.inner.metrics.log_bytes.load(Ordering::Relaxed);
        let applier = &self.inner.applier;
        let moment = || {
            let mut applier = applier.lock();
            Moment { term: applier.term, index: applier.raft_index, view: applier.store.view() }
        };
        let job = self.chores.next_job(now, &mut self.wal, self.applied, written_bytes, moment);
        if let Some(job) = job {
            self.start(job);
        }
        self.inner.segments.store(self.wal.segments() as u64, Ordering::Relaxed);
    }

    fn start(&mut self, job: Job) {
        let (report, inner) = (self.report.clone(), self.inner.clone());
        let (name, failed) = (job.name(), job.not_run(std::io::Error::other("no thread for it")));
        let spawned = std::thread::Builder::new().name(name.into()).spawn(move || {
            let before = Now::real();
            let is_snapshot = matches!(job, Job::Snapshot(_));
            let done = job.run();
            if is_snapshot {
                inner.metrics.snapshots.record(Now::real().mono_ns - before.mono_ns);
            }
            // The receiver lives as long as the log thread, which joins this one.
            let _ = report.send(done);
            inner.bell.ring(inner.core.lock());
        });
        self.jobs.retain(|job| !job.is_finished());
        match spawned {
            Ok(handle) => self.jobs.push(handle),
            Err(error) => {
                self.inner.log(format!("no thread for a {name}: {error}"));
                let _ = self.report.send(failed);
            }
        }
    }

    /// Wait for something to write. The inner `None`: nothing yet, but time has passed. The outer one: stopped.
    fn next_batch(&mut self) -> Option<Option<Writing>> {
        let Inner { core, bell, .. } = &*self.inner;
        let mut looks_out = std::mem::take(&mut self.has_written);
        loop {
            let deadline_ns = self.inner.deadline_ns();
            let mut core = core.lock();
            bell.answer(&core);
            let now = Now::real();
            core.replica.tick(now, deadline_ns);
            if let Some(writing) = core.replica.fill(now, deadline_ns.is_some(), &mut self.batch) {
                return Some(Some(writing));
            }
            if core.replica.is_stopping() || core.replica.poisoned().is_some() {
                return None;
            }
            // A job that ended just now has found nobody asleep to wake.
            if !self.done.is_empty() {
                return Some(None);
            }
            if std::mem::take(&mut looks_out) {
                bell.look_out(core);
                continue;
            }
            let sleep = Duration::from_nanos(core.replica.sleep_ns(now, deadline_ns));
            bell.sleep(&mut core, sleep);
            bell.answer(&core);
            let now = Now::real();
            return Some(core.replica.fill(now, deadline_ns.is_some(), &mut self.batch));
        }
    }

    /// False: the log has failed.
    fn write(&mut self, writing: Writing) -> bool {
        let bytes = self.batch.payload_bytes();
        let before = Now::real();
        match self.wal.write(&mut self.batch) {
            Ok(()) => {
                self.has_written = true;
                let after = Now::real();
                let metrics = &self.inner.metrics;
                metrics.syncs.record(after.mono_ns - before.mono_ns);
                metrics.log_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                let decided = &mut self.decided;
                self.inner.core.lock().replica.written(&writing, |one| decided.push(one));
                self.apply();
                true
            }
            Err(WriteError::NoSpace(why)) => {
                self.batch.clear();
                self.chores.disk_is_full(before);
                let cause = Refused::ReadOnly(why.clone()).to_string();
                let back = self.inner.core.lock().replica.refused(writing, why);
                self.refuse(&back, &cause);
                true
            }
            Err(error @ WriteError::TooLarge) => {
                self.batch.clear();
                let back = self.inner.core.lock().replica.take_back(writing);
                self.refuse(&back, &error.to_string());
                true
            }
            Err(error) => {
                poison(&self.inner, error.to_string());
                false
            }
        }
    }

    /// Tell whoever waits for what was taken back.
    fn refuse(&mut self, back: &[TakenBack], cause: &str) {
        let waiting = back.iter().filter(|one| one.ticket != 0);
        self.completions.extend(waiting.map(|one| refusal(one.ticket, cause)));
        self.inner.metrics.proposals_failed.fetch_add(back.len() as u64, Ordering::Relaxed);
        deliver(&self.inner, &mut self.completions);
    }

    fn apply(&mut self) {
        let mut decided = std::mem::take(&mut self.decided);
        let mut one_by_one = decided.drain(..).peekable();
        let now_ns = Now::real().mono_ns;
        let mut etcd_index = None;
        while one_by_one.peek().is_some() {
            let mut applier = self.inner.applier.lock();
            for one in one_by_one.by_ref().take(APPLY_MAX) {
                if one.ticket != 0 {
                    let waited_ns = now_ns.saturating_sub(one.proposed_mono_ns);
                    self.inner.metrics.proposals.record(waited_ns);
                }
                self.applied = one.index;
                applier.apply(one, &mut self.completions);
            }
            applier.notify(&mut self.completions);
            etcd_index = Some(applier.store.etcd_index());
            let auth_revision = applier.store.auth_revision();
            self.inner.auth_revision.store(auth_revision, Ordering::Release);
            let deadline_ns = applier.store.next_deadline_ns().unwrap_or(u64::MAX);
            self.inner.next_deadline_ns.store(deadline_ns, Ordering::Relaxed);
        }
        drop(one_by_one);
        self.decided = decided;
        deliver(&self.inner, &mut self.completions);
        if let Some(index) = etcd_index {
            self.inner.told_index.store(index, Ordering::Release);
        }
    }
}

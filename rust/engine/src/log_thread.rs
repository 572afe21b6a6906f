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
use crossbeam_channel::{Receiver, Sender};
use parking_lot::MutexGuard;

use crate::applier::refusal;
use crate::chores::{After, Chores, Done, Job, Moment};
use crate::clock::Now;
use crate::completion::Completion;
use crate::error::Refused;
use crate::member::{Core, Inner};
use crate::replica::{Seen, TakenBack, Writing};

pub(crate) struct LogThread {
    inner: Arc<Inner>,
    wal: Wal,
    batch: Batch,
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
            inner.poison("the log thread panicked".to_owned());
        }
    })
}

impl LogThread {
    pub fn new(
        inner: Arc<Inner>,
        wal: Wal,
        chores: Chores,
        batch: Batch,
        done: Receiver<Done>,
    ) -> Self {
        let report = inner.report.clone();
        Self {
            inner,
            wal,
            batch,
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
                self.inner.step(now, |replica| replica.hear(now, news));
            }
            line.into_iter().for_each(|line| self.inner.log(line));
        }
        let moments = std::mem::take(&mut *self.inner.moments.lock());
        for (index, view) in moments {
            self.start(Job::Digest(index, Box::new(view)));
        }
        let written_bytes = self.inner.metrics.log_bytes.load(Ordering::Relaxed);
        let applier = &self.inner.applier;
        let moment = || {
            let mut applier = applier.lock();
            Moment { term: applier.term, index: applier.raft_index, view: applier.store.view() }
        };
        let applied = self.inner.applied.load(Ordering::Acquire);
        let job = self.chores.next_job(now, &mut self.wal, applied, written_bytes, moment);
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
        let inner = Arc::clone(&self.inner);
        let mut looks_out = std::mem::take(&mut self.has_written);
        loop {
            let seen = inner.seen();
            let mut core = inner.core.lock();
            inner.bell.answer(&core);
            let now = Now::real();
            core.replica.tick(now, seen);
            if let Some(writing) = self.fill(&inner, core, now, seen) {
                return Some(Some(writing));
            }
            let mut core = inner.core.lock();
            if core.replica.is_stopping() || core.replica.poisoned().is_some() {
                return None;
            }
            // A job that ended just now has found nobody asleep to wake.
            if !self.done.is_empty() {
                return Some(None);
            }
            // The next write of a cluster comes after a round to the others, which takes longer.
            if std::mem::take(&mut looks_out) && core.replica.is_alone() {
                inner.bell.look_out(core);
                continue;
            }
            // What has come since the core was looked at has rung.
            if inner.bell.has_rung() {
                continue;
            }
            let sleep = Duration::from_nanos(core.replica.sleep_ns(now, seen.next_deadline_ns));
            inner.bell.sleep(&mut core, sleep);
            inner.bell.answer(&core);
            let now = Now::real();
            return Some(self.fill(&inner, core, now, inner.seen()));
        }
    }

    /// Take what is to be written, send what is to be sent meanwhile.
    fn fill(
        &mut self,
        inner: &Inner,
        mut core: MutexGuard<'_, Core>,
        now: Now,
        seen: Seen,
    ) -> Option<Writing> {
        let has_ttl = seen.next_deadline_ns.is_some();
        let writing = core.replica.fill(now, has_ttl, &mut self.batch);
        inner.after_fill(core, now);
        writing
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
                self.inner.step(after, |replica| replica.written(after, &writing));
                true
            }
            Err(WriteError::NoSpace(why)) => {
                self.batch.clear();
                self.chores.disk_is_full(before);
                let cause = Refused::ReadOnly(why.clone()).to_string();
                let back = self.inner.step(before, |replica| replica.refused(before, writing, why));
                self.refuse(&back, &cause);
                true
            }
            // Peers may have its entries already. A sole member can take them back.
            Err(error @ WriteError::TooLarge) if self.inner.core.lock().replica.is_alone() => {
                self.batch.clear();
                let back = self.inner.step(before, |replica| replica.take_back(writing));
                self.refuse(&back, &error.to_string());
                true
            }
            Err(error) => {
                self.inner.poison(error.to_string());
                false
            }
        }
    }

    /// Tell whoever waits for what was taken back.
    fn refuse(&mut self, back: &[TakenBack], cause: &str) {
        let waiting = back.iter().filter(|one| one.ticket != 0);
        self.completions.extend(waiting.map(|one| refusal(one.ticket, cause)));
        self.inner.metrics.proposals_failed.fetch_add(back.len() as u64, Ordering::Relaxed);
        self.inner.deliver(&mut self.completions);
    }
}

//! What is done beside the log: the next segment, snapshots, and the removal of what they replace.
//!
//! Each is a [`Job`] that takes long and touches nothing of the member; whoever drives the member runs it somewhere
//! and gives back what it came to.

use std::io;

use coreos_store::StoreView;
use coreos_wal::{DataDir, Preparation, Prepared, Wal, WalError};

use crate::clock::Now;
use crate::replica::Digest;
use crate::snapshot::{SnapshotJob, Snapshots, Taken};

/// How long to leave a full disk alone before the next attempt.
const RETRY_NS: u64 = 500_000_000;

/// Something to run, on any thread.
pub enum Job {
    /// Prepare the next segment of the log.
    Segment(Preparation),
    /// Write a snapshot.
    Snapshot(Box<SnapshotJob>),
    /// Compute the digest of the state after an entry.
    Digest(u64, Box<StoreView>),
}

/// What a job came to.
pub enum Done {
    /// A segment, ready to be used.
    Segment(io::Result<Prepared>),
    /// A durable snapshot.
    Snapshot(Result<Taken, WalError>),
    /// A leader's snapshot, durable, from which the store has been restored.
    Installed(Taken),
    /// The digest of the state after an entry.
    Digest(u64, Digest),
    /// There was no thread to compute it.
    NotCompared(u64),
}

impl Job {
    /// For a thread's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Job::Segment(_) => "segment",
            Job::Snapshot(_) => "snapshot",
            Job::Digest(..) => "digest",
        }
    }

    /// Do it.
    #[must_use]
    pub fn run(self) -> Done {
        match self {
            Job::Segment(preparation) => Done::Segment(preparation.run()),
            Job::Snapshot(job) => Done::Snapshot(job.run()),
            Job::Digest(index, view) => Done::Digest(index, view.digest()),
        }
    }

    /// What is told when it cannot even be begun.
    #[must_use]
    pub fn not_run(&self, why: io::Error) -> Done {
        match self {
            Job::Segment(_) => Done::Segment(Err(why)),
            Job::Snapshot(_) => Done::Snapshot(Err(WalError {
                kind: coreos_wal::ErrorKind::Io,
                message: why.to_string(),
            })),
            Job::Digest(index, _) => Done::NotCompared(*index),
        }
    }
}

/// What the end of a job means for the member.
#[derive(Debug, Default)]
pub struct After {
    /// For the replica.
    pub news: Option<News>,
    /// For the log.
    pub line: Option<String>,
}

/// What the replica has to know of a job's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A snapshot is durable.
    Snapshot {
        /// Term of its last entry.
        term: u64,
        /// Its last entry.
        index: u64,
    },
    /// A full disk has room again.
    Writable,
    /// What the store was after an entry.
    Digest {
        /// The entry.
        index: u64,
        /// Its digest.
        digest: Digest,
    },
}

/// The state of a member's store after an entry, to be kept.
pub struct Moment {
    /// Term of that entry.
    pub term: u64,
    /// The entry.
    pub index: u64,
    /// The state.
    pub view: StoreView,
}

/// Decides what is to be done when.
pub struct Chores {
    dir: DataDir,
    snapshots: Snapshots,
    preparing: bool,
    read_only: bool,
    complained: bool,
    stopping: bool,
    retry_mono_ns: u64,
    /// Log that was there at the start and that no snapshot covers, in bytes.
    uncovered_bytes: u64,
    /// All there has been, at the last look.
    log_bytes: u64,
}

impl Chores {
    /// For a member whose log is `wal`.
    #[must_use]
    pub fn new(dir: DataDir, snapshots: Snapshots, wal: &Wal) -> Self {
        Self {
            dir,
            snapshots,
            preparing: false,
            read_only: false,
            complained: false,
            stopping: false,
            retry_mono_ns: 0,
            uncovered_bytes: wal.bytes_since_snapshot(),
            log_bytes: 0,
        }
    }

    /// The member's directory.
    #[must_use]
    pub fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// A batch found no room: try for a new segment from now on, until there is one.
    pub fn disk_is_full(&mut self, now: Now) {
        self.read_only = true;
        self.retry_mono_ns = now.mono_ns + RETRY_NS;
    }

    /// The member ends: begin nothing more, and give up the snapshot that is being written. The log has everything.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.snapshots.stop();
    }

    /// The next thing to be done, if any. `applied` is the last applied entry, `written_bytes` what the log has been
    /// given since the start; `moment` takes a view of the state as it is.
    pub fn next_job(
        &mut self,
        now: Now,
        wal: &mut Wal,
        applied: u64,
        written_bytes: u64,
        moment: impl FnOnce() -> Moment,
    ) -> Option<Job> {
        if self.stopping {
            return None;
        }
        if !self.preparing
            && now.mono_ns >= self.retry_mono_ns
            && let Some(preparation) = wal.wants_next()
        {
            self.preparing = true;
            return Some(Job::Segment(preparation));
        }
        self.log_bytes = self.uncovered_bytes + written_bytes;
        let log_bytes = self.log_bytes;
        if !self.snapshots.is_due(applied, log_bytes) {
            return None;
        }
        let Moment { term, index, view } = moment();
        let job = self.snapshots.begin(self.dir.clone(), view, term, index, log_bytes);
        Some(Job::Snapshot(Box::new(job)))
    }

    /// A job is over. May remove files; what it gives is to be told to the replica.
    pub fn done(&mut self, done: Done, now: Now, wal: &mut Wal) -> After {
        match done {
            Done::Segment(result) => self.segment_done(result, now, wal),
            Done::Snapshot(Ok(taken)) => {
                self.snapshots.ended(Some(taken));
                let removed = self.remove_old(wal);
                After {
                    news: Some(News::Snapshot { term: taken.term, index: taken.index }),
                    line: removed.err().map(|error| format!("old files were not removed: {error}")),
                }
            }
            Done::Digest(index, digest) => {
                After { news: Some(News::Digest { index, digest }), line: None }
            }
            Done::NotCompared(index) => {
                let line =
                    format!("no thread for a digest: this member is not compared at entry {index}");
                After { news: None, line: Some(line) }
            }
            // The log hears of it by itself: the replica has restored from it.
            Done::Installed(taken) => {
                self.snapshots.installed(taken, self.log_bytes);
                let removed = self.remove_old(wal);
                let line =
                    removed.err().map(|error| format!("old files were not removed: {error}"));
                After { news: None, line }
            }
            Done::Snapshot(Err(error)) => {
                self.snapshots.ended(None);
                let line = format!("a snapshot failed and will be tried again: {error}");
                After { news: None, line: Some(line) }
            }
        }
    }

    fn segment_done(&mut self, result: io::Result<Prepared>, now: Now, wal: &mut Wal) -> After {
        self.preparing = false;
        let failure = result.as_ref().err().map(ToString::to_string);
        wal.offer_next(result);
        match failure {
            Some(why) => {
                self.retry_mono_ns = now.mono_ns + RETRY_NS;
                let line = format!("the next segment of the log cannot be prepared: {why}");
                // Said once, not at each attempt.
                let line = (!std::mem::replace(&mut self.complained, true)).then_some(line);
                After { news: None, line }
            }
            None => {
                self.complained = false;
                let news = std::mem::take(&mut self.read_only).then_some(News::Writable);
                let line = news.map(|_| "there is room on the disk again: writes are taken".into());
                After { news, line }
            }
        }
    }

    fn remove_old(&self, wal: &mut Wal) -> Result<(), WalError> {
        wal.release(self.snapshots.releasable())?;
        match self.snapshots.keep() {
            Some(keep) => self.dir.purge_snapshots(keep),
            None => Ok(()),
        }
    }
}

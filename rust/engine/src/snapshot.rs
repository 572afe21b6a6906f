//! When a snapshot is due, what it is, and what may go afterwards.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use coreos_store::StoreView;
use coreos_wal::{DataDir, SnapshotMeta, WalError};

/// Without a count, a snapshot is due after this many bytes of log, or after as many as the last one had.
const LOG_BYTES_MIN: u64 = 64 << 20;
/// Log that has to come before a failed snapshot is tried again.
const RETRY_BYTES: u64 = 4 << 20;

/// Decides when, and remembers what there is.
#[derive(Debug)]
pub struct Snapshots {
    count: Option<u64>,
    keep: usize,
    last_bytes: u64,
    last_index: u64,
    before_last_index: u64,
    /// Size of the log, in bytes since the member's birth or start, that the last snapshot covers.
    covered_bytes: u64,
    running: Option<Running>,
    /// After a failure: not before the log has grown to this.
    retry_bytes: u64,
    /// Nobody needs the running job any more.
    stop: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    log_bytes: u64,
}

/// One snapshot to be written, on any thread.
pub struct SnapshotJob {
    dir: DataDir,
    view: StoreView,
    meta: SnapshotMeta,
    stop: Arc<AtomicBool>,
}

/// Writes on until it is told to stop.
struct Stoppable<'a> {
    out: &'a mut dyn Write,
    stop: &'a AtomicBool,
}

impl Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.load(Relaxed) {
            return Err(io::Error::other("the member stops"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What a job came to.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Term of its last entry.
    pub term: u64,
    /// Its last entry.
    pub index: u64,
    /// Size of the file.
    pub bytes: u64,
}

impl Snapshots {
    /// `count` entries between snapshots (`None`: by bytes of log), `keep` files kept (0 = all).
    #[must_use]
    pub fn new(count: Option<u64>, keep: usize) -> Self {
        Self {
            count,
            keep,
            last_bytes: 0,
            last_index: 0,
            before_last_index: 0,
            covered_bytes: 0,
            running: None,
            retry_bytes: 0,
            stop: Arc::default(),
        }
    }

    /// The member started from `last`; the file before it ends with entry `before_last` (0 = there is none).
    #[must_use]
    pub fn started_from(self, last: Taken, before_last: u64) -> Self {
        let Taken { index: last_index, bytes: last_bytes, .. } = last;
        Self { last_bytes, last_index, before_last_index: before_last, ..self }
    }

    /// Whether one should be taken of the state after entry `applied`, with `log_bytes` of log so far.
    #[must_use]
    pub fn is_due(&self, applied: u64, log_bytes: u64) -> bool {
        if self.running.is_some() || applied <= self.last_index || log_bytes < self.retry_bytes {
            return false;
        }
        match self.count {
            Some(count) => applied - self.last_index >= count,
            None => log_bytes - self.covered_bytes > LOG_BYTES_MIN.max(self.last_bytes),
        }
    }

    /// A job for the state `view`, which is that after entry `index`.
    pub fn begin(
        &mut self,
        dir: DataDir,
        view: StoreView,
        term: u64,
        index: u64,
        log_bytes: u64,
    ) -> SnapshotJob {
        self.running = Some(Running { log_bytes });
        let meta = SnapshotMeta { term, index, cluster_time_ns: view.time_ns() };
        SnapshotJob { dir, view, meta, stop: Arc::clone(&self.stop) }
    }

    /// Have the running job end soon, as a failed one, and every later one at once.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// The job is over; `None`: it failed, and the next is due only when some more log has come.
    pub fn ended(&mut self, taken: Option<Taken>) {
        let Some(Running { log_bytes }) = self.running.take() else { return };
        match taken {
            None => self.retry_bytes = log_bytes + RETRY_BYTES,
            Some(taken) if taken.index <= self.last_index => {}
            Some(taken) => {
                self.before_last_index = self.last_index;
                self.last_index = taken.index;
                self.last_bytes = taken.bytes;
                self.covered_bytes = log_bytes;
            }
        }
    }

    /// A leader's has been installed when `log_bytes` of log had been written. One that is being written meanwhile is
    /// older, and ends as it may.
    pub fn installed(&mut self, taken: Taken, log_bytes: u64) {
        if taken.index > self.last_index {
            self.before_last_index = self.last_index;
            self.last_index = taken.index;
            self.last_bytes = taken.bytes;
            self.covered_bytes = log_bytes;
        }
    }

    /// Entries up to this one are in the newest snapshot but one: their segments may go.
    #[must_use]
    pub fn releasable(&self) -> u64 {
        self.before_last_index
    }

    /// Snapshot files to keep, if not all.
    #[must_use]
    pub fn keep(&self) -> Option<usize> {
        (self.keep > 0).then(|| self.keep.max(2))
    }
}

impl SnapshotJob {
    /// Write, sync and name the file.
    ///
    /// # Errors
    /// The disk refused, or [`Snapshots::stop`] was called; nothing is left behind.
    pub fn run(self) -> Result<Taken, WalError> {
        let SnapshotMeta { term, index, .. } = self.meta;
        let stop = &*self.stop;
        let bytes = self
            .dir
            .write_snapshot(self.meta, &mut |out| self.view.write(&mut Stoppable { out, stop }))?;
        Ok(Taken { term, index, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut snapshots: Snapshots, log_bytes: u64, taken: Option<Taken>) -> Snapshots {
        snapshots.running = Some(Running { log_bytes });
        snapshots.ended(taken);
        snapshots
    }

    #[test]
    fn due_by_count_or_by_bytes() {
        let by_count = Snapshots::new(Some(10), 2);
        assert!(!by_count.is_due(9, u64::MAX) && by_count.is_due(10, 0));
        let by_bytes = Snapshots::new(None, 2);
        assert!(
            !by_bytes.is_due(1_000, LOG_BYTES_MIN) && by_bytes.is_due(1_000, LOG_BYTES_MIN + 1)
        );
    }

    #[test]
    fn a_large_snapshot_waits_for_as_much_log() {
        let taken = Taken { term: 1, index: 500, bytes: 4 * LOG_BYTES_MIN };
        let snapshots = after(Snapshots::new(None, 2), LOG_BYTES_MIN, Some(taken));
        assert!(!snapshots.is_due(1_000, 4 * LOG_BYTES_MIN));
        assert!(snapshots.is_due(1_000, 6 * LOG_BYTES_MIN));
        assert!(!snapshots.is_due(500, 6 * LOG_BYTES_MIN), "nothing new to snapshot");
    }

    #[test]
    fn a_failed_one_is_not_tried_again_at_once() {
        let snapshots = after(Snapshots::new(Some(1), 2), 100, None);
        assert!(!snapshots.is_due(1_000, 100));
        assert!(snapshots.is_due(1_000, 100 + RETRY_BYTES));
    }

    #[test]
    fn the_log_is_kept_back_to_the_snapshot_before_the_last() {
        let taken = |index| Some(Taken { term: 1, index, bytes: 1 });
        let snapshots = after(Snapshots::new(Some(1), 2), 0, taken(10));
        assert_eq!(snapshots.releasable(), 0);
        assert_eq!(after(snapshots, 0, taken(20)).releasable(), 10);
    }
}

//! The thread that lets consensus time pass, so that heartbeats never wait for a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Now;
use crate::member::Inner;
use crate::replica::Replica;

/// The longest sleep: that of a member that is alone.
const SLEEP_MAX_NS: u64 = 500_000_000;
const SLEEP_MIN_NS: u64 = 1_000_000;

/// See the module.
pub(crate) struct Ticker {
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// When the thread wakes by itself, on the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    wakes_mono_ns: AtomicU64,
    is_over: AtomicBool,
}

impl Ticker {
    pub fn start(inner: &Arc<Inner>) -> std::io::Result<Self> {
        let inner = Arc::clone(inner);
        let thread =
            std::thread::Builder::new().name("ticker".into()).spawn(move || run(&inner))?;
        Ok(Self { thread: Mutex::new(Some(thread)) })
    }

    /// Something may be due before the thread wakes.
    pub fn wake(&self) {
        if let Some(thread) = self.thread.lock().as_ref() {
            thread.thread().unpark();
        }
    }

    pub fn stop(&self, alarm: &Alarm) {
        alarm.is_over.store(true, Relaxed);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

impl Alarm {
    /// Whether the thread sleeps beyond the next thing that time has to do.
    pub fn is_late(&self, replica: &Replica, now: Now) -> bool {
        let due = now.mono_ns.saturating_add(sleep_ns(replica, now));
        due < self.wakes_mono_ns.load(Relaxed)
    }
}

fn sleep_ns(replica: &Replica, now: Now) -> u64 {
    if replica.is_alone() {
        return SLEEP_MAX_NS;
    }
    replica.raft_idle_ns(now).clamp(SLEEP_MIN_NS, SLEEP_MAX_NS)
}

fn run(inner: &Inner) {
    while !inner.alarm.is_over.load(Relaxed) {
        let now = Now::real();
        let sleep_ns = inner.step(now, |replica| {
            replica.raft_ticks(now);
            let sleep_ns = sleep_ns(replica, now);
            inner.alarm.wakes_mono_ns.store(now.mono_ns + sleep_ns, Relaxed);
            sleep_ns
        });
        // Whoever finds that it is too late has unparked this thread already.
        std::thread::park_timeout(Duration::from_nanos(sleep_ns));
    }
}

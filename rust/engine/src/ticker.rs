//! The thread that lets consensus time pass, so that heartbeats never wait for a disk.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use crate::clock::Now;
use crate::member::Inner;

/// The longest sleep, in heartbeats: whoever begins to lead is at its next one in time.
const SLEEP_MAX_TICKS: u64 = crate::replica::HEARTBEAT_TICKS as u64;
/// The longest sleep of a member that is alone.
const SLEEP_ALONE: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Ticker {
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Ticker {
    pub fn start(inner: &Arc<Inner>) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(1);
        let inner = Arc::clone(inner);
        let thread = std::thread::Builder::new()
            .name("ticker".into())
            .spawn(move || run(&inner, &stopped))?;
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    pub fn stop(&self) {
        self.stop.lock().take();
        if let Some(thread) = self.thread.lock().take() {
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

fn run(inner: &Inner, stopped: &Receiver<()>) {
    loop {
        let now = Now::real();
        let sleep = inner.step(now, |replica| {
            replica.raft_ticks(now);
            if replica.is_alone() {
                return SLEEP_ALONE;
            }
            let most = replica.tick_ns() * SLEEP_MAX_TICKS;
            Duration::from_nanos(replica.raft_idle_ns(now).min(most).max(1_000_000))
        });
        match stopped.recv_timeout(sleep) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

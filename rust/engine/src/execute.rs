//! Commands beside clients' writes: proposed by a thread that waits until they are applied.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use coreos_store::{Applied, Body};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use crate::clock::Now;
use crate::completion::Completion;
use crate::error::Refused;
use crate::front::SLOT_BITS;
use crate::member::Member;
use crate::versions;

/// Why it is not known to have been carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExecuted {
    /// It was not and will not be.
    #[error("{0}")]
    Refused(Refused),
    /// It may still be.
    #[error("request timed out: the change may still be made")]
    TimedOut,
    /// Others have removed this member meanwhile: it may have been.
    #[error("the member has been removed from the cluster: the change may still be made")]
    Removed,
    /// The log failed meanwhile: it may have been.
    #[error("server stopped: {0}")]
    Poisoned(String),
}

enum Told {
    Applied(Applied),
    Removed,
    Poisoned(String),
}

/// Threads that wait for the outcome of a command.
#[derive(Default)]
pub(crate) struct Waiters {
    sequence: AtomicU64,
    /// How many there are: mostly none, and then nothing is locked.
    count: AtomicUsize,
    waiting: Mutex<HashMap<u64, Sender<Told>>>,
}

impl Waiters {
    /// A ticket that no connection has: no connection is in the last slot.
    fn ticket(&self) -> u64 {
        let nobody = (1 << SLOT_BITS) - 1;
        ((self.sequence.fetch_add(1, Ordering::Relaxed) + 1) << SLOT_BITS) | nobody
    }

    fn add(&self, ticket: u64, sender: Sender<Told>) {
        self.waiting.lock().insert(ticket, sender);
        self.count.fetch_add(1, Ordering::Release);
    }

    fn remove(&self, ticket: u64) {
        if self.waiting.lock().remove(&ticket).is_some() {
            self.count.fetch_sub(1, Ordering::Release);
        }
    }

    /// Take what is for one of these out of `completions`. Waits for nobody.
    pub fn tell(&self, completions: &mut Vec<Completion>) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        // The channels have room, and who waits no longer has no use for the answer.
        completions.retain(|completion| match completion {
            Completion::Applied { ticket, applied, .. } => match waiting.remove(ticket) {
                Some(sender) => {
                    let _ = sender.send(Told::Applied(applied.clone()));
                    false
                }
                None => true,
            },
            Completion::Poisoned(why) => {
                for (_, sender) in waiting.drain() {
                    let _ = sender.send(Told::Poisoned(why.clone()));
                }
                true
            }
            Completion::Notices(_) | Completion::AuthChanged | Completion::Readable { .. } => true,
        });
        self.count.fetch_sub(before - waiting.len(), Ordering::Release);
    }

    /// The member has been removed, and will not hear what became of their commands.
    pub fn tell_removed(&self) {
        for (_, sender) in self.waiting.lock().drain() {
            let _ = sender.send(Told::Removed);
            self.count.fetch_sub(1, Ordering::Release);
        }
    }
}

impl Member {
    /// Propose a command and wait until it is applied. Blocks: not for a thread that serves clients.
    ///
    /// # Errors
    /// It was refused, or is not known to have been carried out. What the store said against it is in the outcome.
    pub fn execute(&self, body: Body, timeout: Duration) -> Result<Applied, NotExecuted> {
        let spoken = self.with_store(|store, _| store.cluster_version().map(str::to_owned));
        if let Some(version) = versions::needs(&body, spoken.as_deref()) {
            return Err(NotExecuted::Refused(Refused::TooNew { version }));
        }
        let is_own_removal = body == Body::RemoveMember { id: self.0.identity.member_id };
        let waiters = &self.0.waiters;
        let (sender, outcome) = bounded(1);
        let ticket = waiters.ticket();
        waiters.add(ticket, sender);
        let now = Now::real();
        let taken = self.0.step(now, |replica| replica.propose(now, body, ticket));
        if let Err(refused) = taken {
            waiters.remove(ticket);
            self.0.metrics.proposals_failed.fetch_add(1, Ordering::Relaxed);
            return Err(NotExecuted::Refused(refused));
        }
        let told = outcome.recv_timeout(timeout);
        match told {
            Ok(Told::Applied(applied)) => Ok(applied),
            // The last words of the next leader can be lost: what the others say is as good.
            Ok(Told::Removed) if is_own_removal => {
                let etcd_index = self.with_store(|store, _| store.etcd_index());
                Ok(Applied { outcome: Ok(None), etcd_index, repeated: false })
            }
            Ok(Told::Removed) => Err(NotExecuted::Removed),
            Ok(Told::Poisoned(why)) => Err(NotExecuted::Poisoned(why)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                waiters.remove(ticket);
                Err(NotExecuted::TimedOut)
            }
        }
    }
}

//! A sink that keeps everything, and can be waited for.
#![allow(dead_code)] // Each test binary uses its own part.

use std::sync::Arc;
use std::time::Instant;

use coreos_engine::{Completion, Member, Sink};
use coreos_store::Applied;
use parking_lot::{Condvar, Mutex};

use crate::common::DEADLINE;

/// See the module.
#[derive(Default)]
pub struct Inbox {
    got: Mutex<Vec<Completion>>,
    news: Condvar,
}

impl Sink for Inbox {
    fn deliver(&self, completions: &mut Vec<Completion>) {
        self.got.lock().append(completions);
        self.news.notify_all();
    }
}

impl Inbox {
    /// One that `member` reports to from now on.
    pub fn of(member: &Member) -> Arc<Self> {
        let inbox = Arc::new(Self::default());
        member.set_sink(inbox.clone());
        inbox
    }

    /// Wait until `enough` of what has come; gives its answer.
    pub fn wait<R>(&self, mut enough: impl FnMut(&[Completion]) -> Option<R>) -> R {
        let deadline = Instant::now() + DEADLINE;
        let mut got = self.got.lock();
        loop {
            if let Some(answer) = enough(&got) {
                return answer;
            }
            let late = self.news.wait_until(&mut got, deadline).timed_out();
            assert!(!late, "not told in time; so far: {got:?}");
        }
    }

    /// Wait for the outcome of one proposal.
    pub fn outcome(&self, ticket: u64) -> Applied {
        self.wait(|got| {
            got.iter().find_map(|one| match one {
                Completion::Applied { ticket: its, applied, .. } if *its == ticket => {
                    Some(applied.clone())
                }
                _ => None,
            })
        })
    }

    /// Tickets of all answers so far, in order.
    pub fn tickets(&self) -> Vec<u64> {
        tickets(&self.got.lock())
    }
}

/// Tickets of the answers among `completions`, in order.
pub fn tickets(completions: &[Completion]) -> Vec<u64> {
    let ticket = |one: &Completion| match one {
        Completion::Applied { ticket, .. } => Some(*ticket),
        _ => None,
    };
    completions.iter().filter_map(ticket).collect()
}

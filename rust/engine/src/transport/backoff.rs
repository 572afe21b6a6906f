//! Pauses between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(10);

/// Doubles from 10 ms to a limit, each with a part by chance, so that members do not call in step.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub fn new(most: Duration) -> Self {
        Self { next: FIRST.min(most), most }
    }

    /// Begin again: the last attempt was a lasting success.
    pub fn reset(&mut self) {
        self.next = FIRST.min(self.most);
    }

    /// The next pause: from half of what is due to all of it.
    pub fn pause(&mut self) -> Duration {
        let due = self.next;
        self.next = (due * 2).min(self.most);
        let chance = RandomState::new().hash_one(()) % 1024;
        due / 2 + due.mul_f64(chance as f64 / 2048.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_limit_and_begins_again() {
        let most = Duration::from_millis(100);
        let mut backoff = Backoff::new(most);
        for due_ms in [10, 20, 40, 80, 100, 100] {
            let due = Duration::from_millis(due_ms);
            let pause = backoff.pause();
            assert!(due / 2 <= pause && pause <= due, "{pause:?} of {due:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}

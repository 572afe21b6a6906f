//! The threads of a transport, and waiting for their end.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
struct Running {
    count: Mutex<usize>,
    changed: Condvar,
}

/// Counts threads. They are never joined, because one may hang in a look-up of a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Threads(Arc<Running>);

struct Place(Arc<Running>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.count.lock() -= 1;
        self.0.changed.notify_all();
    }
}

impl Threads {
    /// Start one. `name` has at most 15 bytes, which is what a system shows.
    pub fn start(&self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        *self.0.count.lock() += 1;
        let place = Place(self.0.clone());
        let body = move || {
            // What the thread holds is dropped before it counts as ended.
            run();
            drop(place);
        };
        thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
    }

    /// Wait until all have ended, but not longer. How many have not.
    pub fn wait(&self, most: Duration) -> usize {
        let until = Instant::now() + most;
        let mut count = self.0.count.lock();
        while *count > 0 && !self.0.changed.wait_until(&mut count, until).timed_out() {}
        *count
    }
}

/// A bounded number of places, and waiting for one.
#[derive(Debug)]
pub(super) struct Places(Arc<Running>, usize);

/// One of them.
pub(super) struct Taken(#[allow(dead_code)] Place);

impl Places {
    pub fn new(most: usize) -> Self {
        Self(Arc::default(), most)
    }

    /// Wait for a place as long as `goes_on` says so, which is asked after each wait.
    pub fn take(&self, goes_on: impl Fn() -> bool) -> Option<Taken> {
        let mut count = self.0.count.lock();
        while goes_on() {
            if *count < self.1 {
                *count += 1;
                return Some(Taken(Place(self.0.clone())));
            }
            self.0.changed.wait(&mut count);
        }
        None
    }

    /// Have those who wait ask again whether to go on.
    pub fn call(&self) {
        drop(self.0.count.lock());
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_runs_is_counted_until_it_ends() {
        let threads = Threads::default();
        let (end, until) = crossbeam_channel::bounded::<()>(0);
        threads.start("test", move || _ = until.recv()).expect("thread");
        assert_eq!(threads.wait(Duration::from_millis(1)), 1);
        drop(end);
        assert_eq!(threads.wait(Duration::from_secs(60)), 0);
    }

    #[test]
    fn a_place_that_was_given_back_is_taken() {
        let places = Places::new(1);
        let first = places.take(|| true).expect("free");
        assert!(places.take(|| false).is_none());
        drop(first);
        assert!(places.take(|| true).is_some());
    }
}

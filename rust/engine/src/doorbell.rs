//! How the log thread is called: after a write of a member that is alone it looks out for a moment, then it sleeps.
//!
//! A client in a closed loop is back within that moment, and looking out is faster than being woken on an idle core:
//! a tenth of a lone write's time, for a third more CPU. Under load there is always work, and it never looks.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, MutexGuard};

const LOOK: Duration = Duration::from_micros(60);
/// Looks between two at the clock.
const LOOKS: u32 = 16;

/// See the module. `core` is what the caller changes and the thread looks at, under their common lock.
#[derive(Debug)]
pub(crate) struct Doorbell {
    rung: AtomicBool,
    /// Read and written under the lock only.
    asleep: AtomicBool,
    condvar: Condvar,
    look: Duration,
}

/// A lone core is what the one who is waited for needs.
pub(crate) fn is_worth_looking() -> bool {
    available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

impl Doorbell {
    pub fn new() -> Self {
        Self {
            rung: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            condvar: Condvar::new(),
            look: if is_worth_looking() { LOOK } else { Duration::ZERO },
        }
    }

    /// Unlock, and call the thread to what has been changed.
    pub fn ring<T>(&self, core: MutexGuard<'_, T>) {
        self.rung.store(true, Ordering::Release);
        let wake = self.asleep.swap(false, Ordering::Relaxed);
        drop(core);
        if wake {
            self.condvar.notify_one();
        }
    }

    /// Whether the thread has been called since it last answered.
    pub fn has_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// The thread has locked, and is about to look at everything it has been called to so far.
    pub fn answer<T>(&self, _core: &MutexGuard<'_, T>) {
        self.rung.store(false, Ordering::Relaxed);
    }

    /// Unlock, and look out for the next call for a moment.
    pub fn look_out<T>(&self, core: MutexGuard<'_, T>) {
        drop(core);
        let begun = Instant::now();
        while begun.elapsed() < self.look {
            for _ in 0..LOOKS {
                if self.rung.load(Ordering::Acquire) {
                    return;
                }
                spin_loop();
            }
        }
    }

    /// Unlock and sleep until the next call, `most` at the longest; then lock again.
    pub fn sleep<T>(&self, core: &mut MutexGuard<'_, T>, most: Duration) {
        self.asleep.store(true, Ordering::Relaxed);
        self.condvar.wait_for(core, most);
        self.asleep.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    const MISSED: Duration = Duration::from_secs(60);

    /// Waits for work the way the log thread does; how much it has done.
    fn work(bell: &Doorbell, core: &Mutex<Vec<u32>>, looks: bool, until: u32) -> u32 {
        let mut sum = 0;
        let mut looked = !looks;
        while sum < until {
            let mut core = core.lock();
            bell.answer(&core);
            let done: u32 = core.drain(..).sum();
            if done > 0 {
                sum += done;
                looked = !looks;
            } else if !looked {
                looked = true;
                bell.look_out(core);
            } else {
                let begun = Instant::now();
                bell.sleep(&mut core, MISSED);
                assert!(begun.elapsed() < MISSED, "a call was missed");
            }
        }
        sum
    }

    #[test]
    fn no_call_is_missed_by_one_who_looks_or_sleeps() {
        const CALLS: u32 = 20_000;
        for looks in [true, false] {
            let bell = Arc::new(Doorbell { look: LOOK, ..Doorbell::new() });
            let core = Arc::new(Mutex::new(Vec::new()));
            let worker = {
                let (bell, core) = (bell.clone(), core.clone());
                std::thread::spawn(move || work(&bell, &core, looks, 3 * CALLS))
            };
            let callers: Vec<_> = (0..3)
                .map(|_| {
                    let (bell, core) = (bell.clone(), core.clone());
                    std::thread::spawn(move || {
                        for _ in 0..CALLS {
                            let mut core = core.lock();
                            core.push(1);
                            bell.ring(core);
                        }
                    })
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().expect("caller"));
            assert_eq!(worker.join().expect("worker"), 3 * CALLS);
        }
    }
}

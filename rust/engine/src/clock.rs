//! Cluster time: nanoseconds that only go forward, continued across restarts and changes of the leader
//! (docs/formats.md, section 2).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Both clocks of the host at one moment. The simulator makes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, from an arbitrary origin, in nanoseconds.
    pub mono_ns: u64,
    /// Wall clock, since 1970, in nanoseconds. It may jump.
    pub wall_ns: u64,
}

impl Now {
    /// The host's clocks.
    #[must_use]
    pub fn real() -> Self {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        let mono = ORIGIN.get_or_init(Instant::now).elapsed();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { mono_ns: nanoseconds(mono), wall_ns: nanoseconds(wall) }
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Debug)]
struct Shared {
    /// Cluster time minus the monotonic clock, wrapping.
    offset_ns: AtomicU64,
    /// Cluster time does not go beyond this.
    limit_ns: AtomicU64,
}

/// From the monotonic clock of this process to cluster time. Clones are the same clock, to be read from any thread; the
/// replica alone sets it.
///
/// A leader's runs freely. A follower's is set by what it hears, and runs on for a while only: without a leader time
/// stands still, so that nobody loses a key that could not be refreshed meanwhile.
#[derive(Clone, Debug)]
pub struct ClusterClock(Arc<Shared>);

impl ClusterClock {
    /// A clock that goes on from cluster time `from_ns`, now.
    #[must_use]
    pub fn continued(from_ns: u64, now: Now) -> Self {
        let clock = Self(Arc::new(Shared {
            offset_ns: AtomicU64::new(0),
            limit_ns: AtomicU64::new(u64::MAX),
        }));
        clock.run_from(from_ns, now);
        clock
    }

    /// Cluster time.
    #[must_use]
    pub fn at(&self, now: Now) -> u64 {
        let time_ns = now.mono_ns.wrapping_add(self.0.offset_ns.load(Relaxed));
        time_ns.min(self.0.limit_ns.load(Relaxed))
    }

    /// What has to be added to cluster time to get the wall clock.
    #[must_use]
    pub fn offset_ns(&self, now: Now) -> i64 {
        let wall = i128::from(now.wall_ns) - i128::from(self.at(now));
        i64::try_from(wall).unwrap_or(0)
    }

    /// Go on from `from_ns`, for as long as this member leads.
    pub(crate) fn run_from(&self, from_ns: u64, now: Now) {
        self.0.offset_ns.store(from_ns.wrapping_sub(now.mono_ns), Relaxed);
        self.0.limit_ns.store(u64::MAX, Relaxed);
    }

    /// The leader's clock shows `time_ns`: go on from there, but no further than `patience_ns`.
    pub(crate) fn follow(&self, time_ns: u64, now: Now, patience_ns: u64) {
        self.0.offset_ns.store(time_ns.wrapping_sub(now.mono_ns), Relaxed);
        self.0.limit_ns.store(time_ns.saturating_add(patience_ns), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_with_the_monotonic_clock_whatever_the_wall_clock_does() {
        let start = Now { mono_ns: 50, wall_ns: 1_000 };
        let clock = ClusterClock::continued(7_000, start);
        let later = Now { mono_ns: 60, wall_ns: 400 };
        assert_eq!((clock.at(start), clock.at(later)), (7_000, 7_010));
        assert_eq!(clock.offset_ns(later), 400 - 7_010);
    }

    #[test]
    fn a_follower_stands_still_without_a_leader() {
        let at = |mono_ns| Now { mono_ns, wall_ns: 0 };
        let clock = ClusterClock::continued(7_000, at(50));
        clock.follow(6_500, at(100), 30);
        assert_eq!(
            (clock.at(at(110)), clock.at(at(130)), clock.at(at(900))),
            (6_510, 6_530, 6_530)
        );
        clock.run_from(6_500, at(900));
        assert_eq!(clock.at(at(1_900)), 7_500);
    }
}

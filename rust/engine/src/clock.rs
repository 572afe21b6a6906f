//! Cluster time: nanoseconds that only go forward, continued across restarts (docs/formats.md, section 2).

use std::sync::OnceLock;
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

/// From the monotonic clock of this process to cluster time.
#[derive(Clone, Copy, Debug)]
pub struct ClusterClock {
    origin_ns: u64,
    origin_mono_ns: u64,
}

impl ClusterClock {
    /// A clock that goes on from cluster time `from_ns`, now.
    #[must_use]
    pub fn continued(from_ns: u64, now: Now) -> Self {
        Self { origin_ns: from_ns, origin_mono_ns: now.mono_ns }
    }

    /// Cluster time.
    #[must_use]
    pub fn at(&self, now: Now) -> u64 {
        self.origin_ns.saturating_add(now.mono_ns.saturating_sub(self.origin_mono_ns))
    }

    /// What has to be added to cluster time to get the wall clock.
    #[must_use]
    pub fn offset_ns(&self, now: Now) -> i64 {
        let wall = i128::from(now.wall_ns) - i128::from(self.at(now));
        i64::try_from(wall).unwrap_or(0)
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
}

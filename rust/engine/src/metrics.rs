//! Counters and histograms of one member, updated without locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the histograms' buckets in microseconds, doubling as etcd's do.
const BOUNDS_US: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000,
    512_000, 1_024_000, 2_048_000, 4_096_000, 8_192_000,
];

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_ns: AtomicU64,
}

/// What a histogram holds at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramValue {
    /// Upper bound in seconds, and how many samples were at or below it.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all samples in seconds.
    pub sum: f64,
    /// Samples.
    pub count: u64,
}

impl Histogram {
    pub(crate) fn record(&self, ns: u64) {
        let us = ns.div_ceil(1_000);
        if let Some(bucket) = BOUNDS_US.iter().position(|&bound| us <= bound) {
            self.buckets[bucket].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// Its value now.
    #[must_use]
    pub fn value(&self) -> HistogramValue {
        let mut below = 0;
        let buckets = BOUNDS_US.iter().zip(&self.buckets).map(|(&bound, bucket)| {
            below += bucket.load(Relaxed);
            (bound as f64 / 1e6, below)
        });
        HistogramValue {
            buckets: buckets.collect(),
            sum: self.sum_ns.load(Relaxed) as f64 / 1e9,
            count: self.count.load(Relaxed),
        }
    }
}

/// Everything that is counted in the engine.
#[derive(Debug, Default)]
pub struct Metrics {
    /// From proposal to applied.
    pub proposals: Histogram,
    /// One write and sync of the log.
    pub syncs: Histogram,
    /// One snapshot, written and synced.
    pub snapshots: Histogram,
    /// Proposals refused.
    pub proposals_failed: AtomicU64,
    /// Bytes given to the log.
    pub log_bytes: AtomicU64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let histogram = Histogram::default();
        for us in [10, 60, 60, 3_000, 99_000_000] {
            histogram.record(us * 1_000);
        }
        let value = histogram.value();
        assert_eq!(value.count, 5);
        assert_eq!(value.buckets[0], (0.00005, 1));
        assert_eq!(value.buckets[1], (0.0001, 3));
        assert_eq!(value.buckets[6], (0.004, 4));
        assert_eq!(value.buckets[17].1, 4, "what is above the last bound is in the count only");
    }
}

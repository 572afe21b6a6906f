//! Latencies in buckets of about one percent, so that a quantile needs no list of samples.

const STEPS_PER_DOUBLING: f64 = 64.0;
const BUCKETS: usize = 64 * 36;

/// Nanosecond samples from 1 ns to about a minute.
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_ns: u64,
}

impl Histogram {
    /// Empty.
    pub fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max_ns: 0 }
    }

    /// Add one sample.
    pub fn record(&mut self, ns: u64) {
        let bucket = ((ns.max(1) as f64).log2() * STEPS_PER_DOUBLING) as usize;
        self.buckets[bucket.min(BUCKETS - 1)] += 1;
        self.count += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Samples so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value in milliseconds below which `quantile` of the samples lie.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let wanted = (self.count as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && count > 0 {
                return (((bucket as f64 + 0.5) / STEPS_PER_DOUBLING).exp2()) / 1e6;
            }
        }
        0.0
    }

    /// The longest sample in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.max_ns as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut histogram = Histogram::new();
        for us in 1..=1000u64 {
            histogram.record(us * 1000);
        }
        assert!((histogram.quantile_ms(0.5) - 0.5).abs() < 0.01);
        assert!((histogram.quantile_ms(0.99) - 0.99).abs() < 0.02);
        assert_eq!(histogram.count(), 1000);
    }
}

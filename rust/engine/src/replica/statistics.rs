//! What `/v2/stats` shows of the traffic between members (etcd-v2 section 4.3): appends sent and received, and how long
//! each follower takes to have what it was sent.

use std::collections::{BTreeMap, VecDeque};

use coreos_raft::{Message, Said};

use crate::clock::Now;

/// A rate is that of the last so many appends.
const RATE_LEN: usize = 200;
/// Without an append for so long there is no rate.
const SILENCE_NS: u64 = 1_000_000_000;
/// Appends to one follower whose acknowledgement is waited for; of more, the oldest are not measured.
const WAITING_MAX: usize = 1_024;

/// How long a follower has taken, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The last time.
    pub current_ms: f64,
    /// On average.
    pub average_ms: f64,
    /// Standard deviation from that.
    pub deviation_ms: f64,
    /// The shortest; infinite before there was one.
    pub minimum_ms: f64,
    /// The longest.
    pub maximum_ms: f64,
}

/// A follower as its leader sees it.
#[derive(Clone, Debug)]
pub struct FollowerStats {
    /// From sending to having it on disk.
    pub latency: Latency,
    /// Appends acknowledged.
    pub success: u64,
    /// Times that what was sent may have been lost.
    pub fail: u64,
    squares_ms: f64,
    /// Last entry of each append on its way, and when it was sent.
    waiting: VecDeque<(u64, u64)>,
}

impl Default for FollowerStats {
    fn default() -> Self {
        let latency = Latency {
            current_ms: 0.0,
            average_ms: 0.0,
            deviation_ms: 0.0,
            minimum_ms: f64::INFINITY,
            maximum_ms: 0.0,
        };
        Self { latency, success: 0, fail: 0, squares_ms: 0.0, waiting: VecDeque::new() }
    }
}

impl FollowerStats {
    fn took(&mut self, ns: u64) {
        let ms = ns as f64 / 1e6;
        self.success += 1;
        let count = self.success as f64;
        let Latency { average_ms, .. } = self.latency;
        let moved_ms = average_ms + (ms - average_ms) / count;
        self.squares_ms += (ms - average_ms) * (ms - moved_ms);
        self.latency = Latency {
            current_ms: ms,
            average_ms: moved_ms,
            deviation_ms: (self.squares_ms / count).sqrt(),
            minimum_ms: self.latency.minimum_ms.min(ms),
            maximum_ms: self.latency.maximum_ms.max(ms),
        };
    }
}

/// Appends in one direction.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// How many there were.
    pub count: u64,
    last: VecDeque<(u64, usize)>,
}

impl Traffic {
    fn add(&mut self, mono_ns: u64, bytes: usize) {
        self.count += 1;
        if self.last.len() == RATE_LEN {
            self.last.pop_front();
        }
        self.last.push_back((mono_ns, bytes));
    }

    /// Appends and bytes of their entries in a second; 0 after a second of silence.
    #[must_use]
    pub fn rates(&self, now: Now) -> (f64, f64) {
        let (Some((first_ns, _)), Some((last_ns, _))) = (self.last.front(), self.last.back())
        else {
            return (0.0, 0.0);
        };
        let span_ns = last_ns - first_ns;
        if span_ns == 0 || now.mono_ns.saturating_sub(*last_ns) > SILENCE_NS {
            return (0.0, 0.0);
        }
        let seconds = span_ns as f64 / 1e9;
        let bytes: usize = self.last.iter().map(|(_, bytes)| bytes).sum();
        (self.last.len() as f64 / seconds, bytes as f64 / seconds)
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Appends that this member has sent as leader.
    pub sent: Traffic,
    /// Appends that it has received.
    pub received: Traffic,
    /// The others, since this member began to lead.
    pub followers: BTreeMap<u64, FollowerStats>,
}

impl Statistics {
    pub(super) fn lead(&mut self, others: impl Iterator<Item = u64>) {
        self.followers = others.map(|id| (id, FollowerStats::default())).collect();
    }

    pub(super) fn sent(&mut self, now: Now, message: &Message) {
        let Said::Append { entries, .. } = &message.said else { return };
        let Some(last) = entries.last() else { return };
        self.sent.add(now.mono_ns, entries.iter().map(|entry| entry.payload.len()).sum());
        let follower = self.followers.entry(message.to).or_default();
        if follower.waiting.len() < WAITING_MAX {
            follower.waiting.push_back((last.index, now.mono_ns));
        }
    }

    pub(super) fn received(&mut self, now: Now, message: &Message) {
        match &message.said {
            Said::Append { entries, .. } if !entries.is_empty() => {
                let bytes = entries.iter().map(|entry| entry.payload.len()).sum();
                self.received.add(now.mono_ns, bytes);
            }
            Said::Accepted { matched } => {
                let Some(follower) = self.followers.get_mut(&message.from) else { return };
                while let Some(&(last, sent_ns)) = follower.waiting.front() {
                    if last > *matched {
                        break;
                    }
                    follower.waiting.pop_front();
                    follower.took(now.mono_ns.saturating_sub(sent_ns));
                }
            }
            _ => {}
        }
    }

    pub(super) fn lost(&mut self, peer: u64) {
        if let Some(follower) = self.followers.get_mut(&peer) {
            follower.fail += 1;
            follower.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use coreos_raft::{Entry, Position};

    use super::*;

    fn at(ms: u64) -> Now {
        Now { mono_ns: ms * 1_000_000, wall_ns: 0 }
    }

    fn message(from: u64, to: u64, said: Said) -> Message {
        Message { from, to, term: 1, said }
    }

    fn append(index: u64) -> Said {
        let entries = vec![Entry { term: 1, index, payload: vec![0; 50].into() }];
        Said::Append { before: Position { term: 1, index: index - 1 }, entries, commit: 0 }
    }

    #[test]
    fn a_follower_is_measured_from_sending_to_having() {
        let mut statistics = Statistics::default();
        statistics.lead([2].into_iter());
        for (ms, index) in [(0, 5), (10, 6), (20, 7)] {
            statistics.sent(at(ms), &message(1, 2, append(index)));
        }
        statistics.received(at(30), &message(2, 1, Said::Accepted { matched: 6 }));
        let follower = &statistics.followers[&2];
        assert_eq!((follower.success, follower.waiting.len()), (2, 1));
        let Latency { current_ms, average_ms, deviation_ms, minimum_ms, maximum_ms } =
            follower.latency;
        assert_eq!((current_ms, average_ms, deviation_ms), (20.0, 25.0, 5.0));
        assert_eq!((minimum_ms, maximum_ms), (20.0, 30.0));
        statistics.lost(2);
        statistics.received(at(99), &message(2, 1, Said::Accepted { matched: 7 }));
        assert_eq!((statistics.followers[&2].success, statistics.followers[&2].fail), (2, 1));
        assert_eq!(statistics.sent.rates(at(20)), (150.0, 7_500.0));
        assert_eq!(statistics.sent.rates(at(2_000)), (0.0, 0.0));
    }
}

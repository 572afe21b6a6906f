//! When time alone is a reason to propose or to write.

use crate::clock::Now;

const MS: u64 = 1_000_000;
/// The commit index alone is written after this long without another write.
const QUIET_NS: u64 = 50 * MS;
/// With times to live about, the log hears the time this often, so that a power-off adds no more than this to them.
const CLOCK_RECORD_NS: u64 = 1_000 * MS;
/// The wall clock is followed once it differs by more than this.
const OFFSET_TOLERANCE_NS: u64 = 1_000 * MS;
/// At the first look it is followed more closely: a power-off has just passed.
const FIRST_OFFSET_TOLERANCE_NS: u64 = MS;
/// The longest sleep: a changed wall clock is noticed within it.
const SLEEP_MAX_NS: u64 = 500 * MS;
const SLEEP_MIN_NS: u64 = MS;

#[derive(Debug)]
pub(super) struct Timing {
    /// Greatest time given to an entry or record.
    stamped_ns: u64,
    /// The time that the log has been told last.
    recorded_ns: u64,
    /// It is later than what has been heard since.
    went_back: bool,
    /// The offset between cluster time and the wall clock that this leader has proposed last.
    proposed_offset_ns: Option<i64>,
    offset_checked: bool,
    wrote_mono_ns: u64,
}

impl Timing {
    /// `recorded_ns`: what the log may have been told in former starts.
    pub fn new(recorded_ns: u64) -> Self {
        Self {
            stamped_ns: 0,
            recorded_ns,
            went_back: false,
            proposed_offset_ns: None,
            offset_checked: false,
            wrote_mono_ns: 0,
        }
    }

    /// This member begins to lead, with cluster time `time_ns`.
    pub fn lead(&mut self, time_ns: u64) {
        self.stamped_ns = time_ns;
        self.proposed_offset_ns = None;
        self.offset_checked = false;
    }

    /// The time to put on an entry: never smaller than on the one before.
    pub fn stamp(&mut self, time_ns: u64) -> u64 {
        self.stamped_ns = self.stamped_ns.max(time_ns);
        self.stamped_ns
    }

    /// The offset to propose, if the wall clock has moved against cluster time. `applied_ns` is the store's.
    pub fn new_offset(&mut self, offset_ns: i64, applied_ns: i64) -> Option<i64> {
        let tolerance_ns =
            if self.offset_checked { OFFSET_TOLERANCE_NS } else { FIRST_OFFSET_TOLERANCE_NS };
        self.offset_checked = true;
        let known_ns = self.proposed_offset_ns.unwrap_or(applied_ns);
        if offset_ns.abs_diff(known_ns) <= tolerance_ns {
            return None;
        }
        self.proposed_offset_ns = Some(offset_ns);
        Some(offset_ns)
    }

    /// The last one was not taken: look again next time.
    pub fn offset_refused(&mut self) {
        self.proposed_offset_ns = None;
        self.offset_checked = false;
    }

    /// Cluster time goes on from here; the log may know a later one, of a leader that was cut off.
    pub fn goes_on_from(&mut self, time_ns: u64) {
        if time_ns < self.recorded_ns {
            self.went_back = true;
        }
    }

    /// Whether the log has to be told, so that a start does not go on from the later one.
    pub fn went_back(&self) -> bool {
        self.went_back
    }

    pub fn clock_record_due(&self, time_ns: u64) -> bool {
        time_ns >= self.recorded_ns.max(self.stamped_ns).saturating_add(CLOCK_RECORD_NS)
    }

    pub fn recorded(&mut self, time_ns: u64) {
        self.recorded_ns = time_ns;
        self.went_back = false;
    }

    pub fn wrote(&mut self, now: Now) {
        self.wrote_mono_ns = now.mono_ns;
    }

    pub fn is_quiet(&self, now: Now) -> bool {
        now.mono_ns >= self.wrote_mono_ns.saturating_add(QUIET_NS)
    }

    pub fn sleep_ns(&self, time_ns: u64, next_deadline_ns: Option<u64>, has_news: bool) -> u64 {
        let mut sleep_ns = if has_news { QUIET_NS } else { SLEEP_MAX_NS };
        if let Some(deadline_ns) = next_deadline_ns {
            sleep_ns = sleep_ns.min(deadline_ns.saturating_sub(time_ns));
        }
        sleep_ns.max(SLEEP_MIN_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_on_entries_never_go_back() {
        let mut timing = Timing::new(0);
        assert_eq!((timing.stamp(5), timing.stamp(3), timing.stamp(9)), (5, 5, 9));
    }

    #[test]
    fn the_wall_clock_is_followed_closely_at_first_and_loosely_after() {
        let mut timing = Timing::new(0);
        assert_eq!(timing.new_offset(2 * MS as i64, 0), Some(2 * MS as i64));
        assert_eq!(timing.new_offset(900 * MS as i64, 0), None);
        assert_eq!(timing.new_offset(-1_100 * MS as i64, 0), Some(-1_100 * MS as i64));
        timing.lead(0);
        assert_eq!(timing.new_offset(-1_100 * MS as i64, -1_100 * MS as i64), None);
    }

    #[test]
    fn an_offset_that_was_refused_is_proposed_again() {
        let mut timing = Timing::new(0);
        assert_eq!(timing.new_offset(2 * MS as i64, 0), Some(2 * MS as i64));
        timing.offset_refused();
        assert_eq!(timing.new_offset(2 * MS as i64, 0), Some(2 * MS as i64));
        assert_eq!(timing.new_offset(2 * MS as i64, 0), None);
    }

    #[test]
    fn sleep_ends_at_the_next_deadline() {
        let timing = Timing::new(0);
        assert_eq!(timing.sleep_ns(0, None, false), SLEEP_MAX_NS);
        assert_eq!(timing.sleep_ns(0, None, true), QUIET_NS);
        assert_eq!(timing.sleep_ns(0, Some(7 * MS), true), 7 * MS);
        assert_eq!(timing.sleep_ns(10 * MS, Some(7 * MS), true), SLEEP_MIN_NS);
    }
}

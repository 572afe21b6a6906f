//! Looking for batches at every place of a segment, behind the one where reading stopped.
//!
//! What stands there may have been chosen by a client: a value can be full of what looks like the
//! headers of long batches. So a header is believed only as far as its sequence can be right, and
//! the checksums of long ones are computed only as often as keeps the work linear.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::WalError;
use crate::frame::ALIGN;
use crate::record::{Record, Records};
use crate::segment::read_error;
use crate::state::HardState;
use crate::window::Window;

/// Bytes of long batches that are checked, as a multiple of the segment: real ones do not overlap,
/// so that they take one for each seed.
const BUDGET_SEGMENTS: u64 = 4;
/// Batches up to this are checked always. Those that hold the state of a member are shorter.
const SHORT_BYTES: u64 = 512;

/// What valid batches behind the damage say. Promises in them hold even when their entries go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Salvage {
    pub batches: u64,
    pub max_index: u64,
    pub hard: Option<HardState>,
    pub incarnation: u64,
    pub clock_ns: u64,
}

impl Salvage {
    fn add(&mut self, payload: &[u8]) {
        self.batches += 1;
        for record in Records::new(payload).flatten() {
            match record {
                Record::Entry { index, .. } => self.max_index = self.max_index.max(index),
                Record::HardState { term, vote, commit } => {
                    if self.hard.is_none_or(|hard| hard.term <= term) {
                        self.hard = Some(HardState { term, vote, commit });
                    }
                }
                Record::Start { incarnation } => {
                    self.incarnation = self.incarnation.max(incarnation);
                }
                Record::Clock { time_ns } => self.clock_ns = self.clock_ns.max(time_ns),
                Record::SnapshotMark { .. } => {}
            }
        }
    }
}

/// What stands in a stretch of a segment.
pub(crate) struct Survey {
    /// Offset after the last byte that is not zero, in steps of eight.
    pub used_end: u64,
    /// Offset and sequence of the first valid batch.
    pub first: Option<(u64, u64)>,
    /// Offset of the first that looks like a batch and was not checked any more.
    pub untold: Option<u64>,
    /// Offset of the first behind `from` that looks like a batch, and that no seed proves to be one.
    pub unproven: Option<u64>,
    /// Bytes over which checksums were computed.
    pub checked_bytes: u64,
}

/// Look at every multiple of eight from `from` on for batches with one of `sequences`.
pub(crate) fn survey(
    window: &mut Window,
    path: &Path,
    from: u64,
    seeds: &[u32],
    sequences: &RangeInclusive<u64>,
    salvage: &mut Salvage,
) -> Result<Survey, WalError> {
    let mut found =
        Survey { used_end: from, first: None, untold: None, unproven: None, checked_bytes: 0 };
    let mut budget = window.len().saturating_mul(BUDGET_SEGMENTS);
    let mut offset = from;
    while let Some(at) = window.next_word(offset).map_err(read_error(path, offset))? {
        offset = at + ALIGN;
        found.used_end = offset;
        let frame = window.frame(at).map_err(read_error(path, at))?;
        let Some(frame) = frame.filter(|frame| sequences.contains(&frame.sequence)) else {
            continue;
        };
        let bytes = frame.payload_bytes as u64;
        let mut is_proven = false;
        for &seed in seeds {
            if bytes > SHORT_BYTES {
                if bytes > budget {
                    found.untold.get_or_insert(at);
                    break;
                }
                budget -= bytes;
            }
            found.checked_bytes += bytes;
            let Some(batch) = window.check(at, &frame, seed).map_err(read_error(path, at))? else {
                continue;
            };
            salvage.add(window.payload(at, &batch).map_err(read_error(path, at))?);
            found.first.get_or_insert((at, batch.sequence));
            offset = batch.end;
            found.used_end = offset;
            is_proven = true;
            break;
        }
        if !is_proven && at > from {
            found.unproven.get_or_insert(at);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FRAME_BYTES, seal};
    use crate::real_disk::RealDisk;

    const BYTES: usize = 1 << 20;
    const SEED: u32 = 7;
    const KNOWN: RangeInclusive<u64> = 100..=100 + BYTES as u64 / 32;

    /// A segment of nothing but headers of batches that reach to its end.
    fn hostile(sequence: impl Fn(usize) -> u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() + FRAME_BYTES < BYTES {
            let payload_bytes = (BYTES - bytes.len() - FRAME_BYTES) as u32;
            let sequence = sequence(bytes.len());
            bytes.extend(b"BAT1");
            bytes.extend(payload_bytes.to_le_bytes());
            bytes.extend(sequence.to_le_bytes());
            bytes.extend([1, 2, 3, 4, 0, 0, 0, 0]);
        }
        bytes.resize(BYTES, 1);
        bytes
    }

    fn surveyed(bytes: &[u8]) -> (Survey, Salvage) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("segment");
        std::fs::write(&path, bytes).unwrap();
        let mut window = Window::open(RealDisk::new(false).as_ref(), &path).unwrap();
        let mut salvage = Salvage::default();
        let found = survey(&mut window, &path, 0, &[SEED], &KNOWN, &mut salvage).unwrap();
        (found, salvage)
    }

    #[test]
    fn headers_in_values_cost_linear_work() {
        let plausible = hostile(|at| 100 + at as u64 / 40);
        let (found, _) = surveyed(&plausible);
        let linear = 8 * BYTES as u64;
        assert!(found.checked_bytes < linear, "{} bytes", found.checked_bytes);
        assert!(found.untold.is_some(), "as if everything had been looked at");
        assert_eq!(found.used_end, BYTES as u64);
        // The control: what the budget keeps from being done is far more than that.
        let all = (BYTES / FRAME_BYTES) as u64 * BYTES as u64 / 2;
        assert!(all > 1000 * linear);
    }

    #[test]
    fn a_sequence_that_cannot_be_costs_nothing() {
        for sequence in [99, 101 + BYTES as u64 / 32, u64::MAX] {
            let (found, _) = surveyed(&hostile(|_| sequence));
            assert_eq!((found.checked_bytes, found.untold), (0, None));
        }
    }

    #[test]
    fn batches_that_do_not_overlap_are_all_found() {
        let mut bytes = Vec::new();
        for sequence in 100.. {
            let mut batch = vec![0; FRAME_BYTES];
            Record::HardState { term: sequence, vote: 0, commit: 0 }.put(&mut batch);
            Record::Entry { term: 1, index: sequence, payload: &vec![9; 40_000] }.put(&mut batch);
            seal(&mut batch, sequence, SEED);
            if bytes.len() + batch.len() > BYTES {
                break;
            }
            bytes.extend(batch);
        }
        let (found, salvage) = surveyed(&bytes);
        assert_eq!((found.first, found.untold), (Some((0, 100)), None));
        assert_eq!((salvage.batches, salvage.max_index), (26, 125));
    }

    /// Short batches hold what a member has promised.
    #[test]
    fn a_promise_is_found_behind_any_number_of_headers() {
        let mut bytes = hostile(|at| 100 + at as u64 / 40);
        let mut batch = vec![0; FRAME_BYTES];
        Record::HardState { term: 5, vote: 7, commit: 30 }.put(&mut batch);
        seal(&mut batch, 200, SEED);
        let at = BYTES / 2;
        bytes[at..at + batch.len()].copy_from_slice(&batch);
        let (found, salvage) = surveyed(&bytes);
        assert!(found.untold.is_some());
        assert_eq!(salvage.hard, Some(HardState { term: 5, vote: 7, commit: 30 }));
    }
}

//! The damage rule: is what ends the log a torn write, or has something been lost?
//!
//! A write that was under way when the power went is expected and cut off. Anything that can only
//! be explained by acknowledged bytes having changed stops the start: going on silently would
//! break the promise that was given for them, and in a cluster could even undo a vote.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::{ErrorKind, WalError};
use crate::frame::BATCH_BYTES_MIN;
use crate::header::{HEADER_BYTES, SECTOR_BYTES};
use crate::segment::{self, Opened, SegmentFile};
use crate::survey::{Salvage, Survey, survey};
use crate::walk::{Ending, Outcome, Place, Walk};

/// What was found, for the person and for `repair`.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    /// Sentences: where, what would be lost, what to do.
    pub message: String,
    /// Entries that would be lost, as far as that can be told.
    pub would_lose: u64,
    pub salvage: Salvage,
}

impl Damage {
    pub(crate) fn into_error(self) -> WalError {
        WalError::new(ErrorKind::Damaged, self.message)
    }
}

/// A segment after the place where reading stopped.
struct Later<'a> {
    file: &'a SegmentFile,
    /// First index by its header; `None`: the header does not check out.
    first_index: Option<u64>,
    survey: Survey,
    file_bytes: u64,
}

fn survey_later<'a>(
    walk: &Walk<'a>,
    files: &'a [SegmentFile],
    sequence_min: u64,
    salvage: &mut Salvage,
) -> Result<Vec<Later<'a>>, WalError> {
    let mut later = Vec::new();
    for file in files {
        let Opened { mut window, header } = segment::open(walk.disk, file, walk.identity)?;
        let (first_index, seeds) = match header {
            Ok((header, seed)) => (Some(header.first_index), [seed, seed]),
            Err(seeds) => (None, seeds),
        };
        let seeds = if seeds[0] == seeds[1] { &seeds[..1] } else { &seeds[..] };
        let from = HEADER_BYTES as u64;
        let file_bytes = window.len();
        // Segments may be missing in between: how high a sequence can be is not known.
        let sequences = sequence_min..=u64::MAX;
        let survey = survey(&mut window, &file.path, from, seeds, &sequences, salvage)?;
        later.push(Later { file, first_index, survey, file_bytes });
    }
    Ok(later)
}

/// Which sequences a batch in the segment of `place` can have, from `min` on: no more were written
/// after the expected one than the shortest ones that fit into it.
fn sequences_here(place: &Place, min: u64) -> RangeInclusive<u64> {
    let more = place.opened.window.len() / BATCH_BYTES_MIN;
    min..=place.expected.map_or(u64::MAX, |expected| expected.saturating_add(more))
}

/// No batch stands at `place` and the next segment does not go on there either: decide.
pub(crate) fn judge(
    walk: &Walk<'_>,
    place: &mut Place,
    outcome: &Outcome,
) -> Result<Ending, WalError> {
    let mut salvage = Salvage::default();
    let file = &walk.files[place.segment];
    let expected = place.expected.unwrap_or(1);
    let sequences = sequences_here(place, expected);
    let here = survey(
        &mut place.opened.window,
        &file.path,
        place.offset,
        &[place.seed],
        &sequences,
        &mut salvage,
    )?;
    let later = survey_later(walk, &walk.files[place.segment + 1..], expected, &mut salvage)?;
    Ok(match cause(walk, place, outcome, &here, &later) {
        Some(cause) => Ending::Damaged(describe(walk, outcome, &cause, salvage)),
        None => Ending::Whole { torn_bytes: here.used_end - place.offset },
    })
}

/// Why it is damage; `None`: it is a torn tail or nothing at all.
fn cause(
    walk: &Walk<'_>,
    place: &Place,
    outcome: &Outcome,
    here: &Survey,
    later: &[Later<'_>],
) -> Option<String> {
    let file = &walk.files[place.segment];
    let spot = format!("byte {} of {}", place.offset, file.path.display());
    let last = outcome.state.tail.last();
    if let Some(next) = later.first()
        && let Some(cause) = segment_cause(file, next, later.len())
    {
        return Some(cause);
    }
    let in_later = || later.iter().find_map(|l| l.survey.first.map(|first| (first, l.file)));
    if let Some(((at, sequence), other)) = here.first.map(|first| (first, file)).or_else(in_later) {
        return Some(format!(
            "the batch that has to stand at {spot} is damaged: batch {sequence}, which was \
             written after it, stands at byte {at} of {}",
            other.path.display()
        ));
    }
    let untold_later = || later.iter().find_map(|l| l.survey.untold.map(|at| (at, l.file)));
    if let Some((at, other)) = here.untold.map(|at| (at, file)).or_else(untold_later) {
        return Some(format!(
            "what stands at {spot} may be damaged: from byte {at} of {} on there is more that \
             looks like batches than can be checked",
            other.path.display()
        ));
    }
    if let Some(next) = later.first() {
        let next_path = next.file.path.display();
        if later.len() > 1 {
            return Some(format!("{next_path} was filled, but no valid batch is in it"));
        }
        // Its header and first batch are inside one sector, and are synced before anything is
        // written behind them: so they had been there, and what came after was a real write.
        if next.survey.used_end > SECTOR_BYTES {
            return Some(format!(
                "{next_path} was written to beyond its first {SECTOR_BYTES} bytes, but no valid \
                 batch is in it"
            ));
        }
        if here.used_end > place.offset {
            return Some(format!(
                "the last batch of a finished segment, at {spot}, is damaged: {next_path} was \
                 begun after it"
            ));
        }
        if let Some(first) = next.first_index.filter(|&first| first > last.saturating_add(1)) {
            return Some(format!(
                "entries are missing at {spot}: {next_path} goes on with entry {first}, but the \
                 last one before it is entry {last}"
            ));
        }
    }
    if place.expected.is_none() {
        return Some(format!(
            "the first batch of the log, at {spot}, is damaged: it was there when the segments \
             before it were deleted"
        ));
    }
    let commit = outcome.state.commit();
    if commit > last {
        return Some(format!(
            "entries are missing at {spot}: entry {commit} was committed, but the log ends with \
             entry {last}"
        ));
    }
    let start = outcome.state.tail.start();
    (start > walk.from_index.saturating_add(1)).then(|| {
        format!(
            "the log does not reach back to the snapshot: it begins with entry {start} in {}, and \
             the newest snapshot that can be read ends with entry {}",
            walk.files[0].path.display(),
            walk.from_index
        )
    })
}

/// What is wrong with the row of segments itself.
fn segment_cause(file: &SegmentFile, next: &Later<'_>, count: usize) -> Option<String> {
    if file.sequence.checked_add(1) != Some(next.file.sequence) {
        return Some(format!(
            "a segment file is missing: {} (sequence {}) is followed by {} (sequence {})",
            file.path.display(),
            file.sequence,
            next.file.path.display(),
            next.file.sequence
        ));
    }
    // A file has its full length before it becomes a segment. Its header and the first batch are
    // inside one sector, and are synced before anything is written behind them: also what lies in
    // the same sector, and cannot be checked without the header.
    let unused = next.file_bytes >= SECTOR_BYTES
        && next.survey.first.is_none()
        && next.survey.unproven.is_none()
        && next.survey.used_end <= SECTOR_BYTES;
    (next.first_index.is_none() && !(unused && count == 1)).then(|| bad_header(&next.file.path))
}

fn bad_header(path: &Path) -> String {
    format!("the header of {}, at byte 0, is damaged", path.display())
}

/// The oldest segment has no valid header.
pub(crate) fn first_header(walk: &Walk<'_>) -> Result<Damage, WalError> {
    let mut salvage = Salvage::default();
    survey_later(walk, walk.files, 1, &mut salvage)?;
    Ok(describe_loss(walk, &bad_header(&walk.files[0].path), walk.from_index, 0, salvage))
}

/// There is an identity, but no log.
pub(crate) fn no_segment(walk: &Walk<'_>) -> Damage {
    let cause = format!("the log in {} is missing", walk.root.join("member/wal").display());
    describe_loss(walk, &cause, walk.from_index, 0, Salvage::default())
}

/// A batch has the right checksum, and yet it cannot be used.
pub(crate) fn unreadable_batch(
    walk: &Walk<'_>,
    place: &mut Place,
    outcome: &Outcome,
    why: &str,
) -> Result<Damage, WalError> {
    let mut salvage = Salvage::default();
    let path = &walk.files[place.segment].path;
    let sequences = sequences_here(place, 1);
    let window = &mut place.opened.window;
    survey(window, path, place.offset, &[place.seed], &sequences, &mut salvage)?;
    survey_later(walk, &walk.files[place.segment + 1..], 1, &mut salvage)?;
    let cause =
        format!("the batch at byte {} of {} cannot be read: {why}", place.offset, path.display());
    Ok(describe(walk, outcome, &cause, salvage))
}

fn describe(walk: &Walk<'_>, outcome: &Outcome, cause: &str, salvage: Salvage) -> Damage {
    let (last, commit) = (outcome.state.tail.last(), outcome.state.commit());
    if outcome.state.tail.start() > walk.from_index.saturating_add(1) {
        // Nothing of a log that does not reach the snapshot can be used.
        return describe_loss(walk, cause, walk.from_index, commit.max(last), salvage);
    }
    describe_loss(walk, cause, last, commit, salvage)
}

fn describe_loss(
    walk: &Walk<'_>,
    cause: &str,
    last: u64,
    known_last: u64,
    salvage: Salvage,
) -> Damage {
    let lost_last = salvage.max_index.max(known_last);
    let would_lose = lost_last.saturating_sub(last);
    let loss = match would_lose {
        0 => "starting without it could lose writes or a vote that were acknowledged".to_owned(),
        1 => format!("starting without it would lose at least entry {lost_last}"),
        _ => format!(
            "starting without it would lose at least entries {} to {lost_last}",
            last.saturating_add(1)
        ),
    };
    let root = walk.root.display();
    let message = format!(
        "{cause}; {loss}. Restore the data directory from a backup, or remove this member from \
         its cluster and add it again with an empty directory. `coreos etcd verify {root}` shows \
         the damage; `coreos etcd repair {root}` cuts the log there and keeps what it cuts in \
         .broken files"
    );
    Damage { message, would_lose, salvage }
}

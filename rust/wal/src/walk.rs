//! One pass over the log, in order, without changing anything.
//!
//! Recovery, `verify` and `repair` all see the log through this walk and differ only in what they
//! do with its outcome.

use crate::damage::{self, Damage};
use crate::disk::Disk;
use crate::error::{ErrorKind, WalError};
use crate::header::HEADER_BYTES;
use crate::identity::Identity;
use crate::record::{BadRecord, Record, Records};
use crate::segment::{self, Opened, SegmentFile, read_error};
use crate::state::{State, Step};
use crate::window::Valid;

/// Called for every record, in log order; an error ends the walk.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Record<'_>) -> Result<(), String>;

/// What the walk goes over.
pub(crate) struct Walk<'a> {
    pub disk: &'a dyn Disk,
    pub identity: &'a Identity,
    pub files: &'a [SegmentFile],
    /// Index of the snapshot that was loaded: the log must reach back to it.
    pub from_index: u64,
    /// Path of the data directory, for messages.
    pub root: &'a std::path::Path,
}

/// Where reading stopped, and what that means.
pub(crate) struct Outcome {
    pub state: State,
    /// Greatest index in each segment that was read; 0: no entry.
    pub max_indexes: Vec<u64>,
    /// Segment and offset after the last good batch; segment 0 and offset 0: none is readable.
    pub segment: usize,
    pub offset: u64,
    pub seed: u32,
    /// Where the last good batch of that segment begins.
    pub last_batch: Option<u64>,
    pub next_sequence: u64,
    pub ending: Ending,
    pub notes: Vec<String>,
}

/// How the log ends.
pub(crate) enum Ending {
    /// All that was acknowledged is there. `torn_bytes` of an unacknowledged write follow, and
    /// perhaps one segment that was never used.
    Whole { torn_bytes: u64 },
    /// Something that was acknowledged is not.
    Damaged(Damage),
}

/// Where the walk is.
pub(crate) struct Place {
    pub segment: usize,
    pub offset: u64,
    pub opened: Opened,
    pub seed: u32,
    pub last_batch: Option<u64>,
    /// Not known before the first batch of a log whose beginning was released.
    pub expected: Option<u64>,
}

impl Walk<'_> {
    pub(crate) fn run(&self, visit: Visit<'_>) -> Result<Outcome, WalError> {
        let Some(first) = self.files.first() else {
            return Ok(self.unreadable(damage::no_segment(self)));
        };
        let opened = segment::open(self.disk, first, self.identity)?;
        let Ok((header, seed)) = opened.header else {
            return Ok(self.unreadable(damage::first_header(self)?));
        };
        let mut outcome = Outcome {
            state: State::new(header.first_index),
            max_indexes: vec![0],
            ..self.unreadable(damage::no_segment(self))
        };
        let mut place = Place {
            segment: 0,
            offset: HEADER_BYTES as u64,
            opened,
            seed,
            last_batch: None,
            expected: (header.sequence == 0).then_some(1),
        };
        let ending = loop {
            let unreadable = self.read_segment(&mut place, &mut outcome, visit)?;
            if let Some(cause) = unreadable {
                break Ending::Damaged(damage::unreadable_batch(
                    self, &mut place, &outcome, &cause,
                )?);
            }
            if self.enter_next(&mut place, &mut outcome)? {
                continue;
            }
            match damage::judge(self, &mut place, &outcome)? {
                // Somebody is writing to this log: `verify` may look at a running member.
                Ending::Damaged(_) if self.grew(&mut place)? => {}
                ending => break ending,
            }
        };
        outcome.segment = place.segment;
        outcome.offset = place.offset;
        outcome.seed = place.seed;
        outcome.last_batch = place.last_batch;
        outcome.next_sequence = place.expected.unwrap_or(1);
        outcome.ending = ending;
        Ok(outcome)
    }

    fn unreadable(&self, damage: Damage) -> Outcome {
        Outcome {
            state: State::new(self.from_index.saturating_add(1)),
            max_indexes: Vec::new(),
            segment: 0,
            offset: 0,
            seed: 0,
            last_batch: None,
            next_sequence: 1,
            ending: Ending::Damaged(damage),
            notes: Vec::new(),
        }
    }

    /// Read batches until one does not stand where it should. The result says why a batch whose
    /// checksum is right cannot be used.
    fn read_segment(
        &self,
        place: &mut Place,
        outcome: &mut Outcome,
        visit: Visit<'_>,
    ) -> Result<Option<String>, WalError> {
        let path = &self.files[place.segment].path;
        while let Some(batch) = self.expected_batch(place)? {
            let window = &mut place.opened.window;
            let payload =
                window.payload(place.offset, &batch).map_err(read_error(path, place.offset))?;
            if let Some(cause) = check(payload, &outcome.state, path, place.offset)? {
                return Ok(Some(cause));
            }
            outcome.state.bytes_since_mark += batch.end - place.offset;
            for record in Records::new(payload).flatten() {
                let step = Step::of(&record);
                // Whether it fits was looked at above.
                let _ = outcome.state.apply(step);
                if let Record::Entry { index, .. } = record {
                    let max_index = &mut outcome.max_indexes[place.segment];
                    *max_index = (*max_index).max(index);
                    if index <= self.from_index {
                        continue;
                    }
                }
                visit(record).map_err(|message| refused(path, place.offset, &message))?;
            }
            place.last_batch = Some(place.offset);
            place.offset = batch.end;
            place.expected = batch.sequence.checked_add(1);
        }
        Ok(None)
    }

    /// The batch with the expected sequence, if it stands at the place.
    fn expected_batch(&self, place: &mut Place) -> Result<Option<Valid>, WalError> {
        let path = &self.files[place.segment].path;
        let batch = place
            .opened
            .window
            .batch(place.offset, place.seed)
            .map_err(read_error(path, place.offset))?;
        Ok(batch.filter(|batch| place.expected.is_none_or(|expected| batch.sequence == expected)))
    }

    fn grew(&self, place: &mut Place) -> Result<bool, WalError> {
        place.opened.window.refresh();
        Ok(self.expected_batch(place)?.is_some())
    }

    /// Go on with the next segment, when the next batch stands at its beginning.
    fn enter_next(&self, place: &mut Place, outcome: &mut Outcome) -> Result<bool, WalError> {
        let here = &self.files[place.segment];
        let Some(next) = self.files.get(place.segment + 1) else {
            return Ok(false);
        };
        if here.sequence.checked_add(1) != Some(next.sequence) || place.expected.is_none() {
            return Ok(false);
        }
        let opened = segment::open(self.disk, next, self.identity)?;
        let Ok((_, seed)) = opened.header else {
            return Ok(false);
        };
        let mut there = Place {
            segment: place.segment + 1,
            offset: HEADER_BYTES as u64,
            opened,
            seed,
            last_batch: None,
            expected: place.expected,
        };
        if self.expected_batch(&mut there)?.is_none() {
            return Ok(false);
        }
        let window = &mut place.opened.window;
        if let Some(odd) =
            window.next_word(place.offset).map_err(read_error(&here.path, place.offset))?
        {
            outcome.notes.push(format!(
                "{} has bytes that are not zero after its last batch, at byte {odd}; nothing is \
                 missing, but look at the disk's health",
                here.path.display()
            ));
        }
        outcome.max_indexes.push(0);
        *place = there;
        Ok(true)
    }
}

/// Whether every record of a payload can be used; said before the first one is visited.
fn check(
    payload: &[u8],
    state: &State,
    path: &std::path::Path,
    offset: u64,
) -> Result<Option<String>, WalError> {
    let mut tail = state.tail.clone();
    for record in Records::new(payload) {
        match record {
            Ok(Record::Entry { term, index, .. }) => {
                if let Err(misfit) = tail.append(term, index, index) {
                    return Ok(Some(misfit.to_string()));
                }
            }
            Ok(Record::SnapshotMark { term, index }) => tail.mark(term, index),
            Ok(_) => {}
            Err(BadRecord::Malformed) => return Ok(Some("its records are malformed".to_owned())),
            Err(BadRecord::Newer { kind }) => {
                return Err(WalError::new(
                    ErrorKind::Newer,
                    format!(
                        "the batch at byte {offset} of {} holds a record (kind {kind}) that is \
                         written by a newer version: start that version again",
                        path.display()
                    ),
                ));
            }
        }
    }
    Ok(None)
}

fn refused(path: &std::path::Path, offset: u64, message: &str) -> WalError {
    WalError::new(
        ErrorKind::Damaged,
        format!(
            "the batch at byte {offset} of {} is whole, but what it holds was refused: {message}",
            path.display()
        ),
    )
}

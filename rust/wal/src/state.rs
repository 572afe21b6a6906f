//! What the log says so far, apart from the entries' contents.

use crate::record::Record;
use crate::tail::{Misfit, Tail};

/// A record without its payload; a run of entries of one term is one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Entries { term: u64, first: u64, last: u64 },
    HardState(HardState),
    Mark { term: u64, index: u64 },
    Clock { time_ns: u64 },
    Start { incarnation: u64 },
}

impl Step {
    pub(crate) fn of(record: &Record<'_>) -> Step {
        match *record {
            Record::Entry { term, index, .. } => Step::Entries { term, first: index, last: index },
            Record::HardState { term, vote, commit } => {
                Step::HardState(HardState { term, vote, commit })
            }
            Record::SnapshotMark { term, index } => Step::Mark { term, index },
            Record::Clock { time_ns } => Step::Clock { time_ns },
            Record::Start { incarnation } => Step::Start { incarnation },
        }
    }
}

/// The last promise of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HardState {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
}

/// All that has to be known to go on writing.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub tail: Tail,
    pub hard: Option<HardState>,
    pub incarnation: u64,
    pub clock_ns: u64,
    /// Bytes of batches since the last snapshot mark.
    pub bytes_since_mark: u64,
}

impl State {
    /// Nothing read yet of a log whose first entry will be `start`.
    pub(crate) fn new(start: u64) -> State {
        State {
            tail: Tail::new(start),
            hard: None,
            incarnation: 0,
            clock_ns: 0,
            bytes_since_mark: 0,
        }
    }

    pub(crate) fn apply(&mut self, step: Step) -> Result<(), Misfit> {
        match step {
            Step::Entries { term, first, last } => self.tail.append(term, first, last)?,
            Step::HardState(hard) => self.hard = Some(hard),
            Step::Mark { term, index } => {
                self.tail.mark(term, index);
                self.bytes_since_mark = 0;
            }
            // The last one counts: another leader may have gone on from less than a record says.
            Step::Clock { time_ns } => self.clock_ns = time_ns,
            Step::Start { incarnation } => self.incarnation = self.incarnation.max(incarnation),
        }
        Ok(())
    }

    pub(crate) fn commit(&self) -> u64 {
        self.hard.map_or(0, |hard| hard.commit)
    }

    /// Whether `steps` can follow. Nothing is changed, so that a batch which is refused or fails
    /// leaves no trace.
    pub(crate) fn admits(&self, steps: &[Step]) -> Result<(), Misfit> {
        // Nearly always one run of entries, with a hard state.
        let mut changes =
            steps.iter().filter(|step| matches!(step, Step::Entries { .. } | Step::Mark { .. }));
        match (changes.next(), changes.next()) {
            (None, _) => Ok(()),
            (Some(&Step::Entries { term, first, .. }), None) => self.tail.admits(term, first),
            _ => {
                let mut copy = self.clone();
                steps.iter().try_for_each(|&step| copy.apply(step))
            }
        }
    }
}

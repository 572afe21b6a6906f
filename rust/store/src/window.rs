//! The outcomes of the last commands that have a request id, so that one proposed twice is applied once.
//!
//! Bounded by count and by bytes, because an outcome keeps its event alive. Of a large one only the event without
//! values is kept, so that a single write cannot make the store forget all others. All limits work on what
//! every member has alike, so all members forget the same ids at the same command. What was forgotten
//! is remembered as one number per member: an id at or below it that is not in the window may have been
//! applied or not, and such a command gets "outcome unknown" instead of a second application.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::command::RequestId;
use crate::error::Error;
use crate::event::{Event, LARGE_BYTES};
use crate::queue::Queue;

/// What came of a command.
pub(crate) type Outcome = Result<Option<Arc<Event>>, Error>;

/// Bytes that the outcomes may keep alive (about; see [`Event::bytes`]).
pub(crate) const OUTCOME_BYTES_MAX: usize = 8 << 20;

/// So many ids are kept whatever their keys take.
const LEN_MIN: usize = 64;

/// Forgotten ids: incarnation and greatest sequence of each member.
pub(crate) type Marks = BTreeMap<u64, (u64, u64)>;

/// Ids with their outcomes, oldest first.
#[derive(Debug)]
pub(crate) struct Window {
    by_id: HashMap<RequestId, u64, FxBuildHasher>,
    pub entries: Queue<(RequestId, Outcome)>,
    pub marks: Marks,
    /// How many entries have been forgotten: number of the first one.
    first: u64,
    bytes: usize,
    len_max: usize,
}

/// What the window knows of an id.
#[derive(Debug)]
pub(crate) enum Known<'a> {
    New,
    Applied(&'a Outcome),
    Forgotten,
}

impl Window {
    pub fn new(len_max: usize) -> Self {
        Self {
            by_id: HashMap::default(),
            entries: Queue::default(),
            marks: Marks::new(),
            first: 0,
            bytes: 0,
            len_max,
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn find(&self, id: RequestId) -> Known<'_> {
        if let Some(number) = self.by_id.get(&id) {
            let at = usize::try_from(number - self.first).ok();
            if let Some((_, outcome)) = at.and_then(|at| self.entries.get(at)) {
                return Known::Applied(outcome);
            }
        }
        match self.marks.get(&id.member) {
            Some(mark) if (id.incarnation, id.sequence) <= *mark => Known::Forgotten,
            _ => Known::New,
        }
    }

    pub fn push(&mut self, id: RequestId, outcome: Outcome) {
        let outcome = kept(outcome);
        self.bytes += outcome_bytes(&outcome);
        self.by_id.insert(id, self.first + self.entries.len() as u64);
        self.entries.push((id, outcome));
        while self.entries.len() > self.len_max
            || (self.bytes > OUTCOME_BYTES_MAX && self.entries.len() > LEN_MIN)
        {
            let Some((oldest, outcome)) = self.entries.pop() else { return };
            self.first += 1;
            self.by_id.remove(&oldest);
            self.bytes -= outcome_bytes(&outcome);
            let mark = self.marks.entry(oldest.member).or_default();
            *mark = (*mark).max((oldest.incarnation, oldest.sequence));
        }
    }
}

/// A large outcome without what makes it large.
fn kept(outcome: Outcome) -> Outcome {
    match outcome {
        Ok(event) => Ok(event.map(|event| event.outcome())),
        Err(mut error) => {
            if error.cause.len() > LARGE_BYTES {
                error.cause = Vec::new();
            }
            Err(error)
        }
    }
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Ok(None) => 0,
        Ok(Some(event)) => event.bytes(),
        Err(error) => error.cause.len(),
    }
}

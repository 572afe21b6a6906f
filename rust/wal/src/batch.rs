//! A batch on its way to the disk.

use crate::frame::FRAME_BYTES;
use crate::record::Record;
use crate::state::{HardState, Step};

/// Records that become durable together. The buffer has room for the batch's header in front, so
/// that a write copies nothing; use one again and again.
#[derive(Debug)]
pub struct Batch {
    /// Header room, then the payload.
    buffer: Vec<u8>,
    steps: Vec<Step>,
}

/// What the buffer may keep between batches; a rare giant must not stay resident.
const KEPT_BYTES_MAX: usize = 8 << 20;

impl Default for Batch {
    fn default() -> Self {
        Batch::new()
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch { buffer: vec![0; FRAME_BYTES], steps: Vec::new() }
    }

    /// Append an entry. Its index follows the one before or is smaller, which replaces the suffix.
    pub fn entry(&mut self, term: u64, index: u64, payload: &[u8]) {
        Record::Entry { term, index, payload }.put(&mut self.buffer);
        if let Some(Step::Entries { term: same, last, .. }) = self.steps.last_mut()
            && *same == term
            && last.checked_add(1) == Some(index)
        {
            *last = index;
        } else {
            self.steps.push(Step::Entries { term, first: index, last: index });
        }
    }

    /// Append a hard state.
    pub fn hard_state(&mut self, term: u64, vote: u64, commit: u64) {
        Record::HardState { term, vote, commit }.put(&mut self.buffer);
        self.steps.push(Step::HardState(HardState { term, vote, commit }));
    }

    /// Append the mark of a snapshot whose file is durable.
    pub fn snapshot_mark(&mut self, term: u64, index: u64) {
        Record::SnapshotMark { term, index }.put(&mut self.buffer);
        self.steps.push(Step::Mark { term, index });
    }

    /// Append the cluster time.
    pub fn clock(&mut self, time_ns: u64) {
        Record::Clock { time_ns }.put(&mut self.buffer);
        self.steps.push(Step::Clock { time_ns });
    }

    /// Append the start of the member, for the `incarnation`th time.
    pub fn start(&mut self, incarnation: u64) {
        Record::Start { incarnation }.put(&mut self.buffer);
        self.steps.push(Step::Start { incarnation });
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == FRAME_BYTES
    }

    /// Length of the records, in bytes.
    pub fn payload_bytes(&self) -> usize {
        self.buffer.len() - FRAME_BYTES
    }

    /// Forget all records; the memory is kept.
    pub fn clear(&mut self) {
        self.buffer.truncate(FRAME_BYTES);
        self.buffer.shrink_to(KEPT_BYTES_MAX);
        self.steps.clear();
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

//! The log as one of theirs reads it back: its memory store, with snapshots as of what has been applied.

use std::cell::Cell;
use std::rc::Rc;

use coreos_raft::Position;
use raft::eraftpb::{ConfState, Entry, Snapshot};
use raft::storage::MemStorage;
use raft::{GetEntriesContext, RaftState, Result, Storage};

use crate::disk::Disk;
use crate::translate::entry_to_theirs;

pub struct Shelf {
    pub memory: MemStorage,
    voters: Vec<u64>,
    /// Theirs would take the snapshot at the commit index, although the state machine is not there yet.
    applied: Rc<Cell<u64>>,
}

pub fn snapshot(position: Position, voters: &[u64]) -> Snapshot {
    let mut made = Snapshot::default();
    let metadata = made.mut_metadata();
    (metadata.index, metadata.term) = (position.index, position.term);
    metadata.set_conf_state(ConfState::from((voters.to_vec(), Vec::new())));
    made
}

impl Shelf {
    pub fn new(disk: &Disk, voters: &[u64], applied: Rc<Cell<u64>>) -> Self {
        let memory = MemStorage::new_with_conf_state((voters.to_vec(), Vec::new()));
        if disk.snapshot.index > 0 {
            memory.wl().apply_snapshot(snapshot(disk.snapshot, voters)).expect("it is empty");
        }
        let entries: Vec<Entry> = disk.entries.iter().map(entry_to_theirs).collect();
        memory.wl().append(&entries).expect("without gaps");
        let mut hard_state = memory.rl().hard_state().clone();
        hard_state.term = disk.hard_state.term;
        hard_state.vote = disk.hard_state.vote;
        hard_state.commit = disk.hard_state.commit;
        memory.wl().set_hardstate(hard_state);
        Self { memory, voters: voters.to_vec(), applied }
    }
}

impl Storage for Shelf {
    fn initial_state(&self) -> Result<RaftState> {
        self.memory.initial_state()
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        self.memory.entries(low, high, max_size, context)
    }

    fn term(&self, index: u64) -> Result<u64> {
        self.memory.term(index)
    }

    fn first_index(&self) -> Result<u64> {
        self.memory.first_index()
    }

    fn last_index(&self) -> Result<u64> {
        self.memory.last_index()
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> Result<Snapshot> {
        assert_eq!(request_index, 0, "nobody asks for a certain snapshot");
        let index = self.applied.get();
        let term = self.memory.term(index)?;
        Ok(snapshot(Position { term, index }, &self.voters))
    }
}

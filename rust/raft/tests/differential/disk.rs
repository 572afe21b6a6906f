//! What is left of a member after a crash. It is the same for both kinds, so that one can go on with the other's.

use std::collections::VecDeque;

use coreos_raft::{Entry, HardState, Position};

/// What is durable: a state machine as of `snapshot`, and the log after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    pub hard_state: HardState,
    pub snapshot: Position,
    pub entries: Vec<Entry>,
}

impl Disk {
    pub fn last(&self) -> Position {
        self.entries.last().map_or(self.snapshot, Entry::position)
    }

    /// A snapshot of another member takes the place of everything.
    pub fn restore(&mut self, position: Position) {
        self.snapshot = position;
        self.entries.clear();
    }

    pub fn append(&mut self, entries: &[Entry]) {
        for entry in entries {
            let keep = (entry.index - self.snapshot.index - 1) as usize;
            assert!(keep <= self.entries.len(), "a gap before entry {}", entry.index);
            self.entries.truncate(keep);
            self.entries.push(entry.clone());
        }
    }

    /// A snapshot of the own state machine takes the place of the log up to `position`.
    pub fn compact(&mut self, position: Position) {
        self.snapshot = position;
        self.entries.retain(|entry| entry.index > position.index);
        self.hard_state.commit = self.hard_state.commit.max(position.index);
    }
}

/// How a disk breaks its word, for the controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It acknowledges a vote that it does not keep.
    ForgetsVotes,
    /// It acknowledges entries that it does not keep.
    LosesEntries,
}

/// A disk with writes that are not synced yet: after a crash some of the oldest may be there. `T` names one.
#[derive(Debug)]
pub struct Platter<T> {
    durable: Disk,
    /// With all writes.
    newest: Disk,
    writing: VecDeque<(T, Disk)>,
    fault: Option<Fault>,
}

impl<T> Platter<T> {
    pub fn new(durable: Disk, fault: Option<Fault>) -> Self {
        Self { newest: durable.clone(), durable, writing: VecDeque::new(), fault }
    }

    pub fn durable(&self) -> &Disk {
        &self.durable
    }

    pub fn write(&mut self, name: T, change: impl FnOnce(&mut Disk)) {
        change(&mut self.newest);
        self.writing.push_back((name, self.newest.clone()));
    }

    /// The oldest write is durable.
    pub fn sync(&mut self) -> Option<T> {
        let (name, mut disk) = self.writing.pop_front()?;
        match self.fault {
            Some(Fault::ForgetsVotes) => disk.hard_state.vote = 0,
            Some(Fault::LosesEntries) => {
                disk.entries.clear();
                disk.hard_state.commit = disk.snapshot.index;
            }
            None => {}
        }
        self.durable = disk;
        Some(name)
    }

    /// Take a snapshot of the state machine, if nothing is being written and the log reaches to it.
    pub fn compact(&mut self, position: Position) -> bool {
        let is_possible = self.writing.is_empty()
            && position.index > self.durable.snapshot.index
            && position.index <= self.durable.last().index;
        if is_possible {
            self.durable.compact(position);
            self.newest.compact(position);
        }
        is_possible
    }

    /// How many writes a crash may lose.
    pub fn unsynced(&self) -> usize {
        self.writing.len()
    }

    /// What a crash leaves when it spares so many of the unsynced writes.
    pub fn crash(mut self, spared: usize) -> Disk {
        for _ in 0..spared {
            self.sync();
        }
        self.durable
    }
}

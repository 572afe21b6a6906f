//! The log's records as recovery meets them: committed commands are applied at once, so that a long log needs little
//! memory; what is not yet known to be committed waits.

use std::collections::VecDeque;

use bytes::Bytes;
use coreos_raft::Entry;
use coreos_store::{Command, DecodeError};
use coreos_wal::Record;

use crate::applier::Applier;
use crate::completion::Completion;
use crate::error::{EngineError, ErrorKind};
use crate::replica::Decided;

pub(super) struct Replay {
    pub applier: Applier,
    /// Entries after the applied ones.
    pub tail: VecDeque<Waiting>,
    failure: Option<EngineError>,
}

pub(super) struct Waiting {
    pub entry: Entry,
    pub command: Option<Command>,
}

impl Replay {
    pub fn new(applier: Applier) -> Self {
        Self { applier, tail: VecDeque::new(), failure: None }
    }

    /// Why a record could not be taken, if that was what stopped the recovery.
    pub fn failure(&mut self) -> Option<EngineError> {
        self.failure.take()
    }

    pub fn visit(&mut self, record: Record<'_>) -> Result<(), String> {
        match record {
            Record::Entry { term, index, payload } => self.entry(term, index, payload),
            Record::HardState { commit, .. } => {
                self.apply_to(commit);
                Ok(())
            }
            Record::SnapshotMark { .. } | Record::Clock { .. } | Record::Start { .. } => Ok(()),
        }
    }

    fn entry(&mut self, term: u64, index: u64, payload: &[u8]) -> Result<(), String> {
        if index <= self.applier.raft_index {
            return Ok(());
        }
        while self.tail.back().is_some_and(|last| last.entry.index >= index) {
            self.tail.pop_back();
        }
        let next = self.tail.back().map_or(self.applier.raft_index, |last| last.entry.index) + 1;
        if index != next {
            // The log begins after the snapshot. It says so itself once it has been read to its end.
            return Ok(());
        }
        let command = match payload {
            [] => None,
            _ => Some(Command::decode(payload).map_err(|error| self.fail(index, &error))?),
        };
        let entry = Entry { term, index, payload: Bytes::copy_from_slice(payload) };
        self.tail.push_back(Waiting { entry, command });
        Ok(())
    }

    fn fail(&mut self, index: u64, error: &DecodeError) -> String {
        let failure = match error {
            DecodeError::Newer(version) => EngineError::new(
                ErrorKind::Newer,
                format!(
                    "entry {index} has command encoding {version}, written by a newer version: run that version"
                ),
            ),
            DecodeError::Malformed(what) => EngineError::new(
                ErrorKind::Damaged,
                format!("entry {index} is no command ({what}), although its checksum is right"),
            ),
        };
        let message = failure.message.clone();
        self.failure = Some(failure);
        message
    }

    /// The log ends at entry `last`: whatever came after it was put an end to by a later record.
    pub fn end_at(&mut self, last: u64) {
        while self.tail.back().is_some_and(|waiting| waiting.entry.index > last) {
            self.tail.pop_back();
        }
    }

    fn apply_to(&mut self, commit: u64) {
        let mut completions = Vec::new();
        while self.tail.front().is_some_and(|first| first.entry.index <= commit) {
            let Some(Waiting { entry, command }) = self.tail.pop_front() else { break };
            let Entry { term, index, .. } = entry;
            let decided = Decided { index, term, ticket: 0, command, proposed_mono_ns: 0 };
            self.applier.apply(decided, &mut completions);
            let is_answer = |one: &Completion| matches!(one, Completion::Applied { .. });
            debug_assert!(!completions.iter().any(is_answer), "nobody waits for a former start");
            completions.clear();
        }
    }
}

/// Entries for the log core, and their commands by index.
pub(super) fn split(tail: VecDeque<Waiting>) -> (Vec<Entry>, Vec<(u64, Command)>) {
    let mut commands = Vec::new();
    let mut entries = Vec::with_capacity(tail.len());
    for Waiting { entry, command } in tail {
        commands.extend(command.map(|command| (entry.index, command)));
        entries.push(entry);
    }
    (entries, commands)
}

//! The log's records as recovery meets them: committed commands are applied at once, so that a long log needs little
//! memory; what is not yet known to be committed waits.

use std::collections::VecDeque;

use bytes::Bytes;
use coreos_raft::{Entry, Position};
use coreos_store::Command;
use coreos_wal::Record;

use crate::applier::Applier;
use crate::completion::Completion;
use crate::error::EngineError;
use crate::versions;

/// Of applied entries, in bytes of payload. What is older comes with a snapshot.
const KEPT_BYTES_MAX: usize = 4 << 20;

pub(super) struct Replay {
    pub applier: Applier,
    /// Entries after the applied ones.
    pub tail: VecDeque<Waiting>,
    /// The last of the applied ones, for other members that are a little behind, and the entry before them.
    kept: VecDeque<Entry>,
    before_kept: Position,
    kept_bytes: usize,
    failure: Option<EngineError>,
    /// The newest version whose commands are known.
    speaks: String,
}

pub(super) struct Waiting {
    pub entry: Entry,
    pub command: Option<Command>,
}

/// What has come of it.
pub(super) struct Replayed {
    pub applier: Applier,
    /// The entry before the first of `entries`.
    pub before: Position,
    pub entries: Vec<Entry>,
}

impl Replay {
    pub fn new(applier: Applier, speaks: &str) -> Self {
        let before_kept = Position { term: applier.term, index: applier.raft_index };
        Self {
            applier,
            tail: VecDeque::new(),
            kept: VecDeque::new(),
            before_kept,
            kept_bytes: 0,
            failure: None,
            speaks: speaks.to_owned(),
        }
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
            _ => Some(self.decode(index, payload).map_err(|error| self.fail(error))?),
        };
        let entry = Entry { term, index, payload: Bytes::copy_from_slice(payload) };
        self.tail.push_back(Waiting { entry, command });
        Ok(())
    }

    fn decode(&self, index: u64, payload: &[u8]) -> Result<Command, EngineError> {
        let command =
            Command::decode(payload).map_err(|error| EngineError::of_entry(index, &error))?;
        versions::must_know(&self.speaks, index, &command)?;
        Ok(command)
    }

    fn fail(&mut self, failure: EngineError) -> String {
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

    /// Everything up to entry `commit` is committed.
    pub fn apply_to(&mut self, commit: u64) {
        let mut completions = Vec::new();
        while self.tail.front().is_some_and(|first| first.entry.index <= commit) {
            let Some(Waiting { entry, command }) = self.tail.pop_front() else { break };
            self.applier.apply(entry.position(), command.as_ref(), 0, &mut completions);
            let is_answer = |one: &Completion| matches!(one, Completion::Applied { .. });
            debug_assert!(!completions.iter().any(is_answer), "nobody waits for a former start");
            completions.clear();
            self.keep(entry);
        }
    }

    fn keep(&mut self, entry: Entry) {
        self.kept_bytes += entry.payload.len();
        self.kept.push_back(entry);
        while self.kept_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.payload.len();
            self.before_kept = oldest.position();
        }
    }

    /// The greatest time on an entry that is not applied.
    pub fn latest_ns(&self) -> u64 {
        let commands = self.tail.iter().filter_map(|waiting| waiting.command.as_ref());
        commands.map(|command| command.time_ns).max().unwrap_or(0)
    }

    /// The records are over.
    pub fn end(self) -> Replayed {
        let Self { applier, tail, kept, before_kept, .. } = self;
        // The only member has nobody to send them to.
        let is_alone = applier.store.members().len() <= 1;
        let applied = Position { term: applier.term, index: applier.raft_index };
        let (before, kept) =
            if is_alone { (applied, VecDeque::new()) } else { (before_kept, kept) };
        let entries = kept.into_iter().chain(tail.into_iter().map(|waiting| waiting.entry));
        Replayed { applier, before, entries: entries.collect() }
    }
}

//! From files to an open log.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use crate::batch::Batch;
use crate::dir::{DataDir, DirState};
use crate::disk::{File, read_full};
use crate::error::{ErrorKind, WalError, io_error};
use crate::header::HEADER_BYTES;
use crate::identity::Identity;
use crate::layout::NEXT;
use crate::options::WalOptions;
use crate::prepare::Prepared;
use crate::promises;
use crate::record::Record;
use crate::segment::{self, SegmentFile, read_error};
use crate::wal::{Closed, Current, Wal};
use crate::walk::{Ending, Outcome, Visit, Walk};

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Term of the last entry.
    pub last_term: u64,
    /// Index of the last entry of the log, or of the snapshot when the log ends before it. Entries
    /// above it that were visited are gone: a snapshot mark put an end to them.
    pub last_index: u64,
    /// Greatest index known to be committed.
    pub commit: u64,
    /// Whom the member voted for in `term`; 0: nobody.
    pub vote: u64,
    /// Current term.
    pub term: u64,
    /// Of the last start.
    pub incarnation: u64,
    /// Greatest cluster time of a clock record.
    pub clock_ns: u64,
    /// Bytes of an unacknowledged write that were cut off.
    pub torn_tail_bytes: u64,
    /// Lines for the operator's log.
    pub notes: Vec<String>,
}

impl DataDir {
    /// Read the log in one pass and open it for writing. `from_index` is the index of the snapshot
    /// that was loaded (0: none); entries up to it are not visited. Damage is an error, a torn
    /// tail is cut off.
    pub fn recover(
        &self,
        options: &WalOptions,
        from_index: u64,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), String>,
    ) -> Result<(Wal, Recovery), WalError> {
        let identity = self.identity()?;
        if self.exists(&self.layout.repair)? {
            return Err(WalError::new(ErrorKind::Damaged, promises::cut_off(self)));
        }
        self.remove_tmp()?;
        let files = segment::list(self.disk.as_ref(), &self.layout)?;
        let outcome = self.walk(&identity, &files, from_index, visit)?;
        self.open_at(identity, options, &files, outcome, from_index)
    }

    pub(crate) fn identity(&self) -> Result<Identity, WalError> {
        match self.state()? {
            DirState::Member(identity) => Ok(identity),
            DirState::Empty | DirState::Unfinished => Err(WalError::new(
                ErrorKind::Config,
                format!("there is no member's data in {}", self.layout.root.display()),
            )),
        }
    }

    pub(crate) fn walk(
        &self,
        identity: &Identity,
        files: &[SegmentFile],
        from_index: u64,
        visit: Visit<'_>,
    ) -> Result<Outcome, WalError> {
        let disk = self.disk.as_ref();
        Walk { disk, identity, files, from_index, root: &self.layout.root }.run(visit)
    }

    /// Make the end of the log fit for writing and open it there.
    pub(crate) fn open_at(
        &self,
        identity: Identity,
        options: &WalOptions,
        files: &[SegmentFile],
        outcome: Outcome,
        from_index: u64,
    ) -> Result<(Wal, Recovery), WalError> {
        let torn_tail_bytes = match outcome.ending {
            Ending::Damaged(damage) => return Err(damage.into_error()),
            Ending::Whole { torn_bytes } => torn_bytes,
        };
        let mut notes = outcome.notes;
        let file = &files[outcome.segment];
        if let Some(unused) = files.get(outcome.segment + 1) {
            self.disk.remove(&unused.path).map_err(io_error("remove", &unused.path))?;
        }
        self.sync_dir(&self.layout.wal)?;
        let path = &file.path;
        let mut handle = self.disk.open(path, true).map_err(io_error("open", path))?;
        if torn_tail_bytes > 0 {
            erase(handle.as_mut(), outcome.offset, torn_tail_bytes)
                .map_err(io_error("cut the torn end of", path))?;
            notes.push(format!(
                "cut {torn_tail_bytes} bytes of an unfinished write from {} at byte {}; they were \
                 never acknowledged",
                path.display(),
                outcome.offset
            ));
        }
        rewrite(handle.as_mut(), path, outcome.last_batch, outcome.offset)?;
        let bytes = handle.len().map_err(io_error("read the length of", path))?;
        let max_indexes = outcome.max_indexes.iter();
        let mut closed: VecDeque<Closed> = files
            .iter()
            .zip(max_indexes)
            .map(|(file, &max_index)| Closed { path: file.path.clone(), max_index })
            .collect();
        let max_index = closed.pop_back().map_or(0, |last| last.max_index);
        let current = Current {
            file: handle,
            path: path.clone(),
            sequence: file.sequence,
            seed: outcome.seed,
            offset: outcome.offset,
            bytes,
            max_index,
        };
        let mut wal = Wal {
            disk: Arc::clone(&self.disk),
            layout: self.layout.clone(),
            identity,
            options: *options,
            current,
            closed,
            next_batch: outcome.next_sequence,
            state: outcome.state,
            ready: self.leftover_next(options)?,
            preparing: false,
            jobs: 0,
            poison: None,
        };
        let last_term = self.catch_up(&mut wal, from_index)?;
        let hard = wal.state.hard.unwrap_or_default();
        let recovery = Recovery {
            last_term,
            last_index: wal.state.tail.last(),
            commit: hard.commit,
            vote: hard.vote,
            term: hard.term,
            incarnation: wal.state.incarnation,
            clock_ns: wal.state.clock_ns,
            torn_tail_bytes,
            notes,
        };
        Ok((wal, recovery))
    }

    /// A snapshot that came from a leader may be durable while its mark is not: then the log ends
    /// before it, or holds another entry at its index, and has to go on after it. Returns the term
    /// of the last entry.
    fn catch_up(&self, wal: &mut Wal, from_index: u64) -> Result<u64, WalError> {
        let (last, last_term) = (wal.state.tail.last(), wal.state.tail.last_term());
        if from_index == 0 {
            return Ok(last_term.unwrap_or(0));
        }
        let snapshots = self.snapshots()?;
        let Some(snapshot) = snapshots.iter().find(|snapshot| snapshot.index == from_index) else {
            if let Some(term) = last_term.filter(|_| last >= from_index) {
                return Ok(term);
            }
            return Err(WalError::new(
                ErrorKind::Config,
                format!("there is no snapshot file with index {from_index}"),
            ));
        };
        let known = wal.state.tail.term_at(from_index);
        let holds = last >= from_index && known.is_none_or(|known| known == snapshot.term);
        if !holds {
            let mut batch = Batch::new();
            batch.snapshot_mark(snapshot.term, snapshot.index);
            wal.write(&mut batch)
                .map_err(|error| WalError::new(ErrorKind::Io, error.to_string()))?;
        }
        match wal.state.tail.last_term() {
            Some(term) => Ok(term),
            None if wal.state.tail.last() == from_index => Ok(snapshot.term),
            None => Ok(0),
        }
    }

    /// Use a segment that an earlier run prepared; remove what cannot be used.
    fn leftover_next(&self, options: &WalOptions) -> Result<Option<Prepared>, WalError> {
        let dir = &self.layout.wal;
        let mut ready = None;
        for name in self.disk.list(dir).map_err(io_error("list", dir))? {
            if !name.ends_with(NEXT) {
                continue;
            }
            let path = dir.join(&name);
            if ready.is_none() {
                ready = Prepared::reuse(self.disk.as_ref(), &path, options.segment_bytes())
                    .map_err(io_error("open", &path))?;
                if ready.is_some() {
                    continue;
                }
            }
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
        }
        Ok(ready)
    }
}

const PIECE_BYTES: usize = 1 << 20;

/// Overwrite with zeroes and sync.
pub(crate) fn erase(file: &mut dyn File, offset: u64, bytes: u64) -> std::io::Result<()> {
    let zeroes = vec![0; PIECE_BYTES.min(bytes as usize)];
    let end = (offset + bytes).min(file.len()?);
    let mut offset = offset;
    while offset < end {
        let count = (end - offset).min(zeroes.len() as u64);
        file.write_all_at(&zeroes[..count as usize], offset)?;
        offset += count;
    }
    file.sync_data()
}

/// Write the last batch again and sync. After a kill or a failed sync it may be in the page cache
/// only, and the kernel may even believe that it is on the disk.
fn rewrite(
    file: &mut dyn File,
    path: &Path,
    last_batch: Option<u64>,
    end: u64,
) -> Result<(), WalError> {
    // The header is written together with the first batch.
    let from = match last_batch {
        Some(offset) if offset > HEADER_BYTES as u64 => offset,
        _ => 0,
    };
    let mut bytes = vec![0; (end - from) as usize];
    let count = read_full(file, &mut bytes, from).map_err(read_error(path, from))?;
    bytes.truncate(count);
    file.write_all_at(&bytes, from)
        .and_then(|()| file.sync_data())
        .map_err(io_error("write the last batch again to", path))
}

//! `verify`: what a data directory holds and what is wrong with it, without changing anything.

use std::path::Path;
use std::sync::Arc;

use crate::dir::DataDir;
use crate::disk::Disk;
use crate::error::{ErrorKind, WalError};
use crate::promises;
use crate::segment;
use crate::snapshot::SnapshotFile;
use crate::walk::Ending;

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether the member would start and nothing is wrong with its files.
    pub ok: bool,
    /// Id of the cluster.
    pub cluster_id: u64,
    /// Id of the member.
    pub member_id: u64,
    /// How many log segments there are.
    pub segments: usize,
    /// Snapshot files, newest first: name, term, index, whether every byte checks out.
    pub snapshots: Vec<(String, u64, u64, bool)>,
    /// First entry in the log; greater than the last one when it holds none.
    pub first_index: u64,
    /// Last entry in the log.
    pub last_index: u64,
    /// Greatest index known to be committed.
    pub commit: u64,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
    /// Bytes of an unacknowledged write at the end, which the next start cuts off; no problem.
    pub torn_tail_bytes: u64,
    /// How many entries `repair` would lose, as far as that can be told.
    pub would_lose: u64,
}

/// Read everything and check it. Takes no lock, so that it may look at a running member too.
pub fn verify(disk: Arc<dyn Disk>, path: &Path) -> Result<Report, WalError> {
    let dir = DataDir::new(disk, path);
    let identity = dir.identity()?;
    let mut report = Report {
        cluster_id: identity.cluster_id,
        member_id: identity.member_id,
        ..Report::default()
    };
    if dir.exists(&dir.layout.repair)? {
        report.problems.push(promises::cut_off(&dir));
    }
    let (mut from_index, mut unknown) = (None, false);
    for file in dir.snapshots()? {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let checked = check_snapshot(&dir, &file);
        report.snapshots.push((name, file.term, file.index, checked.is_ok()));
        match checked {
            Ok(()) => {
                from_index.get_or_insert(file.index);
            }
            Err(error) if error.kind == ErrorKind::Newer => return Err(error),
            Err(error) => {
                unknown |= error.kind != ErrorKind::Damaged;
                report.problems.push(error.message);
            }
        }
    }
    let files = segment::list(dir.disk.as_ref(), &dir.layout)?;
    report.segments = files.len();
    if unknown {
        // Whether the log reaches back to the snapshots cannot be told without them.
        return Ok(report);
    }
    let outcome = match dir.walk(&identity, &files, from_index.unwrap_or(0), &mut |_| Ok(())) {
        Ok(outcome) => outcome,
        // What the damage rule does not cover is a finding as well.
        Err(error) if matches!(error.kind, ErrorKind::Mismatch | ErrorKind::Io) => {
            report.problems.push(error.message);
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    report.first_index = outcome.state.tail.start();
    report.last_index = outcome.state.tail.last();
    report.commit = outcome.state.commit();
    report.problems.extend(outcome.notes);
    match outcome.ending {
        Ending::Whole { torn_bytes } => report.torn_tail_bytes = torn_bytes,
        Ending::Damaged(damage) => {
            report.would_lose = damage.would_lose;
            report.problems.push(damage.message);
        }
    }
    report.ok = report.problems.is_empty();
    Ok(report)
}

/// Read a snapshot to its end. Only an error of kind `Damaged` says that the file is broken: the
/// others say that this program, or this disk at the moment, cannot tell.
pub(crate) fn check_snapshot(dir: &DataDir, file: &SnapshotFile) -> Result<(), WalError> {
    dir.open_snapshot(file)?.finish().map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => WalError::new(ErrorKind::Damaged, error.to_string()),
        _ => WalError::io("read", &file.path, &error),
    })?;
    Ok(())
}

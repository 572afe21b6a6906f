//! `repair`: accept a loss, knowingly, and make the data directory start again.

use std::path::Path;
use std::sync::Arc;

use crate::batch::Batch;
use crate::dir::DataDir;
use crate::disk::{Disk, File, read_full};
use crate::error::{ErrorKind, WalError, io_error};
use crate::identity::Identity;
use crate::inspect::check_snapshot;
use crate::layout::{BROKEN, with_suffix};
use crate::options::WalOptions;
use crate::promises::{Promises, cut_off};
use crate::recover::erase;
use crate::segment::{self, SegmentFile, read_error};
use crate::snapshot::SnapshotFile;
use crate::state::{HardState, State};
use crate::survey::Salvage;
use crate::wal::Wal;
use crate::walk::{Ending, Outcome};

const PIECE_BYTES: usize = 1 << 20;

/// Snapshots that are damaged, and how.
type Broken = Vec<(SnapshotFile, String)>;

/// Cut the log at the first damage and set unreadable snapshots aside. What is cut is kept beside
/// as `.broken`. Says what was done, one sentence each; nothing when nothing was wrong. Refused
/// while a member runs on the directory.
pub fn repair(disk: Arc<dyn Disk>, path: &Path) -> Result<Vec<String>, WalError> {
    let dir = DataDir::new(disk, path);
    // Before the lock, which would leave its file in a foreign directory.
    let identity = dir.identity()?;
    let _lock = dir.disk.lock_dir(path)?;
    // Everything is looked at before anything is touched: what cannot be read because of the
    // disk, or of the version of this program, is no damage and stops the repair here.
    let (newest, broken) = check_snapshots(&dir)?;
    let from_index = newest.as_ref().map_or(0, |file| file.index);
    let files = segment::list(dir.disk.as_ref(), &dir.layout)?;
    let outcome = dir.walk(&identity, &files, from_index, &mut |_| Ok(()))?;
    let earlier = Promises::read(&dir)?;
    let cause = match (&outcome.ending, earlier) {
        (Ending::Damaged(damage), _) => Some((damage.message.clone(), damage.salvage.clone())),
        // What looks like a torn tail now may be what is left of a damaged log.
        (Ending::Whole { .. }, Some(_)) => Some((cut_off(&dir), Salvage::default())),
        // A torn tail is left to the next start, which cuts it without being asked.
        (Ending::Whole { .. }, None) => None,
    };
    let mut done = Vec::new();
    let Some((cause, salvage)) = cause else {
        set_aside(&dir, broken, &mut done)?;
        return Ok(done);
    };
    done.push(format!("found: {cause}"));
    let found = Promises::of(&outcome.state, &salvage, newest.as_ref());
    let promises = earlier.map_or(found, |earlier| found.with(earlier));
    dir.remove_tmp()?;
    promises.write(&dir)?;
    set_aside(&dir, broken, &mut done)?;
    let mut wal = cut(&dir, &identity, &files, outcome, from_index, &mut done)?;
    keep_promises(&mut wal, &promises)?;
    Promises::remove(&dir)?;
    done.push(format!(
        "the log now ends with entry {}. If this member belongs to a cluster of several, remove it \
         and add it again with an empty directory instead of starting it: it has forgotten what \
         the others rely on",
        wal.last_index()
    ));
    Ok(done)
}

fn set_aside(dir: &DataDir, broken: Broken, done: &mut Vec<String>) -> Result<(), WalError> {
    for (file, problem) in broken {
        let aside = dir.set_aside(&file.path)?;
        done.push(format!("{problem}; it is kept as {}", aside.display()));
    }
    Ok(())
}

/// The newest snapshot that can be read, and those that are damaged, with what is wrong.
fn check_snapshots(dir: &DataDir) -> Result<(Option<SnapshotFile>, Broken), WalError> {
    let (mut newest, mut broken) = (None, Vec::new());
    for file in dir.snapshots()? {
        match check_snapshot(dir, &file) {
            Ok(()) => {
                newest.get_or_insert(file);
            }
            Err(error) if error.kind == ErrorKind::Damaged => broken.push((file, error.message)),
            Err(error) => return Err(error),
        }
    }
    Ok((newest, broken))
}

/// New segments become as long as the ones that are there.
fn options(files: &[SegmentFile], dir: &DataDir) -> Result<WalOptions, WalError> {
    let mut options = WalOptions::default();
    if let Some(file) = files.first() {
        let handle = dir.disk.open(&file.path, false).map_err(io_error("open", &file.path))?;
        let bytes = handle.len().map_err(io_error("read the length of", &file.path))?;
        options.segment_bytes = options.segment_bytes.min(bytes);
    }
    Ok(options)
}

/// Cut at the place where reading stopped, and open what is left.
fn cut(
    dir: &DataDir,
    identity: &Identity,
    files: &[SegmentFile],
    mut outcome: Outcome,
    from_index: u64,
    done: &mut Vec<String>,
) -> Result<Wal, WalError> {
    let options = options(files, dir)?;
    let reaches = outcome.state.tail.start() <= from_index.saturating_add(1);
    let usable = reaches && outcome.next_sequence > 1;
    let kept = if usable { outcome.segment + 1 } else { 0 };
    // The youngest first, so that what is left at any moment is the beginning of a log.
    for file in files[kept..].iter().rev() {
        let aside = dir.set_aside(&file.path)?;
        done.push(format!("moved {} to {}", file.path.display(), aside.display()));
    }
    if !usable {
        let sequence = files.last().map_or(0, |file| file.sequence.saturating_add(1));
        let state = State::new(from_index.saturating_add(1));
        return dir.new_wal(identity.clone(), &options, sequence, state, 1);
    }
    keep_rest(dir, &files[outcome.segment], outcome.offset, done)?;
    outcome.ending = Ending::Whole { torn_bytes: 0 };
    Ok(dir.open_at(identity.clone(), &options, &files[..kept], outcome, from_index)?.0)
}

/// Entries were cut, but term, vote and start count must never go back. The commit index has to
/// fit the entries that are left.
fn keep_promises(wal: &mut Wal, promises: &Promises) -> Result<(), WalError> {
    let HardState { term, vote, commit } = promises.hard;
    let mut batch = Batch::new();
    batch.hard_state(term, vote, commit.min(wal.last_index()));
    if promises.incarnation > 0 {
        batch.start(promises.incarnation);
    }
    if promises.clock_ns > 0 {
        batch.clock(promises.clock_ns);
    }
    wal.write(&mut batch).map_err(|error| {
        WalError::new(ErrorKind::Io, format!("could not write to the repaired log: {error}"))
    })
}

/// Copy what is behind the cut into a file of its own, then erase it.
fn keep_rest(
    dir: &DataDir,
    file: &SegmentFile,
    offset: u64,
    done: &mut Vec<String>,
) -> Result<(), WalError> {
    let path = &file.path;
    let mut segment = dir.disk.open(path, true).map_err(io_error("open", path))?;
    let end = segment.len().map_err(io_error("read the length of", path))?;
    let used_end = used_end(segment.as_ref(), offset, end).map_err(read_error(path, offset))?;
    if used_end == offset {
        return Ok(());
    }
    let mut aside = with_suffix(path, &format!(".{offset:x}{BROKEN}"));
    let mut n = 1;
    while dir.exists(&aside)? {
        aside = with_suffix(path, &format!(".{offset:x}.{n}{BROKEN}"));
        n += 1;
    }
    let mut copy = dir.disk.create(&aside).map_err(io_error("create", &aside))?;
    let mut bytes = vec![0; PIECE_BYTES];
    let mut at = offset;
    while at < used_end {
        let wanted = (used_end - at).min(PIECE_BYTES as u64) as usize;
        let count =
            read_full(segment.as_ref(), &mut bytes[..wanted], at).map_err(read_error(path, at))?;
        if count == 0 {
            break;
        }
        copy.write_all_at(&bytes[..count], at - offset).map_err(io_error("write", &aside))?;
        at += count as u64;
    }
    copy.sync_all().map_err(io_error("sync", &aside))?;
    dir.sync_dir(&dir.layout.wal)?;
    erase(segment.as_mut(), offset, used_end - offset).map_err(io_error("cut", path))?;
    done.push(format!(
        "cut {} at byte {offset}; the {} bytes behind it are kept in {}",
        path.display(),
        used_end - offset,
        aside.display()
    ));
    Ok(())
}

/// Offset after the last byte in the range that is not zero.
fn used_end(file: &dyn File, offset: u64, end: u64) -> std::io::Result<u64> {
    let mut bytes = vec![0; PIECE_BYTES];
    let (mut at, mut used) = (offset, offset);
    while at < end {
        let wanted = (end - at).min(PIECE_BYTES as u64) as usize;
        let count = read_full(file, &mut bytes[..wanted], at)?;
        if count == 0 {
            break;
        }
        if let Some(last) = bytes[..count].iter().rposition(|&b| b != 0) {
            used = at + last as u64 + 1;
        }
        at += count as u64;
    }
    Ok(used)
}

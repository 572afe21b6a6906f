//! The segment files that are there.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::{ErrorKind, WalError, io_error};
use crate::header::{Header, Reading};
use crate::identity::Identity;
use crate::layout::{Layout, parse_segment};
use crate::window::Window;

/// A segment file, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub sequence: u64,
    pub first_index: u64,
    pub path: PathBuf,
}

/// All segment files, oldest first.
pub(crate) fn list(disk: &dyn Disk, layout: &Layout) -> Result<Vec<SegmentFile>, WalError> {
    let names = disk.list(&layout.wal).map_err(io_error("list", &layout.wal))?;
    let mut files: Vec<SegmentFile> = names
        .iter()
        .filter_map(|name| {
            let (sequence, first_index) = parse_segment(name)?;
            Some(SegmentFile { sequence, first_index, path: layout.wal.join(name) })
        })
        .collect();
    files.sort_by_key(|file| file.sequence);
    for pair in files.windows(2) {
        if pair[0].sequence == pair[1].sequence {
            return Err(WalError::new(
                ErrorKind::Damaged,
                format!(
                    "{} and {} claim the same place in the log, and nobody can tell which one is \
                     right: restore the data directory from a backup, or move away the one that \
                     was put there",
                    pair[0].path.display(),
                    pair[1].path.display()
                ),
            ));
        }
    }
    Ok(files)
}

/// A segment file that is open for reading, and what its header says.
pub(crate) struct Opened {
    pub window: Window,
    /// The seed, or the candidates for it when the header is damaged.
    pub header: Result<(Header, u32), [u32; 2]>,
}

/// Open a segment. A header that is whole but of another member or a newer version is an error:
/// no damage rule may cut there.
pub(crate) fn open(
    disk: &dyn Disk,
    file: &SegmentFile,
    identity: &Identity,
) -> Result<Opened, WalError> {
    let mut window = Window::open(disk, &file.path)?;
    let reading = window.header().map_err(read_error(&file.path, 0))?;
    let header = match reading {
        Reading::Newer { format } => return Err(newer(&file.path, format)),
        Reading::Bad { seeds } => Err(seeds),
        Reading::Good { header, seed } => {
            let ours =
                (header.cluster_id, header.member_id) == (identity.cluster_id, identity.member_id);
            if !ours {
                return Err(mismatch(&file.path, header.cluster_id, header.member_id, identity));
            }
            let named = (header.sequence, header.first_index) == (file.sequence, file.first_index);
            if named { Ok((header, seed)) } else { Err([seed, seed]) }
        }
    };
    Ok(Opened { window, header })
}

fn newer(path: &Path, format: u32) -> WalError {
    WalError::new(
        ErrorKind::Newer,
        format!(
            "{} is written by a newer version (format {format}, this one knows 1): start that \
             version again",
            path.display()
        ),
    )
}

pub(crate) fn mismatch(path: &Path, cluster: u64, member: u64, identity: &Identity) -> WalError {
    WalError::new(
        ErrorKind::Mismatch,
        format!(
            "{} belongs to member {member:x} of cluster {cluster:x}, but this data directory \
             belongs to member {:x} of cluster {:x}: files of two members were mixed; restore the \
             directory from a backup",
            path.display(),
            identity.member_id,
            identity.cluster_id
        ),
    )
}

/// A read that failed in the middle of a file.
pub(crate) fn read_error(path: &Path, offset: u64) -> impl FnOnce(io::Error) -> WalError + '_ {
    move |error| {
        WalError::new(
            ErrorKind::Io,
            format!(
                "could not read {} at byte {offset}: {error}; look at the disk's health, and copy \
                 the data directory to another disk before anything else",
                path.display()
            ),
        )
    }
}

//! Getting the next segment ready, away from the thread that writes the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, File};
use crate::layout::{TMP, with_suffix};

/// Zeroes are written in pieces of this.
const PIECE_BYTES: usize = 1 << 20;
/// Synced this often, so that a batch's sync never waits behind a whole segment of zeroes.
const SYNC_PIECES: usize = 4;

/// A job that makes a segment file full of zeroes. It may run on any thread.
pub struct Preparation {
    pub(crate) disk: Arc<dyn Disk>,
    /// Name while it is being written; with `TMP` in the end.
    pub(crate) tmp: PathBuf,
    /// Name when it is complete.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// A segment file that is complete but not in use: every byte is zero and durable.
pub struct Prepared {
    pub(crate) file: Box<dyn File>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl Preparation {
    pub(crate) fn new(disk: Arc<dyn Disk>, path: PathBuf, job: u64, bytes: u64) -> Preparation {
        // Two jobs may be under way when the log could not wait for the first one.
        let tmp = with_suffix(&path, &format!(".{job}{TMP}"));
        Preparation { disk, tmp, path, bytes }
    }

    /// Write and sync the file. The zeroes are really written: a block that is only reserved costs
    /// a metadata update at the first sync after its first write, a third of the sync's time.
    pub fn run(self) -> io::Result<Prepared> {
        let path = self.path.clone();
        self.run_as(path)
    }

    /// The same, but the file is not given the name that says so.
    pub(crate) fn run_unnamed(self) -> io::Result<Prepared> {
        let tmp = self.tmp.clone();
        self.run_as(tmp)
    }

    fn run_as(self, path: PathBuf) -> io::Result<Prepared> {
        let made = self.write_zeroes().and_then(|file| {
            if path != self.tmp {
                self.disk.rename(&self.tmp, &path)?;
            }
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Prepared { file, path, bytes: self.bytes }),
            Err(error) => {
                // A full disk must get its space back at once. If even that fails, the file goes
                // at the next start; the first error is the one to report.
                let _ = self.remove();
                Err(error)
            }
        }
    }

    fn remove(&self) -> io::Result<()> {
        if self.disk.exists(&self.tmp)? { self.disk.remove(&self.tmp) } else { Ok(()) }
    }

    fn write_zeroes(&self) -> io::Result<Box<dyn File>> {
        let mut file = self.disk.create(&self.tmp)?;
        let zeroes = vec![0; PIECE_BYTES.min(self.bytes as usize)];
        let mut offset = 0;
        let mut pieces = 0;
        while offset < self.bytes {
            let count = (self.bytes - offset).min(zeroes.len() as u64);
            file.write_all_at(&zeroes[..count as usize], offset)?;
            offset += count;
            pieces += 1;
            if pieces % SYNC_PIECES == 0 {
                file.sync_data()?;
            }
        }
        file.sync_all()?;
        Ok(file)
    }
}

impl Prepared {
    /// A file that an earlier run left behind, if it is one.
    pub(crate) fn reuse(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Option<Prepared>> {
        let file = disk.open(path, true)?;
        // It got this name when it was complete and synced, and is written to under another one.
        let complete = file.len()? == bytes;
        Ok(complete.then(|| Prepared { file, path: path.to_path_buf(), bytes }))
    }
}

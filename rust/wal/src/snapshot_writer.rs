//! A snapshot whose data comes piece by piece, with pauses, from elsewhere.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::dir::DataDir;
use crate::disk::Disk;
use crate::error::{ErrorKind, WalError, io_error};
use crate::identity::Identity;
use crate::layout::{TMP, with_suffix};
use crate::snapshot::{ChunkWriter, SnapshotFile, SnapshotMeta, encode_header};
use crate::snapshot_reader::SnapshotReader;

/// Another name than that of a snapshot of one's own, which may be written at the same time.
const RECEIVED: &str = ".received";

/// Takes the data of a snapshot and makes a file of it, the same as [`DataDir::write_snapshot`] does. May be kept for
/// as long as the data takes to come. Dropped without [`SnapshotWriter::finish`], it leaves nothing behind.
pub struct SnapshotWriter {
    dir: DataDir,
    identity: Identity,
    meta: SnapshotMeta,
    tmp: PathBuf,
    out: Option<ChunkWriter>,
    is_named: bool,
}

impl DataDir {
    /// Begin a snapshot file for data that is yet to come. Whatever an earlier attempt at the same one left is removed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn begin_snapshot(&self, meta: SnapshotMeta) -> Result<SnapshotWriter, WalError> {
        let identity = self.identity()?;
        let path = self.layout.snapshot(meta.term, meta.index);
        let tmp = with_suffix(&path, &format!("{RECEIVED}{TMP}"));
        if self.exists(&tmp)? {
            self.disk.remove(&tmp).map_err(io_error("remove", &tmp))?;
        }
        let file = self.disk.create(&tmp).map_err(io_error("create", &tmp))?;
        let out = Some(ChunkWriter::new(file, encode_header(&identity, &meta)));
        Ok(SnapshotWriter { dir: self.clone(), identity, meta, tmp, out, is_named: false })
    }
}

impl SnapshotWriter {
    /// What it will be a snapshot of.
    pub fn meta(&self) -> SnapshotMeta {
        self.meta
    }

    /// All data has come: make it durable, read it back with every check, and give it its name. Its mark in the log
    /// comes after this. Returns the length of the file in bytes.
    ///
    /// # Errors
    /// The disk refuses, or gives back something else than was written. Nothing is left behind.
    pub fn finish(mut self) -> Result<u64, WalError> {
        let doing = "write the snapshot";
        let out = self.out.take().ok_or_else(|| {
            WalError::new(ErrorKind::Config, "a snapshot that could not be written has no end")
        })?;
        let bytes = out.finish().map_err(io_error(doing, &self.tmp))?;
        let SnapshotMeta { term, index, .. } = self.meta;
        let written = SnapshotFile { path: self.tmp.clone(), term, index };
        SnapshotReader::open(self.disk().as_ref(), &written, &self.identity)?
            .finish()
            .map_err(io_error("read back the snapshot", &self.tmp))?;
        let path = self.dir.layout.snapshot(term, index);
        self.disk().rename(&self.tmp, &path).map_err(io_error(doing, &path))?;
        self.is_named = true;
        self.dir.sync_dir(&self.dir.layout.snap)?;
        Ok(bytes)
    }

    fn disk(&self) -> &Arc<dyn Disk> {
        &self.dir.disk
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(out) = &mut self.out else {
            return Err(io::Error::other("the snapshot could not be written before"));
        };
        // After a failure nobody knows what is in the file.
        out.write(bytes).inspect_err(|_| self.out = None)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.is_named {
            // A full disk must get its space back. What cannot be removed now is at the next start.
            let _ = self.dir.disk.remove(&self.tmp);
        }
    }
}

//! Snapshot files to stores.

use coreos_store::{RestoreError, Store, StoreConfig};
use coreos_wal::{DataDir, SnapshotFile, SnapshotMeta};

use crate::error::{EngineError, ErrorKind};
use crate::snapshot::Taken;

/// The store of a snapshot that has just been received, and the length of its data in bytes.
///
/// # Errors
/// For the sender's log: it cannot be read.
pub(crate) fn restore(
    dir: &DataDir,
    meta: SnapshotMeta,
    config: &StoreConfig,
) -> Result<(Store, u64), String> {
    let SnapshotMeta { term, index, .. } = meta;
    let files = dir.snapshots().map_err(|error| error.to_string())?;
    let file = files.iter().find(|file| (file.term, file.index) == (term, index));
    let file = file.ok_or_else(|| format!("the snapshot of entry {index} has gone"))?;
    read_snapshot(dir, file, config).map_err(|error| error.to_string())?
}

/// A store, the snapshot it is from, and the last entry of the one before that.
type Restored = (Store, Taken, u64);
/// A snapshot file that is damaged, and how.
type BrokenFile = (SnapshotFile, String);

/// The newest snapshot that can be read, and the damaged ones that are newer.
pub(super) fn newest_snapshot(
    dir: &DataDir,
    config: &StoreConfig,
) -> Result<(Option<Restored>, Vec<BrokenFile>), EngineError> {
    let files = dir.snapshots()?;
    let mut broken = Vec::new();
    for (place, file) in files.iter().enumerate() {
        match read_snapshot(dir, file, config)? {
            Ok((store, bytes)) => {
                let before = files.get(place + 1).map_or(0, |older| older.index);
                let taken = Taken { term: file.term, index: file.index, bytes };
                return Ok((Some((store, taken, before)), broken));
            }
            Err(why) => broken.push((file.clone(), why)),
        }
    }
    Ok((None, broken))
}

/// The outer error stops the start; the inner one only this file, which is damaged.
fn read_snapshot(
    dir: &DataDir,
    file: &SnapshotFile,
    config: &StoreConfig,
) -> Result<Result<(Store, u64), String>, EngineError> {
    let mut reader = match dir.open_snapshot(file) {
        Ok(reader) => {
            std::io::BufReader::with_capacity(1 << 18, Counted { inner: reader, bytes: 0 })
        }
        Err(error) if error.kind == coreos_wal::ErrorKind::Damaged => {
            return Ok(Err(error.message));
        }
        Err(error) => return Err(error.into()),
    };
    let store = match Store::restore(config.clone(), &mut reader) {
        Ok(store) => store,
        Err(RestoreError::Newer(version)) => {
            let message = format!(
                "snapshot {} has store format {version}, written by a newer version: run that version",
                file.path.display()
            );
            return Err(EngineError::new(ErrorKind::Newer, message));
        }
        Err(RestoreError::Io(error)) => return damaged_or_refused(file, &error).map(Err),
        Err(error @ RestoreError::Malformed(_)) => return Ok(Err(error.to_string())),
    };
    // Reading to the end checks the trailer, which a file that was cut short does not have.
    match std::io::copy(&mut reader, &mut std::io::sink()) {
        Ok(0) => Ok(Ok((store, reader.get_ref().bytes))),
        Ok(more) => Ok(Err(format!("{more} bytes after the end of the store"))),
        Err(error) => damaged_or_refused(file, &error).map(Err),
    }
}

/// What is wrong with the file, if it is the file; a disk that refuses to read says nothing about it.
fn damaged_or_refused(file: &SnapshotFile, error: &std::io::Error) -> Result<String, EngineError> {
    if error.kind() == std::io::ErrorKind::InvalidData {
        return Ok(error.to_string());
    }
    let message = format!(
        "could not read the snapshot {}: {error}; look at the disk's health and start again",
        file.path.display()
    );
    Err(EngineError::new(ErrorKind::Io, message))
}

/// How much has been read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: std::io::Read> std::io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

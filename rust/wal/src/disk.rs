//! The border to the file system.
//!
//! Everything that touches a file goes through these two traits, so that a simulated disk can
//! lose what was not synced, tear writes, fill up and fail.

use std::io;
use std::path::Path;

use crate::error::WalError;
use crate::lock::DirLock;

/// A file system.
pub trait Disk: Send + Sync {
    /// Create a directory and the ones above it, mode 0700. No error if it exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Names in a directory, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Create a file, mode 0600; an error if the name exists.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Open an existing file.
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn File>>;
    /// Rename a file; one that has the new name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Remove a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Make creations, renames and removals in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Whether anything has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Take the lock of a data directory. `None`: this disk is not shared with other processes.
    fn lock_dir(&self, _dir: &Path) -> Result<Option<DirLock>, WalError> {
        Ok(None)
    }
}

/// An open file.
pub trait File: Send {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it holds no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Read some bytes; 0 only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Write all of `bytes`.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Make the data durable (fdatasync).
    fn sync_data(&mut self) -> io::Result<()>;
    /// Make data and metadata durable (fsync).
    fn sync_all(&mut self) -> io::Result<()>;
    /// Cut or extend to `len` bytes.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
}

/// Read until `buf` is full or the file ends; how many bytes were read.
pub(crate) fn read_full(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

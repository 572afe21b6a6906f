//! The operating system's file system.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, File};
use crate::error::WalError;
use crate::lock::DirLock;

/// The disk of this machine.
pub struct RealDisk {
    fsync: bool,
    syncs: Arc<AtomicU64>,
    /// Directories that have been synced: those of one data directory. They stay open, because a
    /// new segment is of no use without a sync of its directory, and that must not depend on
    /// whether there is a descriptor left.
    dirs: Mutex<BTreeMap<PathBuf, Arc<fs::File>>>,
}

impl RealDisk {
    /// With `fsync` false every sync is a no-op: the control that has to lose writes at a power
    /// cut, never for use.
    pub fn new(fsync: bool) -> Arc<RealDisk> {
        Arc::new(RealDisk { fsync, syncs: Arc::default(), dirs: Mutex::default() })
    }

    /// How often a file was synced.
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// The directory, open.
    fn dir(&self, path: &Path) -> io::Result<Arc<fs::File>> {
        // What is in there is right whoever panicked.
        let mut dirs = self.dirs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dir) = dirs.get(path) {
            let (ours, named) = (dir.metadata()?, fs::metadata(path)?);
            if (ours.dev(), ours.ino()) == (named.dev(), named.ino()) {
                return Ok(Arc::clone(dir));
            }
        }
        let dir = Arc::new(fs::File::open(path)?);
        dirs.insert(path.to_path_buf(), Arc::clone(&dir));
        Ok(dir)
    }

    fn file(&self, file: fs::File) -> Box<dyn File> {
        Box::new(RealFile { file, fsync: self.fsync, syncs: Arc::clone(&self.syncs) })
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        create_dirs(path, &|dir| self.sync_dir(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(self.file(options.open(path)?))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn File>> {
        Ok(self.file(fs::OpenOptions::new().read(true).write(write).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.fsync { self.dir(dir)?.sync_all() } else { Ok(()) }
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn lock_dir(&self, dir: &Path) -> Result<Option<DirLock>, WalError> {
        DirLock::take(dir).map(Some)
    }
}

/// Create a directory and the ones above it. Each level's name has to be durable, else a power cut
/// takes all that lies below; `sync` makes those in a directory so.
pub(crate) fn create_dirs(path: &Path, sync: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|level| !level.as_os_str().is_empty() && !level.exists())
        .collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for level in missing {
        match level.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync(Path::new("."))?,
            Some(parent) => sync(parent)?,
            None => {}
        }
    }
    Ok(())
}

/// Make the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

struct RealFile {
    file: fs::File,
    fsync: bool,
    syncs: Arc<AtomicU64>,
}

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if !self.fsync {
            return Ok(());
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        if !self.fsync {
            return Ok(());
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_all()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

//! The disk of this machine, with faults.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use coreos_engine::RealDisk;
use coreos_wal::{Disk, File};

pub struct FaultyDisk {
    disk: Arc<RealDisk>,
    faults: Arc<Faults>,
}

#[derive(Default)]
pub struct Faults {
    /// Snapshots can be opened, but not read to their end.
    pub unreadable_snapshots: AtomicBool,
    /// No new file can be written.
    pub full: AtomicBool,
}

impl FaultyDisk {
    pub fn with(faults: &Arc<Faults>) -> Arc<FaultyDisk> {
        Arc::new(FaultyDisk { disk: RealDisk::new(false), faults: faults.clone() })
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let (file, faults) = (self.disk.create(path)?, self.faults.clone());
        Ok(Box::new(FaultyFile { file, faults, is_new: true, is_snapshot: false }))
    }
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn File>> {
        let (file, faults) = (self.disk.open(path, write)?, self.faults.clone());
        let is_snapshot = path.extension().is_some_and(|extension| extension == "snap");
        Ok(Box::new(FaultyFile { file, faults, is_new: false, is_snapshot }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }
}

struct FaultyFile {
    file: Box<dyn File>,
    faults: Arc<Faults>,
    is_new: bool,
    is_snapshot: bool,
}

impl File for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        // The header still can be read, so that it shows in the middle.
        if self.is_snapshot && offset > 0 && self.faults.unreadable_snapshots.load(Relaxed) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.read_at(buf, offset)
    }
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let grows = self.is_new && offset + bytes.len() as u64 > self.file.len()?;
        if grows && self.faults.full.load(Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(bytes, offset)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn sync_all(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

//! A disk in memory that behaves as badly as a real one may.
//!
//! What was written but not synced is kept apart: at a crash each of its 512-byte sectors is kept,
//! lost or (when it is new) turned to zeroes, and of the changes to names in a directory only
//! some first ones stay,
//! with removals in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use coreos_wal::{Disk, File};

use super::dice::Dice;
use super::inode::Inode;

#[derive(Clone, Debug)]
enum NameChange {
    Set(PathBuf, usize),
    /// The old name of a rename, which never goes before the new one is there.
    Gone(PathBuf),
    /// Removals may become durable in any order.
    Removed(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    durable_names: BTreeMap<PathBuf, usize>,
    names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    /// Since the last sync of each directory.
    changes: BTreeMap<PathBuf, Vec<NameChange>>,
    /// Operations that change something, so far.
    ops: u64,
    /// Bytes read so far.
    read_bytes: u64,
    /// The power goes at this operation, which is half done.
    crash_at: Option<u64>,
    crashed: bool,
    /// Bytes that files may take; `None`: no limit.
    room: Option<u64>,
    failing_syncs: bool,
    failing_writes: bool,
    /// What creating a file fails with.
    failing_creates: Option<i32>,
    /// Reads of this file fail.
    unreadable: Option<PathBuf>,
    /// The control: a disk (or a program) that does not really sync.
    ignore_syncs: bool,
}

impl State {
    /// Count a changing operation; an error once the power is gone.
    fn step(&mut self) -> io::Result<bool> {
        if self.crashed {
            return Err(io::Error::other("the power is gone"));
        }
        self.ops += 1;
        let last = self.crash_at == Some(self.ops);
        self.crashed |= last;
        Ok(last)
    }

    fn change(&mut self, path: &Path, change: NameChange) {
        let dir = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        self.changes.entry(dir).or_default().push(change);
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&inode| self.inodes[inode].visible.len() as u64).sum()
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Set(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Gone(path) | NameChange::Removed(path) => {
            names.remove(path);
        }
    }
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    pub fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn ops(&self) -> u64 {
        self.state().ops
    }

    /// What the program has read so far.
    pub fn read_bytes(&self) -> u64 {
        self.state().read_bytes
    }

    /// Let the power go at the `n`th changing operation from now on.
    pub fn crash_in(&self, n: u64) {
        let mut state = self.state();
        state.crash_at = Some(state.ops + n);
    }

    pub fn crashed(&self) -> bool {
        self.state().crashed
    }

    /// The power is back. `seed` decides what is left of what was not synced.
    pub fn power_on(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let mut state = self.state();
        let mut names = state.durable_names.clone();
        for changes in std::mem::take(&mut state.changes).into_values() {
            let kept = dice.below(changes.len() as u64 + 1) as usize;
            for (n, change) in changes.iter().enumerate() {
                let early = matches!(change, NameChange::Removed(_)) && dice.below(4) == 0;
                if n < kept || early {
                    apply(&mut names, change);
                }
            }
        }
        for inode in &mut state.inodes {
            inode.crash(&mut dice);
        }
        state.durable_names = names.clone();
        state.names = names;
        state.crashed = false;
        state.crash_at = None;
    }

    pub fn set_room(&self, room: Option<u64>) {
        self.state().room = room;
    }

    pub fn used(&self) -> u64 {
        self.state().used()
    }

    pub fn fail_syncs(&self, failing: bool) {
        self.state().failing_syncs = failing;
    }

    pub fn fail_writes(&self, failing: bool) {
        self.state().failing_writes = failing;
    }

    /// Let creating a file fail with this error of the system.
    pub fn fail_creates(&self, errno: Option<i32>) {
        self.state().failing_creates = errno;
    }

    pub fn fail_reads(&self, path: Option<&Path>) {
        self.state().unreadable = path.map(Path::to_path_buf);
    }

    pub fn ignore_syncs(&self) {
        self.state().ignore_syncs = true;
    }

    /// Names of files below the root, with their paths.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// Segment files, oldest first.
    pub fn segments(&self) -> Vec<PathBuf> {
        self.paths().into_iter().filter(|p| p.extension().is_some_and(|e| e == "wal")).collect()
    }

    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.inode(path).unwrap()].visible.clone()
    }

    /// Put a file there, durably.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let inode = Inode { durable: bytes.clone(), visible: bytes, dirty: BTreeSet::new() };
        state.inodes.push(inode);
        let n = state.inodes.len() - 1;
        state.names.insert(path.to_path_buf(), n);
        state.durable_names.insert(path.to_path_buf(), n);
        let dirs: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_path_buf).collect();
        state.dirs.extend(dirs);
    }

    pub fn delete(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// Change a file's bytes behind the program's back.
    pub fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes(path);
        change(&mut bytes);
        self.put(path, bytes);
    }

    /// Another disk with the same files, everything durable.
    pub fn copy(&self) -> SimDisk {
        let copy = SimDisk::new();
        for path in self.paths() {
            copy.put(&path, self.bytes(&path));
        }
        copy.state().dirs.extend(self.state().dirs.clone());
        copy
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        // Directories are durable at once; losing them is the same as never having begun.
        state.dirs.extend(path.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let files = state.names.keys().filter(|path| path.parent() == Some(dir));
        let dirs = state.dirs.iter().filter(|path| path.parent() == Some(dir));
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Ok(files.chain(dirs).map(name).collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if let Some(errno) = state.failing_creates {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let last = state.step()?;
        state.inodes.push(Inode::default());
        let inode = state.inodes.len() - 1;
        let change = NameChange::Set(path.to_path_buf(), inode);
        apply(&mut state.names, &change);
        state.change(path, change);
        if last {
            return Err(io::Error::other("the power went"));
        }
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Box<dyn File>> {
        let state = self.state();
        let inode = state.inode(path)?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.inode(from)?;
        let last = state.step()?;
        // Both halves are one change; the order keeps a name for the file at any cut.
        for change in
            [NameChange::Set(to.to_path_buf(), inode), NameChange::Gone(from.to_path_buf())]
        {
            apply(&mut state.names, &change);
            state.change(to, change);
        }
        if last { Err(io::Error::other("the power went")) } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.inode(path)?;
        let last = state.step()?;
        let change = NameChange::Removed(path.to_path_buf());
        apply(&mut state.names, &change);
        state.change(path, change);
        if last { Err(io::Error::other("the power went")) } else { Ok(()) }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.step()? {
            return Err(io::Error::other("the power went"));
        }
        if state.ignore_syncs {
            return Ok(());
        }
        for change in state.changes.remove(dir).unwrap_or_default() {
            apply(&mut state.durable_names, &change);
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.state();
        Ok(state.names.contains_key(path) || state.dirs.contains(path))
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl SimFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.step()? {
            return Err(io::Error::other("the power went"));
        }
        if state.failing_syncs {
            // As Linux does: it reports the failure once and takes the pages for clean.
            state.inodes[self.inode].dirty.clear();
            return Err(io::Error::from_raw_os_error(5));
        }
        if !state.ignore_syncs {
            state.inodes[self.inode].sync();
        }
        Ok(())
    }
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].visible.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let unreadable = state.unreadable.as_ref().and_then(|path| state.names.get(path));
        if unreadable == Some(&self.inode) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let bytes = &state.inodes[self.inode].visible;
        let from = (offset as usize).min(bytes.len());
        let count = buf.len().min(bytes.len() - from);
        buf[..count].copy_from_slice(&bytes[from..from + count]);
        state.read_bytes += count as u64;
        Ok(count)
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let last = state.step()?;
        if state.failing_writes {
            return Err(io::Error::from_raw_os_error(5));
        }
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        let growth = to.saturating_sub(state.inodes[self.inode].visible.len()) as u64;
        if growth > 0 && state.room.is_some_and(|room| state.used() + growth > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = &mut state.inodes[self.inode];
        if inode.visible.len() < to {
            inode.visible.resize(to, 0);
        }
        inode.visible[from..to].copy_from_slice(bytes);
        inode.touch(from, to);
        if last { Err(io::Error::other("the power went")) } else { Ok(()) }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        let inode = &mut state.inodes[self.inode];
        let old = inode.visible.len();
        inode.visible.resize(len as usize, 0);
        inode.touch(old.min(len as usize), old.max(len as usize));
        Ok(())
    }
}

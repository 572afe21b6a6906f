//! A disk in memory that does what real ones do when the power goes: it forgets what was not synced, in part, in any
//! order, and tears writes at sector borders.

mod content;
mod handle;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coreos_wal::{Disk, File};

use crate::rng::Rng;
use content::Content;
use handle::Handle;

/// Counts of what has been done to a disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskTotals {
    /// Power cuts.
    pub crashes: u64,
    /// Writes that were on their way and were lost, whole.
    pub lost: u64,
    /// Writes of which only some sectors arrived.
    pub torn: u64,
    /// Writes refused for want of space.
    pub refused: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Bits flipped.
    pub flipped: u64,
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Default)]
pub(crate) struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    dirs: BTreeSet<PathBuf>,
    capacity: Option<usize>,
    /// Disk operations until the power goes.
    fuse: Option<u64>,
    off: bool,
    fail_next_sync: bool,
    ignores_sync: bool,
    totals: DiskTotals,
}

/// What a disk held at one moment.
pub struct Saved {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
}

/// See the module. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// An empty disk. With `ignores_sync` it lies: nothing is durable before it chooses to (the control).
    #[must_use]
    pub fn new(ignores_sync: bool) -> Self {
        let disk = Self::default();
        disk.state().ignores_sync = ignores_sync;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power goes during the `operations`-th operation from now on.
    pub fn cut_power_after(&self, operations: u64) {
        self.state().fuse = Some(operations);
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// The next sync fails.
    pub fn fail_next_sync(&self) {
        self.state().fail_next_sync = true;
    }

    /// No more than what is there now and `spare` bytes; `None`: no limit.
    pub fn limit(&self, spare: Option<usize>) {
        let mut state = self.state();
        let used = state.used();
        state.capacity = spare.map(|spare| used + spare);
    }

    /// The power goes now (or has gone), and comes back: what was on its way arrives in part, by chance.
    pub fn crash(&self, rng: &mut Rng) {
        let mut state = self.state();
        state.totals.crashes += 1;
        let kept = rng.place(state.pending_names.len() + 1);
        let pending = std::mem::take(&mut state.pending_names);
        for change in &pending[..kept] {
            apply(&mut state.durable_names, change);
        }
        state.names = state.durable_names.clone();
        let State { files, totals, .. } = &mut *state;
        for content in files {
            content.crash(rng, totals);
        }
        (state.fuse, state.off, state.fail_next_sync) = (None, false, false);
    }

    /// Flip one bit of what is durable, somewhere. Gives the file and the offset.
    pub fn flip_bit(&self, rng: &mut Rng) -> Option<(PathBuf, usize)> {
        let mut state = self.state();
        let names: Vec<(PathBuf, usize)> =
            state.names.iter().map(|(path, &id)| (path.clone(), id)).collect();
        let (path, id) = names.get(rng.place(names.len().max(1)))?.clone();
        let offset = state.files[id].flip_bit(rng)?;
        state.totals.flipped += 1;
        Some((path, offset))
    }

    /// Nothing is going to fail any more.
    pub fn disarm(&self) {
        let mut state = self.state();
        (state.fuse, state.fail_next_sync) = (None, false);
    }

    /// What is on the disk, to be put back by [`SimDisk::restore`].
    #[must_use]
    pub fn saved(&self) -> Saved {
        let state = self.state();
        Saved {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            pending_names: state.pending_names.clone(),
        }
    }

    /// Put back what was on the disk.
    pub fn restore(&self, saved: &Saved) {
        let mut state = self.state();
        state.files.clone_from(&saved.files);
        state.names.clone_from(&saved.names);
        state.durable_names.clone_from(&saved.durable_names);
        state.pending_names.clone_from(&saved.pending_names);
    }

    /// What has been done so far.
    #[must_use]
    pub fn totals(&self) -> DiskTotals {
        self.state().totals
    }
}

impl State {
    fn used(&self) -> usize {
        self.names.values().map(|&id| self.files[id].len()).sum()
    }

    /// Count one operation; an error once the power has gone.
    fn operate(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.fuse {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.off = true,
            }
        }
        if self.off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn room_for(&mut self, more: usize) -> io::Result<()> {
        if self.capacity.is_some_and(|capacity| self.used() + more > capacity) {
            self.totals.refused += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn change_name(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.pending_names.push(change);
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Create(path, id) => {
            names.insert(path.clone(), *id);
        }
        NameChange::Rename(from, to) => {
            if let Some(id) = names.remove(from) {
                names.insert(to.clone(), id);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} does not exist", path.display()))
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        for dir in path.ancestors() {
            state.dirs.insert(dir.to_owned());
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.operate()?;
        if !state.dirs.contains(dir) {
            return Err(not_found(dir));
        }
        let files = state.names.keys();
        let inside = files.chain(&state.dirs).filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.operate()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.push(Content::default());
        let id = state.files.len() - 1;
        state.change_name(NameChange::Create(path.to_owned(), id));
        Ok(Box::new(Handle { disk: self.clone(), id, writable: true }))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.operate()?;
        let id = *state.names.get(path).ok_or_else(|| not_found(path))?;
        Ok(Box::new(Handle { disk: self.clone(), id, writable: write }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.names.contains_key(from) {
            return Err(not_found(from));
        }
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.names.contains_key(path) {
            return Err(not_found(path));
        }
        state.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.ignores_sync {
            // A journal commits everything before it, in whatever directory.
            let pending = std::mem::take(&mut state.pending_names);
            pending.iter().for_each(|change| apply(&mut state.durable_names, change));
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.operate()?;
        Ok(state.names.contains_key(path) || state.dirs.contains(path))
    }
}

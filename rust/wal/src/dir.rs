//! The data directory: what is in it, and beginning a new one.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::{ErrorKind, WalError, io_error};
use crate::header::HEADER_BYTES;
use crate::identity::Identity;
use crate::layout::{BROKEN, LOCK, Layout, NEXT, TMP, parse_segment};
use crate::options::WalOptions;
use crate::prepare::{Preparation, Prepared};
use crate::state::State;
use crate::wal::{Current, Wal};
use crate::window::Window;

/// A data directory.
#[derive(Clone)]
pub struct DataDir {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
}

/// What a data directory is, before anything is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirState {
    /// Nothing there yet.
    Empty,
    /// A creation was cut off before it was complete: it is begun again.
    Unfinished,
    /// The data of this member.
    Member(Identity),
}

impl DataDir {
    /// The data directory at `path`; nothing is touched.
    pub fn new(disk: Arc<dyn Disk>, path: &Path) -> DataDir {
        DataDir { disk, layout: Layout::new(path) }
    }

    /// What is there. Nothing is changed; a directory that holds something else is an error of
    /// kind `Foreign`.
    pub fn state(&self) -> Result<DirState, WalError> {
        let layout = &self.layout;
        if !self.exists(&layout.root)? {
            return Ok(DirState::Empty);
        }
        if self.exists(&layout.identity)? {
            return Identity::read(self.disk.as_ref(), &layout.identity).map(DirState::Member);
        }
        let is_ours = |name: &str| matches!(name, LOCK | "lost+found" | "member");
        self.only(&layout.root, is_ours)?;
        if !self.exists(&layout.member)? {
            return Ok(DirState::Empty);
        }
        self.only(&layout.member, |name| matches!(name, "wal" | "snap") || name.ends_with(TMP))?;
        if self.exists(&layout.snap)? {
            self.only(&layout.snap, |name| name.ends_with(TMP))?;
        }
        if self.exists(&layout.wal)? {
            self.only(&layout.wal, |name| {
                parse_segment(name).is_some() || name.ends_with(TMP) || name.ends_with(NEXT)
            })?;
            self.no_batches()?;
        }
        Ok(DirState::Unfinished)
    }

    /// Create the files of a new member, in a directory that is empty or was left unfinished.
    pub fn create(&self, identity: &Identity, options: &WalOptions) -> Result<Wal, WalError> {
        let text = identity.encode()?;
        match self.state()? {
            DirState::Empty => {}
            DirState::Unfinished => self.clear_unfinished()?,
            DirState::Member(_) => {
                return Err(WalError::new(
                    ErrorKind::Config,
                    format!("{} already holds the data of a member", self.layout.root.display()),
                ));
            }
        }
        let layout = &self.layout;
        for dir in [&layout.wal, &layout.snap] {
            self.disk.create_dir(dir).map_err(io_error("create", dir))?;
        }
        let wal = self.new_wal(identity.clone(), options, 0, State::new(1), 1)?;
        self.sync_dir(&layout.member)?;
        self.sync_dir(&layout.root)?;
        // Last: from here on it is a member.
        let tmp = layout.member.join(format!("identity{TMP}"));
        let mut file = self.disk.create(&tmp).map_err(io_error("create", &tmp))?;
        file.write_all_at(text.as_bytes(), 0)
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", &tmp))?;
        self.disk.rename(&tmp, &layout.identity).map_err(io_error("rename", &tmp))?;
        self.sync_dir(&layout.member)?;
        Ok(wal)
    }

    /// A log whose only segment is new.
    pub(crate) fn new_wal(
        &self,
        identity: Identity,
        options: &WalOptions,
        sequence: u64,
        state: State,
        next_batch: u64,
    ) -> Result<Wal, WalError> {
        let layout = &self.layout;
        let first_index = state.tail.last().saturating_add(1);
        let path = layout.segment(sequence, first_index);
        let prepared = Preparation::new(
            Arc::clone(&self.disk),
            layout.next(sequence),
            0,
            options.segment_bytes(),
        )
        .run_unnamed()
        .map_err(io_error("prepare the log segment", &path))?;
        self.disk.rename(&prepared.path, &path).map_err(io_error("create", &path))?;
        self.sync_dir(&layout.wal)?;
        let Prepared { file, bytes, .. } = prepared;
        let mut wal = Wal {
            disk: Arc::clone(&self.disk),
            layout: layout.clone(),
            identity,
            options: *options,
            current: Current { file, path, sequence, seed: 0, offset: 0, bytes, max_index: 0 },
            closed: VecDeque::new(),
            next_batch,
            state,
            ready: None,
            preparing: false,
            jobs: 0,
            poison: None,
        };
        wal.begin_segment(first_index).map_err(io_error("write", &wal.current.path))?;
        Ok(wal)
    }

    fn only(&self, dir: &Path, ours: impl Fn(&str) -> bool) -> Result<(), WalError> {
        let names = self.disk.list(dir).map_err(io_error("list", dir))?;
        match names.iter().find(|name| !ours(name)) {
            None => Ok(()),
            Some(name) => Err(WalError::new(
                ErrorKind::Foreign,
                format!(
                    "{} is not a data directory of this program: there is no member/identity, but \
                     {} is there, which is not ours; nothing was touched. Give an empty directory, \
                     or restore member/identity from a backup if this is a member's data",
                    self.layout.root.display(),
                    dir.join(name).display()
                ),
            )),
        }
    }

    /// A log with batches but without an identity is not an unfinished creation.
    fn no_batches(&self) -> Result<(), WalError> {
        for file in crate::segment::list(self.disk.as_ref(), &self.layout)? {
            let mut window = Window::open(self.disk.as_ref(), &file.path)?;
            let used = window
                .next_word(HEADER_BYTES as u64)
                .map_err(crate::segment::read_error(&file.path, 0))?;
            if used.is_some() {
                return Err(WalError::new(
                    ErrorKind::Damaged,
                    format!(
                        "{} is missing, but {} holds a log: nobody knows whose data this is; \
                         restore this small file, or the data directory, from a backup",
                        self.layout.identity.display(),
                        file.path.display()
                    ),
                ));
            }
        }
        Ok(())
    }

    fn clear_unfinished(&self) -> Result<(), WalError> {
        for dir in [&self.layout.wal, &self.layout.snap] {
            if self.exists(dir)? {
                self.remove_all(dir, |_| true)?;
            }
        }
        self.remove_all(&self.layout.member, |name| name.ends_with(TMP))
    }

    /// Remove what was being written when an earlier run ended.
    pub(crate) fn remove_tmp(&self) -> Result<(), WalError> {
        for dir in [&self.layout.member, &self.layout.wal, &self.layout.snap] {
            self.remove_all(dir, |name| name.ends_with(TMP))?;
        }
        Ok(())
    }

    pub(crate) fn remove_all(
        &self,
        dir: &Path,
        goes: impl Fn(&str) -> bool,
    ) -> Result<(), WalError> {
        for name in self.disk.list(dir).map_err(io_error("list", dir))? {
            if goes(&name) {
                let path = dir.join(&name);
                self.disk.remove(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }

    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<(), WalError> {
        self.disk.sync_dir(dir).map_err(io_error("sync the directory", dir))
    }

    pub(crate) fn exists(&self, path: &Path) -> Result<bool, WalError> {
        self.disk.exists(path).map_err(io_error("look for", path))
    }

    /// Set a file aside under a name that nothing reads.
    pub(crate) fn set_aside(&self, path: &Path) -> Result<std::path::PathBuf, WalError> {
        let mut aside = crate::layout::with_suffix(path, BROKEN);
        let mut n = 1;
        while self.exists(&aside)? {
            aside = crate::layout::with_suffix(path, &format!(".{n}{BROKEN}"));
            n += 1;
        }
        self.disk.rename(path, &aside).map_err(io_error("set aside", path))?;
        if let Some(dir) = path.parent() {
            self.sync_dir(dir)?;
        }
        Ok(aside)
    }
}

//! One process per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{ErrorKind, WalError, io_error};
use crate::layout::LOCK;
use crate::real_disk::{create_dirs, sync_dir};

/// Holds `DATA_DIR/LOCK` with flock until dropped. The kernel releases it when the process dies in
/// whatever way, so that a leftover file never stands in the way of a start.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Take the lock of the data directory `path`, which is created when it does not exist. The
    /// error of kind `Locked` names the process that holds it.
    pub fn take(path: &Path) -> Result<DirLock, WalError> {
        DirLock::take_in(path, &sync_dir)
    }

    /// Whoever creates the data directory finds it there afterwards, so it is this that has to
    /// make its name durable.
    fn take_in(path: &Path, sync: &dyn Fn(&Path) -> io::Result<()>) -> Result<DirLock, WalError> {
        create_dirs(path, sync).map_err(io_error("create the data directory", path))?;
        let lock_path = path.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io_error("open", &lock_path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(path, &mut file)),
            Err(TryLockError::Error(error)) => {
                return Err(WalError::io("lock", &lock_path, &error));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(io_error("write the process id into", &lock_path))?;
        Ok(DirLock { _file: file })
    }
}

fn locked(path: &Path, file: &mut File) -> WalError {
    let mut text = String::new();
    let holder = match file.take(32).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    };
    WalError::new(
        ErrorKind::Locked,
        format!(
            "the data directory {} is in use by {holder}: stop it first, or give this member a \
             directory of its own",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn the_name_of_each_new_level_is_made_durable() {
        let place = tempfile::tempdir().unwrap();
        let (synced, root) = (RefCell::new(Vec::new()), place.path().join("a/b/data"));
        let record = |dir: &Path| {
            synced.borrow_mut().push(dir.to_path_buf());
            sync_dir(dir)
        };
        let lock = DirLock::take_in(&root, &record).unwrap();
        let mut parents = synced.take();
        parents.sort();
        assert_eq!(parents, [place.path(), &place.path().join("a"), &place.path().join("a/b")]);
        drop(lock);
        DirLock::take_in(&root, &record).unwrap();
        assert!(synced.take().is_empty(), "it was there");
        // The control: a failed sync is not passed over.
        let failing = |_: &Path| Err(io::Error::from_raw_os_error(5));
        let error = DirLock::take_in(&place.path().join("c"), &failing).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Io);
    }
}

//! One process per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{ErrorKind, WalError, io_error, is_no_space};
use crate::layout::LOCK;
use crate::real_disk::{create_dirs, sync_dir};

/// Length of the line in the file: the longest process id and the end of the line.
const LINE_BYTES: usize = 11;

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
        DirLock::take_in(path, &sync_dir, &|file, line| file.write_all(line))
    }

    /// Whoever creates the data directory finds it there afterwards, so it is this that has to
    /// make its name durable.
    fn take_in(
        path: &Path,
        sync: &dyn Fn(&Path) -> io::Result<()>,
        write: &dyn Fn(&mut File, &[u8]) -> io::Result<()>,
    ) -> Result<DirLock, WalError> {
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
        // It only serves the message of another start. Written in place, it needs no room on most
        // disks that are full; where it does, the file must at least not name somebody else.
        let line = format!("{:<1$}\n", std::process::id(), LINE_BYTES - 1);
        let named = match write(&mut file, line.as_bytes()) {
            Err(error) if is_no_space(&error) => file.set_len(0),
            named => named,
        };
        if let Err(error) = named
            && !is_no_space(&error)
        {
            return Err(WalError::io("write the process id into", &lock_path, &error));
        }
        Ok(DirLock { _file: file })
    }
}

fn locked(path: &Path, file: &mut File) -> WalError {
    let mut text = String::new();
    let holder = match file.take(LINE_BYTES as u64).read_to_string(&mut text) {
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

    fn plain(file: &mut File, line: &[u8]) -> io::Result<()> {
        file.write_all(line)
    }

    #[test]
    fn the_name_of_each_new_level_is_made_durable() {
        let place = tempfile::tempdir().unwrap();
        let (synced, root) = (RefCell::new(Vec::new()), place.path().join("a/b/data"));
        let record = |dir: &Path| {
            synced.borrow_mut().push(dir.to_path_buf());
            sync_dir(dir)
        };
        let lock = DirLock::take_in(&root, &record, &plain).unwrap();
        let mut parents = synced.take();
        parents.sort();
        assert_eq!(parents, [place.path(), &place.path().join("a"), &place.path().join("a/b")]);
        drop(lock);
        DirLock::take_in(&root, &record, &plain).unwrap();
        assert!(synced.take().is_empty(), "it was there");
        // The control: a failed sync is not passed over.
        let failing = |_: &Path| Err(io::Error::from_raw_os_error(5));
        let error = DirLock::take_in(&place.path().join("c"), &failing, &plain).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Io);
    }

    #[test]
    fn a_full_disk_is_no_obstacle_and_names_nobody_else() {
        let place = tempfile::tempdir().unwrap();
        let (root, path) = (place.path(), place.path().join(LOCK));
        // The control: who holds it is named, and what stood there before is not.
        std::fs::write(&path, "4294967295\n").unwrap();
        let lock = DirLock::take(root).unwrap();
        let holder = format!("in use by process {}:", std::process::id());
        let message = DirLock::take(root).unwrap_err().message;
        assert!(message.contains(&holder), "{message}");
        assert_eq!(std::fs::read(&path).unwrap().len(), LINE_BYTES);
        drop(lock);
        // ENOSPC and EDQUOT.
        for code in [28, 122] {
            std::fs::write(&path, "4294967295\n").unwrap();
            let full = |file: &mut File, _: &[u8]| {
                assert_eq!(file.metadata()?.len(), LINE_BYTES as u64, "its room is given up");
                Err(io::Error::from_raw_os_error(code))
            };
            let lock = DirLock::take_in(root, &sync_dir, &full).unwrap();
            let error = DirLock::take(root).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Locked);
            assert!(error.message.contains("in use by another process:"), "{}", error.message);
            drop(lock);
        }
        // Any other error is not passed over.
        let failing = |_: &mut File, _: &[u8]| Err(io::Error::from_raw_os_error(5));
        let error = DirLock::take_in(root, &sync_dir, &failing).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Io);
    }
}

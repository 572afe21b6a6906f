//! Errors, each with a sentence for the person who has to act on it.

use std::fmt;
use std::io;
use std::path::Path;

/// What sort of trouble a [`WalError`] is, for callers that decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Another process runs on the same data directory.
    Locked,
    /// The directory holds something else than our data.
    Foreign,
    /// Files of another cluster or another member.
    Mismatch,
    /// Acknowledged data is missing or wrong; going on would lose it.
    Damaged,
    /// Written by a newer version of this program.
    Newer,
    /// The operating system refused an operation.
    Io,
    /// The caller asked for something that cannot be done.
    Config,
}

/// A failure outside the append path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalError {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: which file, where, what would be lost, what to do.
    pub message: String,
}

impl WalError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> WalError {
        WalError { kind, message: message.into() }
    }

    /// `doing` completes "could not ...".
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> WalError {
        let hint = if is_no_space(error) {
            "; the disk or the quota is full: free some space and start again"
        } else {
            ""
        };
        WalError::new(ErrorKind::Io, format!("could not {doing} {}: {error}{hint}", path.display()))
    }
}

impl fmt::Display for WalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for WalError {}

/// Why a batch was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// There is no room for another segment, or no descriptor to open it with. Nothing was written and the log is
    /// sound: the same batch may be tried again.
    NoSpace(String),
    /// A write or a sync failed, now or earlier. Nobody knows what is on the disk, so that nothing
    /// may be acknowledged any more; only a new start with recovery finds out.
    Poisoned(String),
    /// The batch is longer than a batch may be, or than a segment has room for.
    TooLarge,
}

impl fmt::Display for WriteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::NoSpace(message) | WriteError::Poisoned(message) => out.write_str(message),
            WriteError::TooLarge => out.write_str("the batch is too large for the log"),
        }
    }
}

impl std::error::Error for WriteError {}

/// Whether the disk, or the user's share of it, is full.
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether no descriptor is left, for this process or for all of them (EMFILE, ENFILE).
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23))
}

/// `WalError::io` as the argument of `map_err`.
pub(crate) fn io_error<'a>(
    doing: &'a str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> WalError + 'a {
    move |error| WalError::io(doing, path, &error)
}

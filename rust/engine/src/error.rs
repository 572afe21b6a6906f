//! Why a member cannot start, had to stop, or does not take a proposal.

use coreos_store::DecodeError;
use coreos_wal::WalError;

/// The kinds that a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Another process runs on the data directory.
    Locked,
    /// The directory holds something that is not ours.
    Foreign,
    /// The directory belongs to another cluster or member.
    Mismatch,
    /// Data that had been durable is missing or wrong.
    Damaged,
    /// Written by a newer version.
    Newer,
    /// The system refused.
    Io,
    /// The settings do not fit together.
    Config,
    /// A write or sync failed while running.
    Poisoned,
}

impl ErrorKind {
    /// The name under which Python sees it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Foreign => "foreign",
            Self::Mismatch => "mismatch",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
            Self::Io => "io",
            Self::Config => "config",
            Self::Poisoned => "poisoned",
        }
    }
}

/// A member that cannot start or had to stop.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What kind of obstacle it is.
    pub kind: ErrorKind,
    /// One sentence for people.
    pub message: String,
}

impl EngineError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Entry `index` of the log cannot be applied.
    pub(crate) fn of_entry(index: u64, error: &DecodeError) -> Self {
        match error {
            DecodeError::Newer(version) => Self::new(
                ErrorKind::Newer,
                format!(
                    "entry {index} has command encoding {version}, written by a newer version: run that version"
                ),
            ),
            DecodeError::Malformed(what) => Self::new(
                ErrorKind::Damaged,
                format!("entry {index} is no command ({what}), although its checksum is right"),
            ),
        }
    }
}

impl From<WalError> for EngineError {
    fn from(error: WalError) -> Self {
        use coreos_wal::ErrorKind as Wal;
        let kind = match error.kind {
            Wal::Locked => ErrorKind::Locked,
            Wal::Foreign => ErrorKind::Foreign,
            Wal::Mismatch => ErrorKind::Mismatch,
            Wal::Damaged => ErrorKind::Damaged,
            Wal::Newer => ErrorKind::Newer,
            Wal::Io => ErrorKind::Io,
            Wal::Config => ErrorKind::Config,
        };
        Self { kind, message: error.message }
    }
}

/// Why a proposal was not taken. It has not been and will not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too much is in flight.
    Full,
    /// The member is closing.
    Stopping,
    /// The member does not lead yet: its vote has to be durable first.
    NoLeader,
    /// The cluster does not know such a command yet.
    TooNew {
        /// What it would have to speak.
        version: &'static str,
    },
    /// One proposal is larger than an entry of the log may be.
    TooLarge {
        /// Its length.
        bytes: usize,
        /// What it may be.
        bytes_max: usize,
    },
    /// The disk is full; says which.
    ReadOnly(String),
    /// The log failed; says how.
    Poisoned(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Full => f.write_str("too many requests"),
            Refused::Stopping => f.write_str("server stopped"),
            Refused::NoLeader => f.write_str("no leader yet: try again"),
            Refused::TooNew { version } => {
                write!(f, "the cluster does not speak version {version} yet")
            }
            Refused::TooLarge { bytes, bytes_max } => {
                write!(f, "request is too large: {bytes} bytes, the limit is {bytes_max}")
            }
            Refused::ReadOnly(why) => write!(f, "read-only: {why}"),
            Refused::Poisoned(why) => write!(f, "server stopped: {why}"),
        }
    }
}

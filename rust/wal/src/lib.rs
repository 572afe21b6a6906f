//! The log on disk, snapshot files and the data directory they live in.
//!
//! What is acknowledged here survives a power cut, and nothing that was acknowledged is ever lost
//! silently: see `docs/formats.md` for the bytes and for the rule that tells a torn write from
//! damage. The log knows neither consensus nor the store; it keeps [`Record`]s. All of it runs on
//! a [`Disk`], so that a simulator can be the disk.

mod batch;
mod damage;
mod dir;
mod disk;
mod error;
mod frame;
mod header;
mod identity;
mod inspect;
mod layout;
mod lock;
mod msgpack;
mod options;
mod prepare;
mod promises;
mod real_disk;
mod record;
mod recover;
mod repair;
mod sealed_text;
mod segment;
mod snapshot;
mod snapshot_reader;
mod snapshot_writer;
mod state;
mod survey;
mod tail;
mod wal;
mod walk;
mod window;

pub use batch::Batch;
pub use dir::{DataDir, DirState};
pub use disk::{Disk, File};
pub use error::{ErrorKind, WalError, WriteError};
pub use frame::BATCH_PAYLOAD_MAX;
pub use identity::Identity;
pub use inspect::{Report, verify};
pub use lock::DirLock;
pub use options::WalOptions;
pub use prepare::{Preparation, Prepared};
pub use real_disk::RealDisk;
pub use record::Record;
pub use recover::Recovery;
pub use repair::repair;
pub use snapshot::{SnapshotFile, SnapshotMeta};
pub use snapshot_reader::SnapshotReader;
pub use snapshot_writer::SnapshotWriter;
pub use wal::Wal;

//! What the tests share: owned records, a small identity, and helpers around a data directory.
#![allow(dead_code)] // Each test binary uses its part.

pub mod bytes;
pub mod damages;
pub mod dice;
pub mod inode;
pub mod sim;

use std::path::Path;
use std::sync::Arc;

use coreos_wal::{Batch, DataDir, Disk, Identity, Record, Recovery, Wal, WalError, WalOptions};

pub const ROOT: &str = "/data";

/// A record without borrows.
#[derive(Clone, PartialEq, Eq)]
pub enum Owned {
    Entry { term: u64, index: u64, payload: Vec<u8> },
    HardState { term: u64, vote: u64, commit: u64 },
    Mark { term: u64, index: u64 },
    Clock { time_ns: u64 },
    Start { incarnation: u64 },
}

/// Short, because failing tests print whole logs.
impl std::fmt::Debug for Owned {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Owned::Entry { term, index, payload } => {
                write!(out, "E{index}t{term}[{}]", payload.len())
            }
            Owned::HardState { term, vote, commit } => write!(out, "H{term},{vote},{commit}"),
            Owned::Mark { term, index } => write!(out, "M{index}t{term}"),
            Owned::Clock { time_ns } => write!(out, "C{time_ns}"),
            Owned::Start { incarnation } => write!(out, "S{incarnation}"),
        }
    }
}

impl Owned {
    pub fn of(record: &Record<'_>) -> Owned {
        match *record {
            Record::Entry { term, index, payload } => {
                Owned::Entry { term, index, payload: payload.to_vec() }
            }
            Record::HardState { term, vote, commit } => Owned::HardState { term, vote, commit },
            Record::SnapshotMark { term, index } => Owned::Mark { term, index },
            Record::Clock { time_ns } => Owned::Clock { time_ns },
            Record::Start { incarnation } => Owned::Start { incarnation },
        }
    }

    pub fn put(&self, batch: &mut Batch) {
        match self {
            Owned::Entry { term, index, payload } => batch.entry(*term, *index, payload),
            Owned::HardState { term, vote, commit } => batch.hard_state(*term, *vote, *commit),
            Owned::Mark { term, index } => batch.snapshot_mark(*term, *index),
            Owned::Clock { time_ns } => batch.clock(*time_ns),
            Owned::Start { incarnation } => batch.start(*incarnation),
        }
    }
}

pub fn identity() -> Identity {
    Identity { cluster_id: 0xc1, member_id: 0x3e, token: "etcd-cluster".into(), name: "one".into() }
}

/// Segments of 4 KiB, and nonces that a failing test repeats.
pub fn options() -> WalOptions {
    WalOptions { segment_bytes: 4096, nonce_seed: Some(7) }
}

pub fn dir(disk: &Arc<dyn Disk>) -> DataDir {
    DataDir::new(Arc::clone(disk), Path::new(ROOT))
}

pub fn batch(records: &[Owned]) -> Batch {
    let mut batch = Batch::new();
    for record in records {
        record.put(&mut batch);
    }
    batch
}

pub fn entry(term: u64, index: u64, payload_bytes: usize) -> Owned {
    // Contents that tell where they belong, so that a mix-up shows.
    let payload = (0..payload_bytes).map(|i| (index as usize * 31 + i + 1) as u8).collect();
    Owned::Entry { term, index, payload }
}

/// Run a preparation on this thread, as the simulator does.
pub fn prepare(wal: &mut Wal) {
    if let Some(job) = wal.wants_next() {
        wal.offer_next(job.run());
    }
}

/// Recover and keep what was visited.
pub fn recover(
    disk: &Arc<dyn Disk>,
    from_index: u64,
) -> Result<(Wal, Recovery, Vec<Owned>), WalError> {
    let mut seen = Vec::new();
    let (wal, recovery) = dir(disk).recover(&options(), from_index, &mut |record| {
        seen.push(Owned::of(&record));
        Ok(())
    })?;
    Ok((wal, recovery, seen))
}

/// The entries that are in force after all records, by replaying replacement of suffixes.
pub fn entries(seen: &[Owned]) -> Vec<Owned> {
    let mut log: Vec<Owned> = Vec::new();
    for record in seen {
        if let Owned::Entry { index, .. } = record {
            log.retain(|old| matches!(old, Owned::Entry { index: i, .. } if i < index));
            log.push(record.clone());
        }
    }
    log
}

/// `Result::unwrap_err` for values that cannot be shown.
pub fn error_of<T>(result: Result<T, WalError>) -> WalError {
    match result {
        Ok(_) => panic!("this had to fail"),
        Err(error) => error,
    }
}

/// Settings of a property; nothing is kept on disk, a failure prints its seed.
pub fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config { cases, failure_persistence: None, ..Default::default() }
}

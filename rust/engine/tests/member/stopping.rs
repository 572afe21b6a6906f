//! The end is not held up by what a start can do without.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

use coreos_engine::snapshot::Snapshots;
use coreos_engine::{Completion, Member, MemberConfig, RealDisk, Refused, Sink};
use coreos_wal::DataDir;
use tempfile::tempdir;

use crate::common::{DEADLINE, config, names, set};

/// While `closes` it has the member closed before the log thread hears that its answers have been delivered.
struct Closer {
    member: Member,
    closes: AtomicBool,
}

impl Sink for Closer {
    fn deliver(&self, completions: &mut Vec<Completion>) {
        completions.clear();
        if !self.closes.swap(false, SeqCst) {
            return;
        }
        let member = self.member.clone();
        std::thread::spawn(move || member.close());
        let deadline = Instant::now() + DEADLINE;
        let is_stopping = || {
            let not_taken = self.member.propose_many(&mut vec![(set("/late", ""), 0)]);
            not_taken.iter().any(|(_, refused)| *refused == Refused::Stopping)
        };
        while !is_stopping() {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::yield_now();
        }
    }
}

fn snapshots(dir: &Path) -> Vec<String> {
    names(&dir.join("member/snap"))
}

#[test]
fn a_stopping_member_begins_no_snapshot() {
    let other = tempdir().expect("a directory");
    let member = Member::open(&config(other.path()), false).expect("a start");
    // One more than a new member has makes a snapshot due.
    let snapshot_count = Some(member.status().applied + 1);
    member.close();
    for closes in [true, false] {
        let dir = tempdir().expect("a directory");
        let config = MemberConfig { snapshot_count, ..config(dir.path()) };
        let member = Member::open(&config, false).expect("a start");
        let closer = Closer { member: member.clone(), closes: AtomicBool::new(closes) };
        member.set_sink(Arc::new(closer));
        member.propose_many(&mut vec![(set("/a", "1"), 1)]);
        let deadline = Instant::now() + DEADLINE;
        // The control: one that goes on does.
        while !closes && snapshots(dir.path()).iter().all(|name| !name.ends_with(".snap")) {
            assert!(Instant::now() < deadline, "no snapshot is taken");
            std::thread::yield_now();
        }
        member.close();
        if closes {
            assert_eq!(snapshots(dir.path()), [""; 0]);
        }
    }
}

#[test]
fn a_snapshot_that_is_being_written_is_given_up_without_a_trace() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), false).expect("a start");
    let view = || member.with_store(|store, _| store.view());
    let data = DataDir::new(RealDisk::new(false), dir.path());
    let mut snapshots = Snapshots::new(None, 2);
    let (finished, given_up) =
        (snapshots.begin(data.clone(), view(), 1, 1, 0), snapshots.begin(data, view(), 1, 2, 0));
    // The control: it can be written.
    assert_eq!(finished.run().expect("written").index, 1);
    let before = self::snapshots(dir.path());
    snapshots.stop();
    let error = given_up.run().expect_err("given up");
    assert!(error.to_string().contains("the member stops"), "{error}");
    assert_eq!(self::snapshots(dir.path()), before);
    member.close();
}

//! A disk that refuses to read says nothing about what is on it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use coreos_engine::boot::boot;
use coreos_engine::chores::Moment;
use coreos_engine::{ErrorKind, MemberConfig, Now};
use tempfile::tempdir;

use crate::common::{config, names};
use crate::faulty_disk::{Faults, FaultyDisk};

fn snapshots(dir: &Path) -> Vec<String> {
    names(&dir.join("member/snap"))
}

#[test]
fn it_is_not_a_broken_snapshot() {
    let (dir, faults) = (tempdir().expect("a directory"), Arc::<Faults>::default());
    let config = MemberConfig { snapshot_count: Some(1), ..config(dir.path()) };
    for starts in 1..=2 {
        let now = Now { mono_ns: starts, wall_ns: starts };
        let mut parts = boot(FaultyDisk::with(&faults), &config, now).expect("a start");
        parts.lead(&config, now, &mut |_| {}).expect("led");
        while snapshots(dir.path()).len() < starts as usize {
            let applier = &mut parts.applier;
            let (term, index) = (applier.term, applier.raft_index);
            let moment = || Moment { term, index, view: applier.store.view() };
            let job = parts.chores.next_job(now, &mut parts.wal, index, 0, moment);
            let after = parts.chores.done(job.expect("a job").run(), now, &mut parts.wal);
            assert_eq!(after.line, None);
        }
    }
    faults.unreadable_snapshots.store(true, Relaxed);
    let before = snapshots(dir.path());
    let refused = boot(FaultyDisk::with(&faults), &config, Now::real());
    let error = refused.err().expect("no start without the snapshots");
    assert_eq!(error.kind, ErrorKind::Io, "{error}");
    assert_eq!(snapshots(dir.path()), before, "set aside although nobody knows what is in them");
    faults.unreadable_snapshots.store(false, Relaxed);
    boot(FaultyDisk::with(&faults), &config, Now::real()).expect("the disk works again");
}

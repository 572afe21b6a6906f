//! A member whose disk is full starts read-only, shows everything that it had answered, and goes on when there is room.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use coreos_engine::boot::{Parts, boot};
use coreos_engine::chores::Moment;
use coreos_engine::replica::Seen;
use coreos_engine::{MemberConfig, Now, Refused};
use coreos_store::Body;
use coreos_wal::{Batch, WalOptions, WriteError};
use tempfile::tempdir;

use crate::common::{config, set};
use crate::faulty_disk::{Faults, FaultyDisk};

const SECOND_NS: u64 = 1_000_000_000;

fn at(seconds: u64) -> Now {
    Now { mono_ns: seconds * SECOND_NS, wall_ns: (1_000 + seconds) * SECOND_NS }
}

fn start(config: &MemberConfig, faults: &Arc<Faults>, now: Now) -> Parts {
    let mut parts = boot(FaultyDisk::with(faults), config, now).expect("a start");
    parts.lead(config, now, &mut |_| {}).expect("led, or read-only");
    parts
}

fn tick(parts: &mut Parts, now: Now) {
    let offset_ns = parts.applier.store.offset_ns();
    parts.replica.tick(now, Seen { next_deadline_ns: None, offset_ns });
}

/// The driver's rounds, until nothing is left to write. How many proposals were taken back.
fn drive(parts: &mut Parts, now: Now) -> usize {
    let (mut batch, mut back) = (Batch::new(), 0);
    tick(parts, now);
    while let Some(writing) = parts.replica.fill(now, false, &mut batch) {
        match parts.wal.write(&mut batch) {
            Ok(()) => {
                parts.replica.written(now, &writing);
                parts.carry_out(&mut |_| {}).expect("known commands");
            }
            Err(WriteError::NoSpace(why)) => {
                batch.clear();
                parts.chores.disk_is_full(now);
                back += parts.replica.refused(now, writing, why).len();
            }
            Err(error) => panic!("{error}"),
        }
        tick(parts, now);
    }
    back
}

fn do_jobs(parts: &mut Parts, now: Now) {
    let Parts { chores, wal, applier, replica, .. } = parts;
    let (term, index) = (applier.term, applier.raft_index);
    let moment = || Moment { term, index, view: applier.store.view() };
    if let Some(job) = chores.next_job(now, wal, index, 0, moment) {
        let after = chores.done(job.run(), now, wal);
        after.news.into_iter().for_each(|news| replica.hear(now, news));
    }
}

fn propose(parts: &mut Parts, now: Now, key: &str) -> Result<(), Refused> {
    parts.replica.propose(now, Body::Write(set(key, "v")), 1)
}

/// Answered writes, then a full disk, `small` batches of the log, and an answered write of `value_bytes`. Gives how
/// many small ones there were, and the index; `None`: there was no room for the last write.
fn fill_up(
    config: &MemberConfig,
    faults: &Arc<Faults>,
    small: Option<u64>,
    value_bytes: usize,
) -> (u64, Option<u64>) {
    let mut parts = start(config, faults, at(1));
    propose(&mut parts, at(1), "/first").expect("taken");
    assert_eq!(drive(&mut parts, at(1)), 0);
    faults.full.store(true, Relaxed);
    let mut batch = Batch::new();
    let mut written = 0;
    while small.is_none_or(|small| written < small) {
        batch.clock(parts.replica.clock().at(at(1)));
        match parts.wal.write(&mut batch) {
            Ok(()) => written += 1,
            Err(WriteError::NoSpace(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    // Answered, and nothing says yet that it is committed.
    let last = Body::Write(set("/last", &"v".repeat(value_bytes)));
    parts.replica.propose(at(1), last, 1).expect("taken");
    let fits = drive(&mut parts, at(1)) == 0;
    (written, fits.then(|| parts.applier.store.etcd_index()))
}

#[test]
fn everything_answered_is_there_and_the_rest_is_done_later() {
    let small_options = WalOptions { segment_bytes: 4096, nonce_seed: Some(3) };
    let configured = |dir: &std::path::Path| MemberConfig { wal: small_options, ..config(dir) };
    let dir = tempdir().expect("a directory");
    let (all, _) = fill_up(&configured(dir.path()), &Arc::default(), None, 0);
    let (mut without_vote, mut without_no_op, mut writable) = (0, 0, 0);
    // From no room for anything to room for all of it.
    for room in 0..80_usize {
        let (spare, value_bytes) = (4 + room as u64 / 4, 80 - room % 4 * 8);
        let (dir, faults) = (tempdir().expect("a directory"), Arc::<Faults>::default());
        let config = configured(dir.path());
        let (_, etcd_index) = fill_up(&config, &faults, Some(all - spare), value_bytes);
        let Some(etcd_index) = etcd_index else { continue };
        let mut parts = start(&config, &faults, at(100));
        let mut out = Vec::new();
        parts.applier.store.get(b"/last", true, 0, usize::MAX, &mut out).expect("it was answered");
        let published = parts.applier.store.etcd_index() - etcd_index;
        if parts.replica.read_only().is_some() {
            assert_eq!(published, 0, "{room}");
            assert!(parts.notes.iter().any(|note| note.contains("read-only")), "{:?}", parts.notes);
            without_vote += u32::from(!parts.replica.leads());
            let (last, applied) = (parts.replica.raft().last(), parts.applier.raft_index);
            without_no_op += u32::from(parts.replica.leads() && last.index > applied);
            let refused = propose(&mut parts, at(100), "/refused");
            assert!(matches!(refused, Err(Refused::ReadOnly(_))), "{refused:?}");
            // Nothing changes as long as the disk is full.
            do_jobs(&mut parts, at(101));
            drive(&mut parts, at(101));
            assert!(parts.replica.read_only().is_some());
            // What is overdue cannot be expired, so it wakes nobody.
            let idle_ns = parts.replica.sleep_ns(at(101), None);
            assert_eq!(parts.replica.sleep_ns(at(101), Some(0)), idle_ns);
        } else {
            writable += 1;
            assert_eq!(published, 1);
        }
        faults.full.store(false, Relaxed);
        do_jobs(&mut parts, at(102));
        if !parts.replica.leads() {
            // There is room, but the vote is not durable yet.
            assert_eq!(propose(&mut parts, at(102), "/early"), Err(Refused::NoLeader));
        }
        drive(&mut parts, at(102));
        assert!(parts.replica.leads() && parts.replica.read_only().is_none(), "{room}");
        // The control: it is what ends the sleep otherwise.
        let idle_ns = parts.replica.sleep_ns(at(102), None);
        assert!(parts.replica.sleep_ns(at(102), Some(0)) < idle_ns);
        assert_eq!(parts.applier.store.etcd_index(), etcd_index + 1, "published once");
        propose(&mut parts, at(102), "/again").expect("taken");
        assert_eq!(drive(&mut parts, at(102)), 0);
        assert_eq!(parts.applier.store.etcd_index(), etcd_index + 2);
        let offset_ns = parts.applier.store.offset_ns();
        assert_eq!(offset_ns, parts.replica.clock().offset_ns(at(102)), "the wall clock is known");
        drop(parts);
        let mut again = boot(FaultyDisk::with(&faults), &config, at(103)).expect("a start");
        again.replica.campaign(at(103));
        drive(&mut again, at(103));
        let mut out = Vec::new();
        again.applier.store.get(b"/again", true, 0, usize::MAX, &mut out).expect("it was answered");
    }
    let seen = (without_vote, without_no_op, writable);
    assert!(without_vote > 0 && without_no_op > 0 && writable > 0, "{seen:?}");
}

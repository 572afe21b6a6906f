//! A full disk is waited out; a failed write or sync ends the log.

mod common;

use common::sim::SimDisk;
use common::{Owned, batch, dir, entries, entry, error_of, identity, options, prepare, recover};
use coreos_wal::{ErrorKind, SnapshotMeta, Wal, WriteError};

fn new() -> (SimDisk, Wal) {
    let disk = SimDisk::new();
    let wal = dir(&disk.shared()).create(&identity(), &options()).unwrap();
    (disk, wal)
}

/// Write until the disk is full; the last index that was acknowledged.
fn fill(wal: &mut Wal, first: u64) -> (u64, coreos_wal::Batch) {
    for index in first.. {
        let mut next = batch(&[entry(1, index, 900)]);
        match wal.write(&mut next) {
            Ok(()) => {}
            Err(WriteError::NoSpace(message)) => {
                assert!(message.contains("no space") && message.contains("/data/member/wal"));
                return (index - 1, next);
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the disk is never full");
}

#[test]
fn a_full_disk_is_no_loss_and_no_poison() {
    let (disk, mut wal) = new();
    disk.set_room(Some(disk.used() + 10_000));
    let (last, mut waiting) = fill(&mut wal, 1);
    assert!(last >= 8, "the room was not used");
    assert!(!waiting.is_empty(), "the batch is gone");
    // Nothing of the attempt is left to eat the rest of the space.
    assert!(disk.paths().iter().all(|path| !path.to_string_lossy().ends_with(".tmp")));
    // Small ones still fit into what is there.
    wal.write(&mut batch(&[Owned::HardState { term: 1, vote: 0, commit: last }])).unwrap();
    assert!(matches!(wal.write(&mut waiting), Err(WriteError::NoSpace(_))));
    disk.set_room(None);
    wal.write(&mut waiting).unwrap();
    assert!(waiting.is_empty());
    wal.write(&mut batch(&[entry(1, last + 2, 900)])).unwrap();
    drop(wal);
    let (_, recovery, seen) = recover(&disk.shared(), 0).unwrap();
    assert_eq!((recovery.last_index, recovery.commit), (last + 2, last));
    assert_eq!(entries(&seen), (1..=last + 2).map(|i| entry(1, i, 900)).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_survives_a_power_cut() {
    let (disk, mut wal) = new();
    disk.set_room(Some(disk.used() + 10_000));
    let (last, _) = fill(&mut wal, 1);
    disk.power_on(5);
    assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, last);
}

#[test]
fn a_failed_preparation_is_asked_for_again() {
    let (disk, mut wal) = new();
    disk.set_room(Some(disk.used() + 1000));
    let job = wal.wants_next().unwrap();
    assert!(wal.wants_next().is_none(), "one at a time");
    let failed = job.run();
    assert!(failed.is_err());
    wal.offer_next(failed);
    disk.set_room(None);
    let job = wal.wants_next().expect("another attempt");
    wal.offer_next(job.run());
    assert!(wal.wants_next().is_none(), "one is ready");
    disk.set_room(Some(0));
    // The prepared segment is the reserve: no new space is needed to change over.
    for index in 1..=7 {
        wal.write(&mut batch(&[entry(1, index, 900)])).unwrap();
    }
    assert_eq!(wal.segments(), 2);
}

#[test]
fn a_job_under_way_does_not_collide_with_a_preparation_in_place() {
    let (disk, mut wal) = new();
    let job = wal.wants_next().unwrap();
    for index in 1..=6 {
        wal.write(&mut batch(&[entry(1, index, 900)])).unwrap();
    }
    assert_eq!(wal.segments(), 2, "did not wait for the job");
    wal.offer_next(job.run());
    assert!(wal.wants_next().is_none());
    for index in 7..=20 {
        wal.write(&mut batch(&[entry(1, index, 900)])).unwrap();
        prepare(&mut wal);
    }
    drop(wal);
    let (_, recovery, seen) = recover(&disk.shared(), 0).unwrap();
    assert_eq!((recovery.last_index, entries(&seen).len()), (20, 20));
}

#[test]
fn a_prepared_segment_is_used_after_a_restart() {
    let (disk, mut wal) = new();
    prepare(&mut wal);
    drop(wal);
    let (mut wal, _, _) = recover(&disk.shared(), 0).unwrap();
    assert!(wal.wants_next().is_none(), "it was there");
    drop(wal);
    // The control: one of another length cannot be used.
    let path = disk.paths().into_iter().find(|p| p.to_string_lossy().ends_with(".next")).unwrap();
    disk.edit(&path, |bytes| bytes.truncate(1000));
    let (mut wal, _, _) = recover(&disk.shared(), 0).unwrap();
    assert!(!disk.paths().contains(&path));
    assert!(wal.wants_next().is_some());
}

#[test]
fn a_failed_sync_or_write_poisons_for_ever() {
    for syncs in [true, false] {
        let (disk, mut wal) = new();
        wal.write(&mut batch(&[entry(1, 1, 100)])).unwrap();
        if syncs {
            disk.fail_syncs(true)
        } else {
            disk.fail_writes(true)
        }
        let mut next = batch(&[entry(1, 2, 100)]);
        let first = wal.write(&mut next).unwrap_err();
        let WriteError::Poisoned(message) = &first else { panic!("{first:?}") };
        assert!(message.contains("-0000000000000001.wal at byte"), "{message}");
        disk.fail_syncs(false);
        disk.fail_writes(false);
        let ops = disk.ops();
        assert_eq!(wal.write(&mut next), Err(first));
        assert!(wal.wants_next().is_none());
        assert_eq!(wal.release(u64::MAX).unwrap(), 0);
        assert_eq!(disk.ops(), ops, "a poisoned log touched the disk");
    }
}

#[test]
fn a_failed_sync_while_changing_segments_poisons() {
    let (disk, mut wal) = new();
    for index in 1..=4 {
        wal.write(&mut batch(&[entry(1, index, 900)])).unwrap();
    }
    prepare(&mut wal);
    disk.fail_syncs(true);
    let failed = wal.write(&mut batch(&[entry(1, 5, 900)]));
    assert!(matches!(failed, Err(WriteError::Poisoned(_))), "{failed:?}");
    disk.fail_syncs(false);
    drop(wal);
    assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, 4);
}

#[test]
fn what_may_only_be_in_the_page_cache_is_made_durable_at_the_start() {
    for seed in 0..20 {
        let (disk, mut wal) = new();
        wal.write(&mut batch(&[entry(1, 1, 100)])).unwrap();
        disk.fail_syncs(true);
        assert!(wal.write(&mut batch(&[entry(1, 2, 900)])).is_err());
        disk.fail_syncs(false);
        drop(wal);
        // The control: the power goes at once, and the batch, never acknowledged, is not there.
        if seed == 0 {
            disk.power_on(seed);
            assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, 1);
            continue;
        }
        // The process comes back while the power is on: it sees the batch and builds upon it.
        assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, 2);
        disk.power_on(seed);
        assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, 2);
    }
}

#[test]
fn a_snapshot_on_a_full_disk_leaves_nothing_behind() {
    let (disk, _wal) = new();
    let data = dir(&disk.shared());
    let meta = SnapshotMeta { term: 1, index: 1, cluster_time_ns: 0 };
    let paths = disk.paths();
    disk.set_room(Some(disk.used() + 5000));
    let error = error_of(data.write_snapshot(meta, &mut |out| out.write_all(&[1; 9000])));
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(error.message.contains("full"), "{error}");
    assert_eq!(disk.paths(), paths);
}

#[test]
fn running_out_of_descriptors_is_no_loss_and_no_poison() {
    const EMFILE: i32 = 24;
    const EIO: i32 = 5;
    let (disk, mut wal) = new();
    disk.fail_creates(Some(EMFILE));
    let mut index = 0;
    let mut waiting = loop {
        index += 1;
        let mut next = batch(&[entry(1, index, 900)]);
        match wal.write(&mut next) {
            Ok(()) => {}
            Err(WriteError::NoSpace(message)) => {
                assert!(message.contains("no descriptor") && message.contains("/data/member/wal"));
                break next;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(index > 1, "the first segment was there");
    disk.fail_creates(None);
    wal.write(&mut waiting).unwrap();
    // The control: another error says that the disk is ill.
    disk.fail_creates(Some(EIO));
    let error = loop {
        index += 1;
        if let Err(error) = wal.write(&mut batch(&[entry(1, index, 900)])) {
            break error;
        }
    };
    assert!(matches!(error, WriteError::Poisoned(_)), "{error}");
    drop(wal);
    disk.fail_creates(None);
    assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, index - 1);
}

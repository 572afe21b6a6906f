//! What is written comes back, over many segments, restarts and releases.

mod common;

use common::sim::SimDisk;
use common::{Owned, batch, dir, entries, entry, error_of, identity, options, prepare, recover};
use coreos_wal::{Batch, DirState, ErrorKind, WriteError};

#[test]
fn a_new_directory() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    assert_eq!(dir(&shared).state().unwrap(), DirState::Empty);
    let wal = dir(&shared).create(&identity(), &options()).unwrap();
    assert_eq!((wal.segments(), wal.last_index()), (1, 0));
    assert_eq!(dir(&shared).state().unwrap(), DirState::Member(identity()));
    assert_eq!(error_of(dir(&shared).create(&identity(), &options())).kind, ErrorKind::Config);
    let (_, recovery, seen) = recover(&shared, 0).unwrap();
    assert_eq!(recovery, Default::default());
    assert_eq!(seen, []);
}

#[test]
fn every_record_comes_back_over_many_segments() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let mut wal = dir(&shared).create(&identity(), &options()).unwrap();
    let mut written = Vec::new();
    let mut index = 0;
    for round in 0..60u64 {
        let mut records = vec![];
        if round == 0 {
            records.push(Owned::Start { incarnation: 3 });
        }
        for n in 0..round % 4 {
            index += 1;
            records.push(entry(1 + round / 20, index, (round * 13 + n * 101) as usize % 700));
        }
        records.push(Owned::HardState { term: 1 + round / 20, vote: 0x3e, commit: index });
        if round % 7 == 0 {
            records.push(Owned::Clock { time_ns: 1_000_000 * (round + 1) });
        }
        wal.write(&mut batch(&records)).unwrap();
        written.extend(records);
        if round % 3 == 0 {
            prepare(&mut wal);
        }
    }
    assert!(wal.segments() > 5, "{} segments", wal.segments());
    let since = wal.bytes_since_snapshot();
    drop(wal);
    let (wal, recovery, seen) = recover(&shared, 0).unwrap();
    assert_eq!(entries(&seen), entries(&written));
    // In log order, with the state repeated where a segment begins.
    let mut rest = seen.iter();
    assert!(written.iter().all(|record| rest.any(|other| other == record)));
    assert_eq!((recovery.last_index, recovery.last_term), (index, 3));
    assert_eq!((recovery.term, recovery.vote, recovery.commit), (3, 0x3e, index));
    assert_eq!((recovery.incarnation, recovery.clock_ns), (3, 57_000_000));
    assert_eq!((recovery.torn_tail_bytes, recovery.notes.len()), (0, 0));
    assert_eq!(wal.bytes_since_snapshot(), since);
}

#[test]
fn releasing_keeps_what_the_snapshot_needs() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let mut wal = dir(&shared).create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[
        Owned::Start { incarnation: 9 },
        Owned::HardState { term: 4, vote: 2, commit: 0 },
        Owned::Clock { time_ns: 77 },
    ]))
    .unwrap();
    for index in 1..=40 {
        wal.write(&mut batch(&[entry(4, index, 500)])).unwrap();
    }
    let before = wal.segments();
    let released = wal.release(25).unwrap();
    assert!(released > 0 && wal.segments() == before - released);
    assert_eq!(disk.segments().len(), wal.segments());
    drop(wal);
    let (mut wal, recovery, seen) = recover(&shared, 25).unwrap();
    assert_eq!(entries(&seen), (26..=40).map(|i| entry(4, i, 500)).collect::<Vec<_>>());
    // The state outlives the segment that it was written to.
    assert_eq!((recovery.incarnation, recovery.clock_ns), (9, 77));
    assert_eq!((recovery.term, recovery.vote), (4, 2));
    // Everything may go but the current segment.
    wal.release(u64::MAX).unwrap();
    assert_eq!(wal.segments(), 1);
    drop(wal);
    let error = error_of(recover(&shared, 5));
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.message.contains("does not reach back to the snapshot"), "{error}");
}

#[test]
fn a_smaller_index_replaces_the_suffix() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let mut wal = dir(&shared).create(&identity(), &options()).unwrap();
    for index in 1..=20 {
        wal.write(&mut batch(&[entry(1, index, 400)])).unwrap();
    }
    wal.write(&mut batch(&[entry(2, 11, 300), entry(2, 12, 300)])).unwrap();
    assert_eq!(wal.last_index(), 12);
    let (_, recovery, seen) = recover(&shared, 0).unwrap();
    assert_eq!((recovery.last_index, recovery.last_term), (12, 2));
    let mut expected: Vec<_> = (1..=10).map(|i| entry(1, i, 400)).collect();
    expected.extend([entry(2, 11, 300), entry(2, 12, 300)]);
    assert_eq!(entries(&seen), expected);
}

#[test]
fn a_mark_resets_the_count_of_bytes() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let mut wal = dir(&shared).create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[entry(1, 1, 100)])).unwrap();
    assert!(wal.bytes_since_snapshot() >= 100);
    wal.write(&mut batch(&[Owned::Mark { term: 1, index: 1 }])).unwrap();
    assert_eq!(wal.bytes_since_snapshot(), 0);
    wal.write(&mut batch(&[entry(1, 2, 300)])).unwrap();
    let since = wal.bytes_since_snapshot();
    assert!((300..400).contains(&since));
    assert_eq!(recover(&shared, 0).unwrap().0.bytes_since_snapshot(), since);
}

#[test]
fn a_mark_of_a_received_snapshot_begins_the_log_anew() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let data = dir(&shared);
    let mut wal = data.create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[entry(1, 1, 10), entry(1, 2, 10)])).unwrap();
    wal.write(&mut batch(&[
        Owned::Mark { term: 3, index: 50 },
        Owned::HardState { term: 3, vote: 0, commit: 50 },
    ]))
    .unwrap();
    wal.write(&mut batch(&[entry(3, 51, 10)])).unwrap();
    let (_, recovery, seen) = recover(&shared, 50).unwrap();
    assert_eq!(entries(&seen), [entry(3, 51, 10)]);
    assert_eq!(recovery.last_index, 51);
    // Without the snapshot the entries in between are nowhere.
    assert_eq!(error_of(recover(&shared, 2)).kind, ErrorKind::Damaged);
}

#[test]
fn a_snapshot_without_its_mark_is_caught_up_with() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let data = dir(&shared);
    let mut wal = data.create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[entry(1, 1, 10), entry(1, 2, 10)])).unwrap();
    let meta = coreos_wal::SnapshotMeta { term: 6, index: 90, cluster_time_ns: 1 };
    data.write_snapshot(meta, &mut |out| out.write_all(b"store")).unwrap();
    for _ in 0..2 {
        let (_, recovery, _) = recover(&shared, 90).unwrap();
        assert_eq!((recovery.last_index, recovery.last_term), (90, 6));
    }
    let (mut wal, _, _) = recover(&shared, 90).unwrap();
    wal.write(&mut batch(&[entry(6, 91, 10)])).unwrap();
    let (_, recovery, seen) = recover(&shared, 90).unwrap();
    assert_eq!((recovery.last_index, entries(&seen)), (91, vec![entry(6, 91, 10)]));
}

#[test]
fn limits_of_a_batch() {
    let disk = SimDisk::new();
    let mut wal = dir(&disk.shared()).create(&identity(), &options()).unwrap();
    let mut empty = Batch::new();
    let ops = disk.ops();
    wal.write(&mut empty).unwrap();
    assert_eq!(disk.ops(), ops, "an empty batch was written");
    let mut large = batch(&[entry(1, 1, 4000)]);
    assert_eq!(wal.write(&mut large), Err(WriteError::TooLarge));
    assert!(!large.is_empty());
    // The largest that fits, several times.
    for index in 1..=3 {
        wal.write(&mut batch(&[entry(1, index, 3860)])).unwrap();
    }
    assert_eq!(wal.segments(), 3);
}

#[test]
fn one_batch_is_one_write_and_one_sync() {
    let disk = SimDisk::new();
    let mut wal = dir(&disk.shared()).create(&identity(), &options()).unwrap();
    let ops = disk.ops();
    wal.write(&mut batch(&[entry(1, 1, 100), entry(1, 2, 900)])).unwrap();
    assert_eq!(disk.ops() - ops, 2);
}

#[test]
fn a_gap_is_refused_before_it_is_written() {
    let disk = SimDisk::new();
    let shared = disk.shared();
    let mut wal = dir(&shared).create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[entry(1, 1, 1)])).unwrap();
    let refused = wal.write(&mut batch(&[entry(1, 3, 1)]));
    assert!(matches!(refused, Err(WriteError::Poisoned(_))), "{refused:?}");
    assert_eq!(recover(&shared, 0).unwrap().1.last_index, 1);
}

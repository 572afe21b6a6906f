//! `verify` tells, `repair` cuts at the first damage and keeps what it cuts.

mod common;

use std::path::Path;

use common::bytes::{self, Stands};
use common::sim::SimDisk;
use common::{Owned, ROOT, batch, dir, entries, entry, error_of, identity, options, recover};
use coreos_wal::{ErrorKind, SnapshotMeta, repair, verify};
use proptest::prelude::*;

/// Entries 1 to 30, a snapshot at 10 and one at 20, term 2 from 15 on.
fn disk() -> SimDisk {
    let disk = SimDisk::new();
    let data = dir(&disk.shared());
    let mut wal = data.create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[Owned::Start { incarnation: 1 }])).unwrap();
    for index in 1..=30 {
        let term = if index < 15 { 1 } else { 2 };
        wal.write(&mut batch(&[
            entry(term, index, 300),
            Owned::HardState { term, vote: 0x3e, commit: index - 1 },
        ]))
        .unwrap();
        if index == 10 || index == 20 {
            let meta = SnapshotMeta { term, index, cluster_time_ns: 1 };
            data.write_snapshot(meta, &mut |out| out.write_all(b"store")).unwrap();
            wal.write(&mut batch(&[Owned::Mark { term, index }])).unwrap();
        }
    }
    wal.write(&mut batch(&[Owned::Start { incarnation: 2 }, Owned::Clock { time_ns: 9 }])).unwrap();
    wal.write(&mut batch(&[Owned::HardState { term: 5, vote: 7, commit: 30 }])).unwrap();
    disk
}

fn flip(disk: &SimDisk, stands: &Stands) {
    disk.edit(&stands.path, |bytes| bytes[stands.payload_end - 1] ^= 4);
}

fn root() -> &'static Path {
    Path::new(ROOT)
}

#[test]
fn a_sound_directory() {
    let disk = disk();
    let ops = disk.ops();
    let report = verify(disk.shared(), root()).unwrap();
    assert!(report.ok && report.problems.is_empty(), "{report:?}");
    assert_eq!((report.cluster_id, report.member_id), (0xc1, 0x3e));
    assert_eq!((report.first_index, report.last_index, report.commit), (1, 30, 30));
    assert_eq!(report.segments, disk.segments().len());
    let name = |term, index| format!("{term:016x}-{index:016x}.snap");
    let expected = [(name(2, 20), 2, 20, true), (name(1, 10), 1, 10, true)];
    assert_eq!(report.snapshots, expected);
    assert_eq!(repair(disk.shared(), root()).unwrap(), Vec::<String>::new());
    assert_eq!(disk.ops(), ops, "something was written");
}

#[test]
fn a_torn_tail_is_told_but_is_no_problem() {
    let disk = disk();
    let last = bytes::batches(&disk).pop().unwrap();
    disk.edit(&last.path, |bytes| bytes[last.payload_end + 100] = 1);
    let ops = disk.ops();
    let report = verify(disk.shared(), root()).unwrap();
    assert!(report.ok && report.torn_tail_bytes > 0, "{report:?}");
    assert_eq!(disk.ops(), ops);
}

#[test]
fn a_broken_snapshot() {
    let disk = disk();
    let newest = dir(&disk.shared()).snapshots().unwrap().remove(0);
    disk.edit(&newest.path, |bytes| bytes[70] ^= 1);
    let report = verify(disk.shared(), root()).unwrap();
    assert!(!report.ok && !report.snapshots[0].3 && report.snapshots[1].3, "{report:?}");
    let done = repair(disk.shared(), root()).unwrap();
    assert_eq!(done.len(), 1, "{done:?}");
    assert!(done[0].contains(".snap.broken"), "{done:?}");
    assert!(verify(disk.shared(), root()).unwrap().ok);
}

#[test]
fn damage_in_the_middle_is_cut_and_kept() {
    let disk = disk();
    let stand = bytes::batches(&disk);
    let hit = stand.iter().find(|b| b.sequence == 28).unwrap();
    let before = disk.bytes(&hit.path);
    flip(&disk, hit);
    let report = verify(disk.shared(), root()).unwrap();
    assert!(!report.ok && report.would_lose > 0, "{report:?}");
    let left = 30 - report.would_lose;
    let done = repair(disk.shared(), root()).unwrap();
    assert!(done.iter().any(|line| line.contains("add it again")), "{done:?}");
    let report = verify(disk.shared(), root()).unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.last_index, left);
    let (mut wal, recovery, seen) = recover(&disk.shared(), 10).unwrap();
    assert_eq!(entries(&seen).len() as u64, left - 10);
    // The entries are gone; the promises that were made since are not.
    assert_eq!((recovery.term, recovery.vote), (5, 7));
    assert_eq!((recovery.incarnation, recovery.clock_ns), (2, 9));
    assert!(recovery.commit <= left);
    wal.write(&mut batch(&[entry(5, left + 1, 300)])).unwrap();
    // What was cut is beside it, flipped bit included.
    let kept = disk
        .paths()
        .into_iter()
        .find(|path| path.to_string_lossy().contains(&format!(".wal.{:x}.broken", hit.offset)));
    let kept = disk.bytes(&kept.expect("the rest of the segment"));
    let mut expected = before[hit.offset..].to_vec();
    expected[hit.payload_end - 1 - hit.offset] ^= 4;
    assert_eq!(kept, &expected[..kept.len()]);
    assert!(expected[kept.len()..].iter().all(|&b| b == 0));
}

#[test]
fn a_log_that_cannot_be_read_at_all_is_begun_anew_after_the_snapshot() {
    for damage in 0..3 {
        let disk = disk();
        let segments = disk.segments();
        match damage {
            0 => disk.edit(&segments[0], |bytes| bytes[..64].fill(0xff)),
            1 => segments.iter().for_each(|path| disk.delete(path)),
            _ => flip(&disk, &bytes::batches(&disk)[0]),
        }
        assert_eq!(error_of(recover(&disk.shared(), 20)).kind, ErrorKind::Damaged);
        repair(disk.shared(), root()).unwrap();
        assert!(verify(disk.shared(), root()).unwrap().ok, "damage {damage}");
        let (mut wal, recovery, seen) = recover(&disk.shared(), 20).unwrap();
        assert_eq!((recovery.last_index, recovery.last_term, recovery.commit), (20, 2, 20));
        assert_eq!(entries(&seen), []);
        if damage == 0 {
            assert_eq!((recovery.term, recovery.vote, recovery.incarnation), (5, 7, 2));
        }
        wal.write(&mut batch(&[entry(6, 21, 10)])).unwrap();
        drop(wal);
        assert_eq!(recover(&disk.shared(), 20).unwrap().1.last_index, 21);
    }
}

#[test]
fn a_log_that_does_not_reach_back_to_the_snapshot() {
    let disk = disk();
    let first = disk.segments()[0].clone();
    disk.delete(&first);
    for file in dir(&disk.shared()).snapshots().unwrap() {
        disk.delete(&file.path);
    }
    let report = verify(disk.shared(), root()).unwrap();
    assert!(!report.ok && report.would_lose == 30, "{report:?}");
    repair(disk.shared(), root()).unwrap();
    let (_, recovery, _) = recover(&disk.shared(), 0).unwrap();
    assert_eq!((recovery.last_index, recovery.commit), (0, 0));
    assert_eq!((recovery.term, recovery.incarnation), (5, 2));
}

#[test]
fn a_commit_index_without_its_entries() {
    let disk = disk();
    let (mut wal, _, _) = recover(&disk.shared(), 20).unwrap();
    wal.write(&mut batch(&[Owned::HardState { term: 5, vote: 7, commit: 33 }])).unwrap();
    drop(wal);
    assert_eq!(verify(disk.shared(), root()).unwrap().would_lose, 3);
    repair(disk.shared(), root()).unwrap();
    let (_, recovery, _) = recover(&disk.shared(), 20).unwrap();
    assert_eq!((recovery.last_index, recovery.commit, recovery.vote), (30, 30, 7));
}

#[test]
fn what_repair_must_not_touch() {
    let disk = disk();
    disk.edit(&disk.segments()[1], |bytes| {
        bytes[..64].copy_from_slice(&bytes::header(2, 1, 9, 0xc1, 0x3e));
    });
    let ops = disk.ops();
    assert_eq!(error_of(repair(disk.shared(), root())).kind, ErrorKind::Newer);
    assert_eq!(disk.ops(), ops);
}

/// A snapshot header with a right checksum.
fn snapshot_header(format: u32, member: u64, term: u64, index: u64) -> Vec<u8> {
    let mut bytes = b"COREOSSN".to_vec();
    bytes.extend(format.to_le_bytes());
    bytes.extend(64u32.to_le_bytes());
    for number in [0xc1, member, term, index, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(bytes::crc32(0, &bytes).to_le_bytes());
    bytes
}

/// Not even when the log is damaged as well: without the snapshots nobody knows where to cut it.
#[test]
fn a_snapshot_that_is_not_known_to_be_broken_stops_the_repair() {
    type Change = fn(&SimDisk, &Path);
    let newer: Change = |disk, path| {
        disk.edit(path, |b| b[..64].copy_from_slice(&snapshot_header(2, 0x3e, 2, 20)));
    };
    let mixed_up: Change = |disk, path| {
        disk.edit(path, |b| b[..64].copy_from_slice(&snapshot_header(1, 0x3f, 2, 20)));
    };
    let unreadable: Change = |disk, path| disk.fail_reads(Some(path));
    for (change, kind) in
        [(newer, ErrorKind::Newer), (mixed_up, ErrorKind::Mismatch), (unreadable, ErrorKind::Io)]
    {
        let disk = disk();
        let snapshots = dir(&disk.shared()).snapshots().unwrap();
        let cut = bytes::batches(&disk).into_iter().find(|b| b.sequence == 28).unwrap();
        flip(&disk, &cut);
        // One that is broken goes only when the other has been understood.
        disk.edit(&snapshots[1].path, |bytes| bytes[70] ^= 1);
        change(&disk, &snapshots[0].path);
        let ops = disk.ops();
        assert_eq!(error_of(repair(disk.shared(), root())).kind, kind);
        match verify(disk.shared(), root()) {
            Ok(report) => assert!(!report.ok && report.problems.len() == 2, "{report:?}"),
            Err(error) => assert_eq!((error.kind, kind), (ErrorKind::Newer, ErrorKind::Newer)),
        }
        assert_eq!(disk.ops(), ops, "something was touched");
    }
}

#[test]
fn a_log_that_cannot_be_read_now_stops_the_repair() {
    let disk = disk();
    flip(&disk, &bytes::batches(&disk)[27]);
    let newest = dir(&disk.shared()).snapshots().unwrap().remove(0);
    disk.edit(&newest.path, |bytes| bytes[70] ^= 1);
    disk.fail_reads(disk.segments().last().map(|path| &**path));
    let ops = disk.ops();
    assert_eq!(error_of(repair(disk.shared(), root())).kind, ErrorKind::Io);
    assert_eq!(disk.ops(), ops, "something was touched");
    // The control: the same once the disk can be read again.
    disk.fail_reads(None);
    repair(disk.shared(), root()).unwrap();
    assert!(disk.ops() > ops && verify(disk.shared(), root()).unwrap().ok);
}

/// Ways to damage the log, and the entry that a repair has to keep at least.
fn damaged(which: usize) -> SimDisk {
    let disk = disk();
    let (segments, stand) = (disk.segments(), bytes::batches(&disk));
    match which {
        // In the middle; the promises stand behind it.
        0 => flip(&disk, stand.iter().find(|b| b.sequence == 28).unwrap()),
        // The log cannot be used at all.
        1 => disk.edit(&segments[0], |bytes| bytes[..64].fill(0xff)),
        // A snapshot, too.
        2 => {
            flip(&disk, &stand[4]);
            let newest = dir(&disk.shared()).snapshots().unwrap().remove(0);
            disk.edit(&newest.path, |bytes| bytes[70] ^= 1);
        }
        // The last batch of the last segment but one.
        _ => {
            let last = stand.iter().rfind(|b| Some(&b.path) != segments.last()).unwrap();
            flip(&disk, last);
        }
    }
    disk
}

fn found(disk: &SimDisk, from_index: u64) -> (coreos_wal::Recovery, Vec<Owned>) {
    let (_, recovery, seen) = recover(&disk.shared(), from_index).unwrap();
    (recovery, entries(&seen))
}

/// However often it is cut off: the member starts only when the repair has come to its end, and
/// then as if it had not been cut off.
fn repaired_in_pieces(which: usize, pieces: &[u64], seed: u64) {
    let disk = damaged(which);
    let from_index = if which == 2 { 10 } else { 20 };
    let whole = damaged(which);
    repair(whole.shared(), root()).unwrap();
    let expected = found(&whole, from_index);
    let promised = (expected.0.term, expected.0.vote, expected.0.incarnation, expected.0.clock_ns);
    assert_eq!(promised, (5, 7, 2, 9));
    for (n, &ops) in pieces.iter().enumerate() {
        disk.crash_in(ops);
        // It may have come to its end before that.
        let ended = repair(disk.shared(), root());
        assert!(ended.is_ok() || disk.crashed(), "{ended:?}");
        disk.power_on(seed + n as u64);
        match recover(&disk.copy().shared(), from_index) {
            Err(error) => assert_eq!(error.kind, ErrorKind::Damaged),
            Ok(_) => assert_eq!(found(&disk.copy(), from_index), expected),
        }
        let report = verify(disk.shared(), root()).unwrap();
        assert!(ended.is_ok() || !report.ok || report.last_index == expected.0.last_index);
    }
    repair(disk.shared(), root()).unwrap();
    assert!(verify(disk.shared(), root()).unwrap().ok);
    assert_eq!(found(&disk, from_index), expected, "{which}, cut off after {pieces:?}");
}

#[test]
fn a_repair_may_be_cut_off_anywhere() {
    for which in 0..4 {
        let whole = damaged(which);
        let before = whole.ops();
        repair(whole.shared(), root()).unwrap();
        for ops in 1..=whole.ops() - before {
            for seed in 0..4 {
                repaired_in_pieces(which, &[ops], seed);
            }
        }
    }
}

proptest! {
    #![proptest_config(common::cases(600))]

    #[test]
    fn a_repair_may_be_cut_off_often(
        which in 0usize..4, pieces in prop::collection::vec(1u64..30, 1..5), seed in any::<u32>(),
    ) {
        repaired_in_pieces(which, &pieces, u64::from(seed));
    }
}

#[test]
fn a_repair_that_was_cut_off_is_told() {
    let disk = damaged(0);
    disk.crash_in(9);
    repair(disk.shared(), root()).unwrap_err();
    disk.power_on(0);
    assert!(disk.paths().iter().any(|path| path.ends_with("member/repair")));
    let ops = disk.ops();
    let error = error_of(recover(&disk.shared(), 20));
    assert!(error.message.contains("`coreos etcd repair /data` again"), "{error}");
    let report = verify(disk.shared(), root()).unwrap();
    assert_eq!((report.ok, &report.problems[0]), (false, &error.message));
    assert_eq!(disk.ops(), ops);
    // Without what it had found, nobody can go on.
    let path = root().join("member/repair");
    let sound = disk.bytes(&path);
    disk.edit(&path, |bytes| bytes[20] ^= 1);
    assert_eq!(error_of(repair(disk.shared(), root())).kind, ErrorKind::Damaged);
    assert_eq!(disk.ops(), ops);
    disk.put(&path, sound);
    repair(disk.shared(), root()).unwrap();
    assert!(!disk.paths().contains(&path));
}

proptest! {
    #![proptest_config(common::cases(600))]

    /// Whatever is overwritten: afterwards the member starts with a prefix, or with the snapshot.
    #[test]
    fn after_a_repair_the_member_starts(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        garbage in prop::collection::vec(any::<u8>(), 1..600),
    ) {
        let disk = disk();
        let segments = disk.segments();
        disk.edit(&segments[which.index(segments.len())], |bytes| {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + garbage.len());
            bytes[at..end].copy_from_slice(&garbage[..end - at]);
        });
        repair(disk.shared(), root()).unwrap();
        let report = verify(disk.shared(), root()).unwrap();
        let harmless = |problem: &String| problem.contains("nothing is missing");
        prop_assert!(report.problems.iter().all(harmless), "{report:?}");
        let (_, recovery, seen) = recover(&disk.shared(), 20).unwrap();
        prop_assert!((20..=30).contains(&recovery.last_index));
        let expected: Vec<_> = (21..=recovery.last_index).map(|i| entry(2, i, 300)).collect();
        let mut seen = entries(&seen);
        seen.truncate(expected.len());
        prop_assert_eq!(seen, expected);
        prop_assert!(recovery.commit <= recovery.last_index);
    }
}

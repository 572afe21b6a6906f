//! The damage rule: bytes that were acknowledged and changed are found out, a torn write is not
//! mistaken for that.

mod common;

use std::path::Path;

use common::bytes::{self, HEADER_BYTES, Stands};
use common::sim::SimDisk;
use common::{Owned, batch, dir, entries, entry, error_of, identity, options, recover};
use coreos_wal::{ErrorKind, verify};
use proptest::prelude::*;

/// Twenty entries over several segments.
fn disk() -> SimDisk {
    let disk = SimDisk::new();
    let mut wal = dir(&disk.shared()).create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[Owned::Start { incarnation: 1 }])).unwrap();
    wal.write(&mut batch(&[Owned::HardState { term: 1, vote: 0x3e, commit: 0 }])).unwrap();
    for index in 1..=20 {
        wal.write(&mut batch(&[entry(1, index, 100 + 37 * index as usize)])).unwrap();
    }
    disk
}

fn all() -> Vec<Owned> {
    (1..=20).map(|index| entry(1, index, 100 + 37 * index as usize)).collect()
}

fn message_names(message: &str, path: &Path) -> bool {
    message.contains(&path.display().to_string())
        && message.contains("coreos etcd repair /data")
        && message.contains("backup")
}

proptest! {
    #![proptest_config(common::cases(4000))]

    /// A batch with valid batches after it: never silently shorter.
    #[test]
    fn a_flipped_bit_of_an_acknowledged_batch_stops_the_start(
        which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>(),
    ) {
        let disk = disk();
        let mut stand = bytes::batches(&disk);
        let last = stand.pop().unwrap();
        let hit = &stand[which.index(stand.len())];
        let bit = hit.offset * 8 + bit.index((hit.payload_end - hit.offset) * 8);
        disk.edit(&hit.path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let error = error_of(recover(&disk.shared(), 0));
        prop_assert_eq!(error.kind, ErrorKind::Damaged);
        prop_assert!(error.message.contains("would lose"), "{}", error);
        let Stands { path, .. } = if hit.path == last.path { &last } else { hit };
        prop_assert!(message_names(&error.message, path), "{}", error);
        // `verify` says the same, and changes nothing.
        let ops = disk.ops();
        let report = verify(disk.shared(), Path::new(common::ROOT)).unwrap();
        prop_assert_eq!((report.ok, report.problems), (false, vec![error.message]));
        prop_assert_eq!(disk.ops(), ops);
    }

    /// Any byte of any segment: an error, or everything but perhaps the last batch.
    #[test]
    fn no_flipped_bit_changes_what_is_read(
        which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>(),
    ) {
        let disk = disk();
        let segments = disk.segments();
        let path = &segments[which.index(segments.len())];
        let last = bytes::batches(&disk).pop().unwrap();
        let bit = bit.index(disk.bytes(path).len() * 8);
        let in_last = *path == last.path && (last.offset..last.payload_end).contains(&(bit / 8));
        disk.edit(path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        match recover(&disk.shared(), 0) {
            Ok((_, recovery, seen)) if in_last => {
                prop_assert_eq!(entries(&seen), &all()[..19]);
                prop_assert!(recovery.torn_tail_bytes > 0);
            }
            Ok((_, _, seen)) => prop_assert_eq!(entries(&seen), all()),
            Err(error) => prop_assert_eq!(error.kind, ErrorKind::Damaged),
        }
    }

    /// Garbage over a stretch of a segment.
    #[test]
    fn no_overwritten_stretch_changes_what_is_read(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        garbage in prop::collection::vec(any::<u8>(), 1..600),
    ) {
        let disk = disk();
        let segments = disk.segments();
        let path = &segments[which.index(segments.len())];
        disk.edit(path, |bytes| {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + garbage.len());
            bytes[at..end].copy_from_slice(&garbage[..end - at]);
        });
        let is_last = Some(path) == segments.last();
        match recover(&disk.shared(), 0) {
            Ok((_, _, seen)) => {
                let seen = entries(&seen);
                // A stretch reaches into two batches at most: no more than these look torn.
                prop_assert!(seen == all() || (is_last && seen.len() + 2 >= all().len()));
                prop_assert_eq!(&all()[..seen.len()], seen);
            }
            Err(error) => prop_assert_eq!(error.kind, ErrorKind::Damaged),
        }
    }
}

#[test]
fn every_bit_of_every_header() {
    for path in disk().segments() {
        for bit in 0..HEADER_BYTES * 8 {
            let disk = disk();
            disk.edit(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let error = error_of(recover(&disk.shared(), 0));
            assert_eq!(error.kind, ErrorKind::Damaged, "bit {bit}: {error}");
        }
    }
}

#[test]
fn a_cut_last_segment_is_a_torn_tail() {
    let full = disk();
    let stand = bytes::batches(&full);
    let path = stand.last().unwrap().path.clone();
    let whole = full.bytes(&path);
    for len in (HEADER_BYTES + 8..whole.len()).step_by(5) {
        let disk = full.copy();
        disk.edit(&path, |bytes| bytes.truncate(len));
        let left = |b: &&Stands| b.path != path || b.payload_end.next_multiple_of(8) <= len;
        let kept = stand.iter().filter(left).count();
        if len < 512 && kept < stand.iter().filter(|b| b.path != path).count() + 1 {
            continue;
        }
        let (mut wal, recovery, seen) = recover(&disk.shared(), 0).unwrap();
        let last = recovery.last_index;
        assert_eq!(entries(&seen), &all()[..last as usize], "cut to {len}");
        // And the log goes on from there.
        wal.write(&mut batch(&[entry(2, last + 1, 700)])).unwrap();
        drop(wal);
        assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, last + 1);
    }
}

#[test]
fn a_zeroed_tail_is_a_torn_tail_and_is_erased() {
    let full = disk();
    let last = bytes::batches(&full).pop().unwrap();
    for from in last.offset..last.payload_end {
        let disk = full.copy();
        disk.edit(&last.path, |bytes| bytes[from..].fill(0));
        let (_, recovery, seen) = recover(&disk.shared(), 0).unwrap();
        assert_eq!(entries(&seen), &all()[..19], "zero from {from}");
        // The last batch's end is where its payload ends with a byte that is not zero.
        assert_eq!(recovery.torn_tail_bytes > 0, from > last.offset);
        assert!(disk.bytes(&last.path)[last.offset..].iter().all(|&b| b == 0));
        assert_eq!(recover(&disk.shared(), 0).unwrap().1.torn_tail_bytes, 0);
    }
}

#[test]
fn a_tail_below_the_commit_index_is_damage() {
    let disk = disk();
    let shared = disk.shared();
    let (mut wal, _, _) = recover(&shared, 0).unwrap();
    wal.write(&mut batch(&[Owned::HardState { term: 1, vote: 0, commit: 21 }])).unwrap();
    drop(wal);
    let error = error_of(recover(&shared, 0));
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.message.contains("entry 21 was committed"), "{error}");
    assert!(error.message.contains("would lose at least entry 21"), "{error}");
}

#[test]
fn a_missing_segment_is_damage() {
    let count = disk().segments().len();
    for n in 0..count - 1 {
        let disk = disk();
        disk.delete(&disk.segments()[n]);
        let error = error_of(recover(&disk.shared(), 0));
        assert_eq!(error.kind, ErrorKind::Damaged, "segment {n}");
    }
    let disk = disk();
    for path in disk.segments() {
        disk.delete(&path);
    }
    let error = error_of(recover(&disk.shared(), 0));
    assert!(error.kind == ErrorKind::Damaged && error.message.contains("is missing"), "{error}");
}

#[test]
fn files_of_others_and_of_newer_versions_are_told_apart() {
    for (header, kind) in [
        (bytes::header(1, 1, 9, 0xc2, 0x3e), ErrorKind::Mismatch),
        (bytes::header(1, 1, 9, 0xc1, 0x3f), ErrorKind::Mismatch),
        (bytes::header(2, 1, 9, 0xc1, 0x3e), ErrorKind::Newer),
        (bytes::header(1, 7, 9, 0xc1, 0x3e), ErrorKind::Damaged),
    ] {
        let disk = disk();
        disk.edit(&disk.segments()[1], |bytes| bytes[..64].copy_from_slice(&header));
        let error = error_of(recover(&disk.shared(), 0));
        assert_eq!(error.kind, kind, "{error}");
    }
}

#[test]
fn a_record_of_a_newer_version_is_not_damage() {
    let disk = disk();
    let last = bytes::batches(&disk).pop().unwrap();
    disk.edit(&last.path, |bytes| {
        let seed = bytes::u32_at(bytes, 60);
        let frame = bytes::frame(seed, last.sequence + 1, &[0x92, 6, 1]);
        let at = last.payload_end.next_multiple_of(8);
        bytes[at..at + frame.len()].copy_from_slice(&frame);
    });
    assert_eq!(error_of(recover(&disk.shared(), 0)).kind, ErrorKind::Newer);
}

#[test]
fn a_whole_batch_that_makes_no_sense_is_damage() {
    for payload in [
        &[0xff][..],
        &[0x94, 1, 1, 25, 0xc4, 0],
        &[0x94, 1, 1, 0, 0xc4, 0],
        // An entry of an older term than the one before it.
        &[0x94, 1, 0, 21, 0xc4, 0],
        &[0x92, 4],
    ] {
        let disk = disk();
        let last = bytes::batches(&disk).pop().unwrap();
        disk.edit(&last.path, |bytes| {
            let frame = bytes::frame(bytes::u32_at(bytes, 60), last.sequence + 1, payload);
            let at = last.payload_end.next_multiple_of(8);
            bytes[at..at + frame.len()].copy_from_slice(&frame);
        });
        let error = error_of(recover(&disk.shared(), 0));
        assert_eq!(error.kind, ErrorKind::Damaged, "{payload:?}: {error}");
    }
}

#[test]
fn a_segment_that_was_never_used_is_removed() {
    let full = disk();
    let sequence = full.segments().len() as u64;
    let path = bytes::segment_path(sequence, 21);
    // Cut off after the rename, in the middle of the header, after the header.
    let header = bytes::header(1, sequence, 21, 0xc1, 0x3e);
    for written in [0, 10, 64] {
        let disk = full.copy();
        let mut segment = header[..written].to_vec();
        segment.resize(4096, 0);
        disk.put(&path, segment);
        let (mut wal, _, seen) = recover(&disk.shared(), 0).unwrap();
        assert_eq!(entries(&seen), all());
        assert!(!disk.segments().contains(&path));
        wal.write(&mut batch(&[entry(1, 21, 3000)])).unwrap();
        drop(wal);
        assert_eq!(recover(&disk.shared(), 0).unwrap().1.last_index, 21);
    }
    // The control: the same with something in it that a cut-off cannot have left.
    let disk = full.copy();
    let mut segment = vec![0; 4096];
    segment[2000] = 1;
    disk.put(&path, segment);
    assert_eq!(error_of(recover(&disk.shared(), 0)).kind, ErrorKind::Damaged);
}

/// What only acknowledged batches can explain, though not one of them can be read any more.
#[test]
fn segments_tell_of_batches_that_cannot_be_read() {
    let unused = |disk: &SimDisk, sequence: u64, first: u64| {
        let mut segment = bytes::header(1, sequence, first, 0xc1, 0x3e);
        segment.resize(4096, 0);
        disk.put(&bytes::segment_path(sequence, first), segment);
    };
    let count = disk().segments().len() as u64;
    let last = bytes::batches(&disk()).pop().unwrap();
    let refused = |disk: &SimDisk, part: &str| {
        let error = error_of(recover(&disk.shared(), 0));
        assert_eq!(error.kind, ErrorKind::Damaged);
        assert!(error.message.contains(part), "{error}");
    };
    // The log went on in another segment, so the last batch before it was acknowledged.
    let disk_a = disk();
    unused(&disk_a, count, 21);
    disk_a.edit(&last.path, |bytes| bytes[last.offset + 30] ^= 1);
    refused(&disk_a, "the last batch of a finished segment");
    // A segment was full before the one after it was begun.
    let disk_b = disk();
    unused(&disk_b, count, 21);
    unused(&disk_b, count + 1, 30);
    refused(&disk_b, "was filled");
    let disk_c = disk();
    unused(&disk_c, count, 25);
    refused(&disk_c, "goes on with entry 25");
    // Segments are deleted only when a later one holds the state.
    let disk_d = disk();
    let segments = disk_d.segments();
    for path in &segments[..segments.len() - 1] {
        disk_d.delete(path);
    }
    disk_d.edit(segments.last().unwrap(), |bytes| bytes[64..].fill(0));
    refused(&disk_d, "the first batch of the log");
    // A file has its full length before it becomes a segment.
    let disk_e = disk();
    disk_e.edit(&last.path, |bytes| bytes.truncate(20));
    refused(&disk_e, "the header of");
    // A batch of an entry comes only after the state before it is durable.
    let disk_f = disk();
    let mut wal = recover(&disk_f.shared(), 0).unwrap().0;
    wal.write(&mut batch(&[entry(1, 21, 3000)])).unwrap();
    drop(wal);
    let (segments, stand) = (disk_f.segments(), bytes::batches(&disk_f));
    assert_eq!(segments.len() as u64, count + 1);
    let mut hit = stand.iter().filter(|batch| Some(&batch.path) == segments.last());
    let (state, one) = (hit.next().unwrap(), hit.next().unwrap());
    assert!(hit.next().is_none() && one.payload_end > 512);
    for batch in [state, one] {
        disk_f.edit(&batch.path, |bytes| bytes[batch.payload_end - 1] ^= 1);
    }
    refused(&disk_f, "was written to beyond its first 512 bytes");
}

/// A client may write values that are full of what looks like batches.
#[test]
fn a_torn_value_full_of_headers_is_not_taken_for_harmless() {
    let full = disk();
    let last = bytes::batches(&full).pop().unwrap();
    let end = full.bytes(&last.path).len();
    let headers = |sequence: u64| {
        let disk = full.copy();
        disk.edit(&last.path, |bytes| {
            let mut at = last.offset;
            bytes[at..].fill(1);
            while at + 24 + 513 < end {
                bytes[at..at + 4].copy_from_slice(b"BAT1");
                bytes[at + 4..at + 8].copy_from_slice(&((end - at - 24) as u32).to_le_bytes());
                bytes[at + 8..at + 16].copy_from_slice(&sequence.to_le_bytes());
                bytes[at + 20..at + 24].fill(0);
                at += 24;
            }
        });
        recover(&disk.shared(), 0)
    };
    let error = error_of(headers(last.sequence + 1));
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.message.contains("than can be checked"), "{error}");
    // The control: sequences that cannot be are a torn tail like any other.
    for sequence in [0, last.sequence - 1, last.sequence + 4096] {
        assert_eq!(entries(&headers(sequence).unwrap().2), &all()[..19]);
    }
}

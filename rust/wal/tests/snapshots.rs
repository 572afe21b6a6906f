//! Snapshot files: every wrong byte is found, the newest are kept.

mod common;

use std::io::Read;

use common::sim::SimDisk;
use common::{dir, error_of, identity, options};
use coreos_wal::{DataDir, ErrorKind, SnapshotMeta};
use proptest::prelude::*;

fn new() -> (SimDisk, DataDir) {
    let disk = SimDisk::new();
    let data = dir(&disk.shared());
    data.create(&identity(), &options()).unwrap();
    (disk, data)
}

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta { term: 3, index, cluster_time_ns: 1_700_000_000_000_000_000 }
}

fn data_of(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 255) as u8).collect()
}

/// Read everything; an error from wherever it comes.
fn read(data: &DataDir) -> Result<Vec<u8>, String> {
    let files = data.snapshots().map_err(|error| error.message)?;
    let mut reader = data.open_snapshot(&files[0]).map_err(|error| error.message)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[test]
fn lengths_around_a_chunk() {
    let mib = 1 << 20;
    for len in [0, 1, 7, mib - 1, mib, mib + 1, 3 * mib + 5] {
        let (disk, data) = new();
        let expected = data_of(len);
        let bytes = data
            .write_snapshot(meta(8), &mut |out| {
                expected.chunks(100_003).try_for_each(|piece| out.write_all(piece))
            })
            .unwrap();
        let file = &data.snapshots().unwrap()[0];
        assert_eq!((file.term, file.index), (3, 8));
        assert_eq!(disk.bytes(&file.path).len() as u64, bytes);
        let reader = data.open_snapshot(file).unwrap();
        assert_eq!(reader.meta(), meta(8));
        assert_eq!(reader.finish().unwrap(), len as u64);
        assert!(read(&data).unwrap() == expected, "{len} bytes");
    }
}

#[test]
fn the_bytes_are_as_the_format_says() {
    let (disk, data) = new();
    data.write_snapshot(meta(0x102), &mut |out| out.write_all(b"abc")).unwrap();
    let path = &data.snapshots().unwrap()[0].path;
    assert!(path.ends_with("member/snap/0000000000000003-0000000000000102.snap"));
    let bytes = disk.bytes(path);
    let crc = common::bytes::crc32;
    let mut expected = b"COREOSSN\x01\0\0\0\x40\0\0\0".to_vec();
    for number in [0xc1, 0x3e, 3, 0x102, 1_700_000_000_000_000_000u64] {
        expected.extend(number.to_le_bytes());
    }
    expected.extend([0; 4]);
    expected.extend(crc(0, &expected).to_le_bytes());
    expected.extend(3u32.to_le_bytes());
    expected.extend(crc(0, b"abc").to_le_bytes());
    expected.extend(b"abc");
    expected.extend(0u32.to_le_bytes());
    expected.extend(crc(0, b"abc").to_le_bytes());
    expected.extend(3u64.to_le_bytes());
    assert_eq!(bytes, expected);
}

#[test]
fn every_flipped_bit_every_cut_and_anything_appended() {
    let (disk, data) = new();
    data.write_snapshot(meta(8), &mut |out| out.write_all(&data_of(150))).unwrap();
    let path = data.snapshots().unwrap()[0].path.clone();
    let whole = disk.bytes(&path);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.put(&path, bytes);
        let error = read(&data).expect_err(&format!("bit {bit}"));
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
    for len in 0..whole.len() {
        disk.put(&path, whole[..len].to_vec());
        assert!(read(&data).is_err(), "cut to {len}");
    }
    disk.put(&path, [&whole[..], &[0]].concat());
    assert!(read(&data).is_err(), "appended");
    // The control: the same bytes put back.
    disk.put(&path, whole);
    assert_eq!(read(&data).unwrap(), data_of(150));
}

#[test]
fn of_another_member_and_under_another_name() {
    let (disk, data) = new();
    data.write_snapshot(meta(8), &mut |out| out.write_all(b"x")).unwrap();
    let file = data.snapshots().unwrap().remove(0);
    let bytes = disk.bytes(&file.path);
    let other = file.path.with_file_name("0000000000000003-0000000000000009.snap");
    disk.put(&other, bytes);
    assert_eq!(
        error_of(data.open_snapshot(&data.snapshots().unwrap()[0])).kind,
        ErrorKind::Damaged
    );
    disk.delete(&other);
    let identity_path = std::path::Path::new(common::ROOT).join("member/identity");
    let there = SimDisk::new();
    let theirs = dir(&there.shared());
    let stranger = coreos_wal::Identity { member_id: 5, ..identity() };
    theirs.create(&stranger, &options()).unwrap();
    disk.put(&identity_path, there.bytes(&identity_path));
    assert_eq!(error_of(data.open_snapshot(&file)).kind, ErrorKind::Mismatch);
}

#[test]
fn the_newest_are_kept_and_the_broken_set_aside() {
    let (disk, data) = new();
    for index in [5, 300, 40, 17] {
        data.write_snapshot(meta(index), &mut |out| out.write_all(b"x")).unwrap();
    }
    let indexes = |data: &DataDir| -> Vec<u64> {
        data.snapshots().unwrap().iter().map(|file| file.index).collect()
    };
    assert_eq!(indexes(&data), [300, 40, 17, 5]);
    data.purge_snapshots(2).unwrap();
    assert_eq!(indexes(&data), [300, 40]);
    for _ in 0..2 {
        let newest = data.snapshots().unwrap().remove(0);
        data.mark_broken(&newest).unwrap();
        data.write_snapshot(meta(300), &mut |out| out.write_all(b"x")).unwrap();
    }
    let broken = disk.paths().iter().filter(|p| p.to_string_lossy().ends_with(".broken")).count();
    assert_eq!(broken, 2, "one replaced the other");
    data.purge_snapshots(0).unwrap();
    assert_eq!(indexes(&data), [300], "the last one must stay");
}

proptest! {
    #![proptest_config(common::cases(500))]

    #[test]
    fn garbage_is_an_error(
        garbage in prop::collection::vec(any::<u8>(), 0..300), keep in 0..90usize,
    ) {
        let (disk, data) = new();
        data.write_snapshot(meta(8), &mut |out| out.write_all(b"abcdefgh")).unwrap();
        let path = data.snapshots().unwrap()[0].path.clone();
        let mut bytes = disk.bytes(&path);
        bytes.truncate(keep);
        bytes.extend(garbage);
        disk.put(&path, bytes);
        prop_assert!(read(&data).is_err());
    }
}

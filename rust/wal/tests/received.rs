//! Snapshots whose data comes piece by piece: the same files as others, and nothing of those that never end.

mod common;

use std::io::{Read, Write};

use common::sim::SimDisk;
use common::{dir, error_of, identity, options, recover};
use coreos_wal::{DataDir, ErrorKind, SnapshotMeta};

fn new() -> (SimDisk, DataDir) {
    let disk = SimDisk::new();
    let data = dir(&disk.shared());
    data.create(&identity(), &options()).unwrap();
    (disk, data)
}

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta { term: 3, index, cluster_time_ns: 77 }
}

fn data_of(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 255) as u8).collect()
}

fn snap_files(disk: &SimDisk) -> Vec<String> {
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    disk.paths().iter().filter(|path| path.to_string_lossy().contains("/snap/")).map(name).collect()
}

#[test]
fn it_is_the_file_that_a_local_one_would_be() {
    for len in [0, 1, 1 << 20, (3 << 20) + 5] {
        let (disk, data) = new();
        let expected = data_of(len);
        let mut writer = data.begin_snapshot(meta(8)).unwrap();
        assert_eq!(writer.meta(), meta(8));
        expected.chunks(99_991).for_each(|piece| writer.write_all(piece).unwrap());
        assert!(data.snapshots().unwrap().is_empty(), "it has no name before its end");
        let bytes = writer.finish().unwrap();
        let file = data.snapshots().unwrap().remove(0);
        let received = disk.bytes(&file.path);
        assert_eq!(received.len() as u64, bytes);
        data.write_snapshot(meta(8), &mut |out| out.write_all(&expected)).unwrap();
        assert!(disk.bytes(&file.path) == received, "{len} bytes");
        assert_eq!(snap_files(&disk).len(), 1, "both have the same name, and nothing else is left");
    }
}

#[test]
fn a_local_one_of_the_same_entry_may_be_written_meanwhile() {
    let (_disk, data) = new();
    let mut writer = data.begin_snapshot(meta(8)).unwrap();
    writer.write_all(b"one half, ").unwrap();
    data.write_snapshot(meta(8), &mut |out| out.write_all(b"local")).unwrap();
    writer.write_all(b"the other").unwrap();
    writer.finish().unwrap();
    let mut read = String::new();
    let file = data.snapshots().unwrap().remove(0);
    data.open_snapshot(&file).unwrap().read_to_string(&mut read).unwrap();
    assert_eq!(read, "one half, the other");
}

#[test]
fn without_an_end_nothing_is_left() {
    let (disk, data) = new();
    let mut writer = data.begin_snapshot(meta(8)).unwrap();
    writer.write_all(&data_of(2 << 20)).unwrap();
    assert_eq!(snap_files(&disk), ["0000000000000003-0000000000000008.snap.received.tmp"]);
    drop(writer);
    assert!(snap_files(&disk).is_empty());
    // One that could not even be removed goes when the next begins, or at a start.
    let leave = || std::mem::forget(data.begin_snapshot(meta(8)).unwrap());
    leave();
    leave();
    assert_eq!(snap_files(&disk).len(), 1);
    recover(&disk.shared(), 0).map_err(|error| error.message).unwrap();
    assert!(snap_files(&disk).is_empty());
}

#[test]
fn what_the_disk_refuses_is_no_snapshot() {
    let (disk, data) = new();
    let mut writer = data.begin_snapshot(meta(8)).unwrap();
    disk.set_room(Some(disk.used()));
    assert!(writer.write_all(&data_of(2 << 20)).is_err());
    disk.set_room(None);
    assert!(writer.write_all(b"x").is_err(), "nobody knows what is in the file");
    assert_eq!(error_of(writer.finish()).kind, ErrorKind::Config);
    let mut writer = data.begin_snapshot(meta(8)).unwrap();
    writer.write_all(b"x").unwrap();
    disk.fail_syncs(true);
    assert_eq!(error_of(writer.finish()).kind, ErrorKind::Io);
    disk.fail_syncs(false);
    assert!(snap_files(&disk).is_empty());
}

#[test]
fn one_that_is_not_what_was_written_gets_no_name() {
    let (disk, data) = new();
    for is_altered in [true, false] {
        let mut writer = data.begin_snapshot(meta(8)).unwrap();
        writer.write_all(&data_of(3 << 20)).unwrap();
        if is_altered {
            let tmp =
                disk.paths().into_iter().find(|path| path.extension().is_some_and(|e| e == "tmp"));
            disk.edit(&tmp.unwrap(), |bytes| bytes[1 << 20] ^= 1);
        }
        assert_eq!(writer.finish().is_err(), is_altered);
        assert_eq!(snap_files(&disk).len(), usize::from(!is_altered));
    }
}

#[test]
fn after_its_end_it_survives_a_power_cut() {
    let (disk, data) = new();
    let mut writer = data.begin_snapshot(meta(8)).unwrap();
    writer.write_all(&data_of(100_000)).unwrap();
    writer.finish().unwrap();
    for seed in 0..20 {
        let disk = disk.copy();
        disk.power_on(seed);
        let data = dir(&disk.shared());
        let file = data.snapshots().unwrap().remove(0);
        assert_eq!(data.open_snapshot(&file).unwrap().finish().unwrap(), 100_000);
    }
}

//! The bytes of a segment are as docs/formats.md says, and garbage never panics.

mod common;

use std::path::Path;

use common::bytes;
use common::sim::SimDisk;
use common::{Owned, ROOT, batch, dir, identity, options, recover};
use coreos_wal::{DataDir, repair, verify};
use proptest::prelude::*;

#[test]
fn a_segment_is_as_the_format_says() {
    let disk = SimDisk::new();
    let mut wal = dir(&disk.shared()).create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[
        Owned::Start { incarnation: 1 },
        Owned::HardState { term: 2, vote: 0x3e, commit: 0 },
        Owned::Entry { term: 2, index: 1, payload: b"abc".to_vec() },
        Owned::Mark { term: 2, index: 1 },
        Owned::Clock { time_ns: 300 },
    ]))
    .unwrap();
    wal.write(&mut batch(&[Owned::Clock { time_ns: 70_000 }])).unwrap();
    let path = bytes::segment_path(0, 1);
    let bytes = disk.bytes(&path);
    assert_eq!(bytes.len(), 4096);
    let mut header = bytes::header(1, 0, 1, 0xc1, 0x3e);
    // The nonce is any number.
    header[48..56].copy_from_slice(&bytes[48..56]);
    header.truncate(60);
    header.extend(bytes::crc32(0, &header).to_le_bytes());
    let seed = bytes::u32_at(&bytes, 60);
    let payload = [
        &[0x92, 5, 1][..],
        &[0x94, 2, 2, 0x3e, 0],
        &[0x94, 1, 2, 1, 0xc4, 3, b'a', b'b', b'c'],
        &[0x93, 3, 2, 1],
        &[0x92, 4, 0xcd, 1, 0x2c],
    ]
    .concat();
    let second = [0x92, 4, 0xce, 0, 1, 0x11, 0x70];
    let mut expected =
        [header, bytes::frame(seed, 1, &payload), bytes::frame(seed, 2, &second)].concat();
    expected.resize(4096, 0);
    assert_eq!(bytes, expected);
}

#[test]
fn what_another_writer_wrote_is_read() {
    let disk = SimDisk::new();
    dir(&disk.shared()).create(&identity(), &options()).unwrap();
    disk.edit(&bytes::segment_path(0, 1), |bytes| {
        // Integers in longer forms than needed are legal msgpack.
        let payload = [0x94, 1, 0xcf, 0, 0, 0, 0, 0, 0, 0, 7, 0xcd, 0, 1, 0xc6, 0, 0, 0, 1, 9];
        let frame = bytes::frame(bytes::u32_at(bytes, 60), 1, &payload);
        bytes[64..64 + frame.len()].copy_from_slice(&frame);
    });
    let (_, _, seen) = recover(&disk.shared(), 0).unwrap();
    assert_eq!(seen, [Owned::Entry { term: 7, index: 1, payload: vec![9] }]);
}

/// Something for a log directory: noise, or a segment whose checksums are right.
fn file() -> impl Strategy<Value = (u64, u64, Vec<u8>)> {
    let number = || prop_oneof![0..4u64, any::<u64>(), Just(u64::MAX)];
    let byte = prop_oneof![Just(0x94u8), Just(0x93), Just(0x92), 0..6u8, Just(0xcf), any::<u8>()];
    let batch = (number(), prop::collection::vec(byte, 1..60));
    let noise = prop::collection::vec(any::<u8>(), 0..2000);
    (number(), number(), prop::collection::vec(batch, 0..6), noise, any::<bool>()).prop_map(
        |(sequence, first, batches, noise, sound)| {
            let mut bytes = Vec::new();
            if sound {
                bytes = bytes::header(1, sequence, first, 0xc1, 0x3e);
                let seed = bytes::u32_at(&bytes, 60);
                for (n, payload) in batches {
                    bytes.extend(bytes::frame(seed, n, &payload));
                }
            }
            bytes.extend(noise);
            (sequence, first, bytes)
        },
    )
}

proptest! {
    #![proptest_config(common::cases(3000))]

    #[test]
    fn garbage_never_panics(
        files in prop::collection::vec(file(), 1..4), from in prop_oneof![Just(0), any::<u64>()],
    ) {
        let disk = SimDisk::new();
        dir(&disk.shared()).create(&identity(), &options()).unwrap();
        disk.delete(&bytes::segment_path(0, 1));
        for (sequence, first, bytes) in files {
            disk.put(&bytes::segment_path(sequence, first), bytes);
        }
        // Only that they come back with an answer is asked here.
        let _ = verify(disk.shared(), Path::new(ROOT));
        let _ = recover(&disk.copy().shared(), from);
        if repair(disk.shared(), Path::new(ROOT)).is_ok() {
            // A repaired directory has to start, unless it ends with the greatest numbers.
            let _ = recover(&disk.shared(), 0);
        }
    }

    #[test]
    fn a_garbage_identity_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let disk = SimDisk::new();
        disk.put(&Path::new(ROOT).join("member/identity"), bytes);
        prop_assert!(DataDir::new(disk.shared(), Path::new(ROOT)).state().is_err());
    }
}

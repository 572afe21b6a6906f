//! What a batch costs: encoding alone, and appended to a real file with and without its sync.

use std::hint::black_box;

use coreos_wal::{Batch, DataDir, Identity, RealDisk, WalOptions};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ENTRIES: u64 = 64;
const PAYLOAD: [u8; 120] = [7; 120];

fn fill(batch: &mut Batch, first_index: u64) {
    for index in first_index..first_index + ENTRIES {
        batch.entry(1, index, &PAYLOAD);
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(ENTRIES));
    let mut batch = Batch::new();
    group.bench_function("64 entries of 120 bytes", |bencher| {
        bencher.iter(|| {
            batch.clear();
            fill(&mut batch, 1);
            black_box(batch.payload_bytes())
        });
    });
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(ENTRIES));
    for (name, fsync) in [("without sync", false), ("with sync", true)] {
        let place = tempfile::tempdir().expect("a temporary directory");
        let dir = DataDir::new(RealDisk::new(fsync), place.path());
        let identity =
            Identity { cluster_id: 1, member_id: 2, token: "t".into(), name: "n".into() };
        let mut wal = dir.create(&identity, &WalOptions::default()).expect("a new log");
        let mut batch = Batch::new();
        let mut next_index = 1;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                fill(&mut batch, next_index);
                next_index += ENTRIES;
                wal.write(&mut batch).expect("an append");
                if wal.segments() > 2 {
                    wal.release(next_index).expect("a release");
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode, append);
criterion_main!(benches);

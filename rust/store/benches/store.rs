//! How long the store's own work takes: no network, no disk, no consensus.

use std::hint::black_box;

use coreos_store::{Body, Command, Op, RequestId, Store, StoreConfig, WatchSpec, Write};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const KEYS: usize = 100_000;

fn key(n: usize) -> Vec<u8> {
    format!("/bench/{n:08}").into_bytes()
}

fn set(sequence: u64, path: Vec<u8>, ttl_ns: Option<u64>) -> Command {
    Command {
        request: RequestId { member: 1, incarnation: 1, sequence },
        time_ns: sequence,
        body: Body::Write(Write { value: vec![b'v'; 64], ttl_ns, ..Write::new(Op::Set, path) }),
    }
}

fn loaded() -> Store {
    let mut store = Store::new(StoreConfig::default());
    for n in 0..KEYS {
        store.apply(&set(n as u64 + 1, key(n), None));
    }
    store
}

fn writes(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    for (name, ttl_ns) in [("set", None), ("set with ttl", Some(60_000_000_000))] {
        let mut store = loaded();
        let mut sequence = KEYS as u64;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    sequence += 1;
                    // A large odd step visits all keys in no order.
                    set(sequence, key(sequence as usize * 7_919 % KEYS), ttl_ns)
                },
                |command| store.apply(&command),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn reads(c: &mut Criterion) {
    let mut store = loaded();
    let mut out = Vec::new();
    let path = key(KEYS / 2);
    c.bench_function("get", |b| {
        b.iter(|| {
            out.clear();
            store.get(black_box(&path), false, u64::MAX / 2, 128, &mut out)
        });
    });
    c.bench_function("refuse a long listing", |b| {
        b.iter(|| {
            out.clear();
            store.get(black_box(b"/bench"), false, u64::MAX / 2, 128, &mut out)
        });
    });
    let view = store.tree_view();
    c.bench_function("list 100,000 keys from a view", |b| {
        b.iter(|| view.get(b"/bench", true, 0, &mut |piece| !black_box(piece).is_empty()));
    });
    c.bench_function("take a tree view", |b| b.iter(|| store.tree_view()));
}

fn watches(c: &mut Criterion) {
    const WATCHERS: u64 = 8_000;
    let mut store = loaded();
    let path = key(7);
    for token in 0..WATCHERS {
        let spec = WatchSpec { path: path.clone(), recursive: false, stream: true, wait_index: 0 };
        store.watch(spec, token).expect("a live watch");
    }
    let mut notices = Vec::new();
    let mut sequence = KEYS as u64;
    c.bench_function("tell 8,000 watchers", |b| {
        b.iter(|| {
            sequence += 1;
            store.apply(&set(sequence, path.clone(), None));
            notices.clear();
            store.take_notices(&mut notices);
            notices.len()
        });
    });
}

fn snapshots(c: &mut Criterion) {
    let mut store = loaded();
    let mut group = c.benchmark_group("snapshot of 100,000 keys");
    group.sample_size(10);
    group.bench_function("view", |b| b.iter(|| store.view()));
    let view = store.view();
    let mut bytes = Vec::new();
    group.bench_function("write", |b| {
        b.iter(|| {
            bytes.clear();
            view.write(&mut bytes)
        });
    });
    group.bench_function("digest", |b| b.iter(|| view.digest()));
    group.bench_function("restore", |b| {
        b.iter(|| Store::restore(StoreConfig::default(), &mut bytes.as_slice()));
    });
    group.finish();
}

criterion_group!(benches, writes, reads, watches, snapshots);
criterion_main!(benches);

//! What a key costs. One test to a file: the allocator counts for the whole process.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use coreos_store::{Op, StoreConfig, Write};

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

/// What the system's allocator takes for a request: a word in front, rounded up to 16, at least 32.
fn taken(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller's promises are ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller's promises are ours.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn six_hundred_thousand_keys_of_64_bytes_fit() {
    const KEYS: usize = 600_000;
    // The history is bounded by itself, and so is the window; here the tree is looked at.
    let config = StoreConfig { history_bytes: 0, ..StoreConfig::default() };
    let before = BYTES.load(Ordering::Relaxed);
    let mut store = fresh_with(config.clone());
    let value = "v".repeat(64);
    for n in 0..KEYS {
        done(&mut store, write(Op::Set, &format!("/bench/{n:08}"), &value));
    }
    let loaded = BYTES.load(Ordering::Relaxed) - before;
    println!("loaded in order: {} bytes per key", loaded / KEYS);
    assert!(loaded < 110 << 20, "{loaded} bytes");

    // A view costs next to nothing until something is written.
    let base = BYTES.load(Ordering::Relaxed);
    let view = store.view();
    let tree = store.tree_view();
    let views = BYTES.load(Ordering::Relaxed) - base;
    assert!(views < 256 << 10, "{views} bytes for two views");
    drop(tree);

    let mut snapshot = Vec::new();
    view.write(&mut snapshot).expect("memory");
    drop(view);
    done(&mut store, Write { recursive: true, ..write(Op::Delete, "/bench", "") });
    assert_eq!(store.keys(), 0);
    drop(store);
    let empty = BYTES.load(Ordering::Relaxed);
    let restored =
        coreos_store::Store::restore(config, &mut snapshot.as_slice()).expect("its own bytes");
    let again = BYTES.load(Ordering::Relaxed) - empty;
    println!("restored: {} bytes per key", again / KEYS);
    assert!(again < 110 << 20, "{again} bytes");
    assert_eq!(restored.keys(), KEYS + 1);
}

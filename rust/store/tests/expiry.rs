//! Expiry: when, in which order, and how much at once.

mod common;

use common::*;
use coreos_store::{Body, Op, WatchSpec, Watching, Write};

#[test]
fn expiry_is_never_early_and_in_the_order_of_the_deadlines() {
    let mut store = fresh();
    let mut set = |path: &str, ttl_ns: u64| {
        done(&mut store, Write { ttl_ns: Some(ttl_ns), ..write(Op::Set, path, "v") });
    };
    set("/late", 3 * S);
    set("/early", 2 * S);
    set("/same1", 2 * S);
    set("/d/child", 9 * S);
    set("/d/due", 2 * S + 1);
    done(&mut store, Write { ttl_ns: Some(2 * S + 2), ..write(Op::Update, "/d", "") });
    let before = store.etcd_index();
    let applied = store.apply(&command(2 * S - 1, Body::Expire));
    assert_eq!((applied.etcd_index, applied.outcome.is_ok()), (before, true), "nothing is due");
    let watch = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 0 };
    store.watch(watch, 7).expect("live");
    store.apply(&command(3 * S, Body::Expire));
    let mut notices = Vec::new();
    store.take_notices(&mut notices);
    let told: Vec<&str> = notices.iter().map(|notice| json(event(notice))).collect();
    let keys = ["/early", "/same1", "/d/due", "/d", "/late"];
    assert_eq!(told.len(), keys.len(), "{told:?}");
    for (at, (json, key)) in told.iter().zip(keys).enumerate() {
        let start = format!("{{\"action\":\"expire\",\"node\":{{\"key\":\"{key}\",");
        assert!(json.starts_with(&start), "{json}");
        assert!(json.contains(&format!("\"modifiedIndex\":{},", before + 1 + at as u64)), "{json}");
        assert_eq!(json.contains("\"dir\":true"), key == "/d", "{json}");
        assert!(json.contains("expiration") && !json.contains("ttl"), "{json}");
    }
    assert_eq!((store.keys(), store.next_deadline_ns()), (0, None));
    assert_eq!(store.stats()[14], ("expireCount", 5));
}

#[test]
fn one_command_expires_a_thousand_nodes_at_most() {
    let mut store = fresh();
    for n in 0..2500_u64 {
        let ttl_ns = Some(S + 2500 - n);
        done(&mut store, Write { ttl_ns, ..write(Op::Set, &format!("/t{n:04}"), "v") });
    }
    done(&mut store, Write { ttl_ns: Some(9 * S), ..write(Op::Set, "/later", "v") });
    let mut left = Vec::new();
    for _ in 0..4 {
        let before = store.etcd_index();
        store.apply(&command(2 * S, Body::Expire));
        left.push((store.keys(), store.etcd_index() - before));
    }
    assert_eq!(left, [(1501, 1000), (501, 1000), (1, 500), (1, 0)]);
    let first = store.watch(
        WatchSpec { path: b"/t1500".to_vec(), recursive: false, stream: false, wait_index: 2505 },
        1,
    );
    let Ok(Watching::Now(event)) = first else { panic!("{first:?}") };
    assert_eq!(
        event.index(),
        3 + 2501 + 1000,
        "the thousandth deadline, so the last of the first command"
    );
}

//! Watches: who is told what, and what an old index costs.

mod common;

use common::*;
use coreos_store::{
    Body, Code, Notice, Op, Store, StoreConfig, WatchId, WatchSpec, Watching, Write,
};

fn spec(path: &str, recursive: bool, stream: bool, wait_index: u64) -> WatchSpec {
    WatchSpec { path: path.as_bytes().to_vec(), recursive, stream, wait_index }
}

fn live(store: &mut Store, spec: WatchSpec, token: u64) -> WatchId {
    let shown = format!("{spec:?}");
    match store.watch(spec, token) {
        Ok(Watching::Live(id)) => id,
        Ok(Watching::Stream(id, backlog)) if backlog.is_empty() => id,
        other => panic!("{shown}: {other:?}"),
    }
}

/// The keys that each notice told of, with its token. For one event those above come first.
fn told(store: &mut Store) -> Vec<(u64, String)> {
    let mut notices: Vec<Notice> = Vec::new();
    store.take_notices(&mut notices);
    let key = |notice: &Notice| String::from_utf8_lossy(event(notice).key()).into_owned();
    notices.iter().map(|notice| (notice.token, key(notice))).collect()
}

fn delete_all(path: &str) -> Write {
    Write { recursive: true, ..write(Op::Delete, path, "") }
}

#[test]
fn group_g_live() {
    let mut store = fresh();
    live(&mut store, spec("/w/a", false, false, 0), 1);
    live(&mut store, spec("/w", false, false, 0), 2);
    live(&mut store, spec("/w", true, true, 0), 3);
    live(&mut store, spec("/_hid/f", true, true, 0), 4);
    live(&mut store, spec("/", false, true, 0), 5);
    done(&mut store, write(Op::Set, "/w/a", "1"));
    assert_eq!(told(&mut store), [(3, "/w/a".into()), (1, "/w/a".into())]);
    done(&mut store, write(Op::Set, "/w/p/q/r", "1"));
    assert_eq!(told(&mut store), [(3, "/w/p/q/r".into())]);
    done(&mut store, write(Op::Set, "/w/_h/x", "1"));
    done(&mut store, write(Op::Set, "/w/p/_h", "1"));
    assert_eq!(told(&mut store), []);
    done(&mut store, write(Op::Set, "/_hid/f/x", "1"));
    assert_eq!(told(&mut store), [(4, "/_hid/f/x".into())]);
    // 123, 124: who was in a removed directory is told of the directory; who never was is not.
    live(&mut store, spec("/w/p/_h", false, false, 0), 6);
    live(&mut store, spec("/w/p/none", false, false, 0), 7);
    live(&mut store, spec("/w/p/q", true, true, 0), 8);
    done(&mut store, delete_all("/w/p"));
    let mut all = told(&mut store);
    all.sort();
    assert_eq!(all, [(3, "/w/p".into()), (6, "/w/p".into()), (8, "/w/p".into())]);
    assert_eq!(store.watchers(), 6, "2, 3, 4, 5, 7 and 8; 6 and 1 were for one event");
}

#[test]
fn a_directory_that_expires_is_told_below() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/d/x", "1"));
    done(&mut store, Write { ttl_ns: Some(S), ..write(Op::Update, "/d", "") });
    live(&mut store, spec("/d/x", false, false, 0), 1);
    store.apply(&command(S, Body::Expire));
    assert_eq!(told(&mut store), [(1, "/d".into())]);
}

#[test]
fn past_and_future_indexes() {
    let mut store = fresh();
    for n in 0..3 {
        done(&mut store, write(Op::Set, "/a", &n.to_string())); // 4, 5, 6
    }
    let now = |store: &mut Store, spec: WatchSpec| match store.watch(spec, 9) {
        Ok(Watching::Now(event)) => event.index(),
        other => panic!("{other:?}"),
    };
    assert_eq!(now(&mut store, spec("/a", false, false, 1)), 4);
    assert_eq!(now(&mut store, spec("/a", false, false, 5)), 5);
    assert_eq!(now(&mut store, spec("/", true, false, 6)), 6);
    // 122: the third write only.
    let current = store.etcd_index();
    live(&mut store, spec("/a", false, false, current + 3), 1);
    live(&mut store, spec("/", true, true, current + 2), 2);
    for _ in 0..3 {
        done(&mut store, write(Op::Set, "/a", ""));
    }
    assert_eq!(told(&mut store), [(2, "/a".into()), (2, "/a".into()), (1, "/a".into())]);
    // A stream gets all that it missed, then goes on.
    let Ok(Watching::Stream(_, backlog)) = store.watch(spec("/a", false, true, 5), 3) else {
        panic!("a stream")
    };
    let indexes: Vec<u64> = backlog.iter().map(|event| event.index()).collect();
    assert_eq!(indexes, [5, 6, 7, 8, 9]);
    done(&mut store, write(Op::Delete, "/a", ""));
    assert_eq!(told(&mut store), [(2, "/a".into()), (3, "/a".into())], "once each");
}

#[test]
fn history_goes_by_segments_and_hides_what_is_hidden() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/w/pfx/x", "1")); // 4
    done(&mut store, write(Op::Set, "/w/_h", "1")); // 5
    done(&mut store, delete_all("/w/pfx")); // 6
    done(&mut store, Write { dir: true, ..write(Op::Set, "/w/e", "") }); // 7
    done(&mut store, Write { dir: true, ..write(Op::Delete, "/w/e", "") }); // 8
    live(&mut store, spec("/w/pfxother", false, false, 6), 1);
    live(&mut store, spec("/w/_h", false, false, 6), 1);
    live(&mut store, spec("/w/e/never", false, false, 7), 1);
    let index = |store: &mut Store, spec: WatchSpec| match store.watch(spec, 9) {
        Ok(Watching::Now(event)) => event.index(),
        other => panic!("{other:?}"),
    };
    assert_eq!(index(&mut store, spec("/w", true, false, 5)), 6, "not the hidden one");
    assert_eq!(index(&mut store, spec("/w/_h", true, false, 5)), 5, "unless watched itself");
    assert_eq!(index(&mut store, spec("/w/pfx/x", false, false, 5)), 6);
    live(&mut store, spec("/w", false, false, 4), 1); // 135: children are not the directory
    assert_eq!(index(&mut store, spec("/w/e", false, false, 4)), 7, "136");
}

#[test]
fn a_refresh_is_told_to_nobody() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/a", "k"));
    live(&mut store, spec("/a", false, true, 0), 1);
    live(&mut store, spec("/", true, true, 0), 2);
    let refresh = Write { refresh: true, ttl_ns: Some(S), ..write(Op::Set, "/a", "") };
    let before = store.etcd_index();
    done(&mut store, refresh);
    assert_eq!(store.etcd_index(), before + 1);
    assert_eq!(told(&mut store), []);
    live(&mut store, spec("/a", false, false, before + 1), 3);
    assert_eq!(store.memory().history_events as u64, before + 1, "it has its place all the same");
}

#[test]
fn cleared_history_is_401_with_the_oldest_index() {
    let config =
        StoreConfig { history_bytes: 0, history_events_min: 1000, ..StoreConfig::default() };
    let mut store = fresh_with(config);
    for _ in 0..1500 {
        done(&mut store, write(Op::Set, "/busy", ""));
    }
    let current = store.etcd_index();
    assert_eq!(store.oldest_event_index(), current - 999);
    let error = store.watch(spec("/busy", false, false, current - 1000), 1).expect_err("cleared");
    let cause =
        format!("the requested history has been cleared [{}/{}]", current - 999, current - 1000);
    assert_eq!((error.code, error.index), (Code::EventIndexCleared, current));
    assert_eq!(String::from_utf8_lossy(&error.cause), cause);
    assert!(matches!(
        store.watch(spec("/busy", false, false, current - 999), 1),
        Ok(Watching::Now(event)) if event.index() == current - 999
    ));
}

#[test]
fn a_history_of_large_values_has_an_end() {
    let config =
        StoreConfig { history_bytes: 0, history_events_min: 100, ..StoreConfig::default() };
    let mut store = fresh_with(config);
    let value = "x".repeat(1 << 20);
    for _ in 0..200 {
        assert!(apply(&mut store, write(Op::Set, "/large", &value)).outcome.is_ok());
    }
    let memory = store.memory();
    assert!(memory.history_bytes <= 128 << 20, "{memory:?}");
    assert!((30..100).contains(&memory.history_events), "{memory:?}");
    let oldest = store.oldest_event_index();
    assert_eq!(oldest, store.etcd_index() + 1 - memory.history_events as u64);
    let error = store.watch(spec("/large", false, false, oldest - 1), 1).expect_err("cleared");
    assert_eq!(error.code, Code::EventIndexCleared);
    assert!(matches!(store.watch(spec("/large", false, false, oldest), 1), Ok(Watching::Now(_))));
    // The control: small ones have their number.
    for _ in 0..200 {
        done(&mut store, write(Op::Set, "/small", ""));
    }
    assert_eq!(store.memory().history_events, 100);
}

#[test]
fn the_json_of_a_large_event_is_not_kept_with_it() {
    let mut store = fresh();
    let old = |store: &mut Store, path: &str| match store.watch(spec(path, false, false, 4), 9) {
        Ok(Watching::Now(event)) => event,
        other => panic!("{other:?}"),
    };
    for (path, bytes, is_kept) in [("/small", 7_000, true), ("/large", 100_000, false)] {
        live(&mut store, spec(path, false, true, 0), 1);
        live(&mut store, spec("/", true, true, 0), 2);
        // Six bytes of JSON for each.
        let answer = done(&mut store, write(Op::Set, path, &"\u{1}".repeat(bytes)));
        let mut notices = Vec::new();
        store.take_notices(&mut notices);
        let here = |event: &coreos_store::Event| event.json().as_ptr();
        assert!(notices.len() > 1, "{path}");
        let shared = notices.iter().all(|notice| here(event(notice)) == here(&answer));
        assert!(shared, "{path}: one JSON for all who are told now");
        let (first, second) = (old(&mut store, path), old(&mut store, path));
        assert_eq!(json(&first), json(&answer), "{path}");
        assert_eq!(here(&first) == here(&answer), is_kept, "{path}: the history's is the answer's");
        assert_eq!(here(&first) == here(&second), is_kept, "{path}: the history keeps it");
    }
}

#[test]
fn a_million_writes_elsewhere_do_not_clear_the_history_of_a_quiet_key() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/quiet/key", "1"));
    let since = store.etcd_index() + 1;
    let mut busy = command(0, Body::Write(write(Op::Set, "/busy/key", "some value")));
    for n in 0..1_000_000_u64 {
        busy.time_ns = n;
        store.apply(&busy);
    }
    assert!(store.oldest_event_index() > since, "the history has wrapped");
    live(&mut store, spec("/quiet/key", false, false, since), 1);
    live(&mut store, spec("/quiet", true, true, since), 2);
    live(&mut store, spec("/quiet/not/there", true, false, since), 3);
    // The control: where it was busy, the same index is gone, and so it is for all keys together.
    for path in ["/busy/key", "/busy", "/"] {
        let error = store.watch(spec(path, true, false, since), 4).expect_err(path);
        assert_eq!(error.code, Code::EventIndexCleared, "{path}");
    }
    assert!(store.watch(spec("/quiet", true, false, since - 1), 4).is_err(), "it changed then");
    done(&mut store, write(Op::Set, "/quiet/key", "2"));
    let mut all = told(&mut store);
    all.sort();
    assert_eq!(all, [(1, "/quiet/key".into()), (2, "/quiet/key".into())]);
}

#[test]
fn thousands_on_one_key_are_told_in_one_command_and_may_leave_in_any_order() {
    let mut store = fresh();
    let ids: Vec<WatchId> = (0..8000)
        .map(|token| live(&mut store, spec("/k", false, token % 4 == 0, 0), token))
        .collect();
    let others = live(&mut store, spec("/other", true, true, 0), 9999);
    for at in (0..8000).step_by(3).chain((0..8000).rev().step_by(5)) {
        store.cancel(ids[at]);
    }
    let left: Vec<u64> = (0..8000).filter(|at| at % 3 != 0 && (7999 - at) % 5 != 0).collect();
    assert_eq!(store.watchers(), left.len() + 1);
    done(&mut store, write(Op::Set, "/k", ""));
    let mut notices = Vec::new();
    store.take_notices(&mut notices);
    let mut tokens: Vec<u64> = notices.iter().map(|notice| notice.token).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, left, "each exactly once");
    assert!(notices.iter().all(|notice| notice.ended == (notice.token % 4 != 0)));
    let first = event(&notices[0]).json().as_ptr();
    assert!(
        notices.iter().all(|notice| event(notice).json().as_ptr() == first),
        "one JSON for all"
    );
    // Only the streams are left; then they go too, and nothing remains.
    done(&mut store, write(Op::Set, "/k", ""));
    assert_eq!(told(&mut store).len(), left.iter().filter(|token| *token % 4 == 0).count());
    for id in ids {
        store.cancel(id);
    }
    store.cancel(others);
    assert_eq!(store.watchers(), 0);
}

#[test]
fn a_key_of_thousands_of_levels_is_told_at_each() {
    let mut store = fresh();
    let deep = "/a".repeat(30_000);
    for (token, levels) in [(1, 1), (2, 29_999), (3, 30_000)] {
        live(&mut store, spec(&"/a".repeat(levels), true, true, 0), token);
    }
    live(&mut store, spec("/", true, true, 0), 0);
    live(&mut store, spec(&"/a".repeat(29_999), false, true, 0), 9);
    done(&mut store, write(Op::Set, &deep, "v"));
    let tokens: Vec<u64> = told(&mut store).into_iter().map(|(token, _)| token).collect();
    assert_eq!(tokens, [0, 1, 2, 3]);
    let mut snapshot = Vec::new();
    store.view().write(&mut snapshot).expect("memory");
    assert!(snapshot.len() < 40 * deep.len(), "{} bytes", snapshot.len());
    let copy = Store::restore(StoreConfig::default(), &mut snapshot.as_slice()).expect("its bytes");
    assert_eq!(copy.keys(), 30_000);
    done(&mut store, delete_all("/a"));
    let mut tokens: Vec<u64> = told(&mut store).into_iter().map(|(token, _)| token).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [0, 1, 2, 3, 9]);
    assert_eq!(store.keys(), 0);
}

#[test]
fn upstream_flaws_can_be_had() {
    let mut store = fresh_with(StoreConfig { upstream: true, ..StoreConfig::default() });
    done(&mut store, write(Op::Set, "/w/pfx/x", "1")); // 4
    done(&mut store, write(Op::Set, "/w/_h", "1")); // 5
    done(&mut store, delete_all("/w/pfx")); // 6
    let index = |store: &mut Store, spec: WatchSpec| match store.watch(spec, 9) {
        Ok(Watching::Now(event)) => event.index(),
        other => panic!("{other:?}"),
    };
    assert_eq!(index(&mut store, spec("/w", true, false, 5)), 5, "126: hidden keys are shown");
    assert_eq!(index(&mut store, spec("/w/pfxother", false, false, 6)), 6, "127: compared as text");
    let Ok(Watching::Stream(_, backlog)) = store.watch(spec("/w", true, true, 4), 1) else {
        panic!("a stream")
    };
    assert_eq!(backlog.len(), 1, "129: one old event");
    done(&mut store, write(Op::Set, "/w/y", ""));
    assert_eq!(told(&mut store), [], "and then silence");
    let compare = Write { prev_index: 1, ..write(Op::CompareAndDelete, "/", "") };
    let error = refused(&mut store, compare);
    assert_eq!((error.code, error.cause.as_slice()), (Code::NotAFile, &b""[..]));
    done(&mut store, Write { ttl_ns: Some(S), ..write(Op::Set, "/due", "") });
    let ttl_at = |store: &mut Store, now_ns: u64| {
        let mut out = Vec::new();
        store.get(b"/due", false, now_ns, 9, &mut out).expect("not removed yet");
        let text = String::from_utf8(out).expect("JSON");
        text.split("\"ttl\":").nth(1).and_then(|rest| rest.split(',').next()?.parse::<i64>().ok())
    };
    assert_eq!(ttl_at(&mut store, S - 1), Some(1));
    assert_eq!(ttl_at(&mut store, S), None);
    assert_eq!(ttl_at(&mut store, 3 * S), Some(-2));
    for _ in 0..1100 {
        done(&mut store, write(Op::Set, "/busy", ""));
    }
    assert_eq!(store.oldest_event_index(), store.etcd_index() - 999);
    assert!(store.watch(spec("/w", true, false, 8), 1).is_err(), "busy keys clear it for all");
}

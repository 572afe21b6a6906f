//! Members, machine keys, the request-id window and the counters.

mod common;

use common::*;
use coreos_store::{
    Body, Code, Command, Op, RequestId, Store, StoreConfig, WatchSpec, Watching, Write,
};

fn urls(url: &str) -> Vec<String> {
    vec![url.to_owned()]
}

fn publish(id: u64, name: &str, url: &str, shows_machine_keys: bool) -> Body {
    Body::Publish { id, name: name.to_owned(), client_urls: urls(url), shows_machine_keys }
}

fn add(id: u64, url: &str) -> Body {
    Body::AddMember { id, peer_urls: urls(url), is_learner: false }
}

fn version(shows_machine_keys: bool) -> Body {
    Body::ClusterVersion { text: "0.1.0".to_owned(), shows_machine_keys }
}

fn told(store: &mut Store) -> Vec<String> {
    let mut notices = Vec::new();
    store.take_notices(&mut notices);
    let shown = notices.iter().map(|notice| {
        let event = event(notice);
        let key = String::from_utf8_lossy(event.key());
        format!("{} {key} {}", event.action().as_str(), event.index())
    });
    shown.collect()
}

#[test]
fn which_commands_take_an_index() {
    let mut store = Store::new(StoreConfig::default());
    let mut expected = 0;
    for (body, moves) in [
        (Body::Noop, 0),
        (add(1, "http://a:2380"), 1),
        (Body::AddMember { id: 2, peer_urls: urls("http://b:2380"), is_learner: true }, 1),
        (publish(1, "a", "http://a:2379", false), 1),
        (Body::PromoteMember { id: 2 }, 0),
        (version(false), 1),
        (Body::Clock { offset_ns: 1 }, 0),
        (Body::UpdateMember { id: 2, peer_urls: urls("http://c:2380") }, 1),
        (Body::RemoveMember { id: 1 }, 1),
        (add(1, "http://back:2380"), 0),
        (publish(99, "unknown", "http://x", true), 0),
        (Body::Expire, 0),
        (Body::Write(write(Op::Set, "/a", "")), 1),
        (Body::Write(write(Op::Create, "/a", "")), 0),
    ] {
        let shown = format!("{body:?}");
        expected += moves;
        let applied = common::body(&mut store, body);
        assert_eq!((applied.etcd_index, store.etcd_index()), (expected, expected), "{shown}");
        assert_eq!(store.memory().history_events as u64, expected, "{shown}: a place each");
    }
    let members = store.members();
    assert_eq!(members.len(), 1, "a removed id does not come back");
    assert_eq!((members[0].id, members[0].is_learner), (2, false));
    assert_eq!(members[0].peer_urls, urls("http://c:2380"));
    assert_eq!(store.removed_members(), [1]);
    assert_eq!(store.oldest_event_index(), 1);
}

#[test]
fn machine_keys_follow_the_members() {
    let mut store = Store::new(StoreConfig::default());
    let spec = WatchSpec { path: b"/_etcd".to_vec(), recursive: true, stream: true, wait_index: 0 };
    store.watch(spec, 1).expect("live");
    body(&mut store, add(1, "http://10.0.0.1:7001")); // 1
    body(&mut store, add(2, "http://10.0.0.2:7001")); // 2
    body(&mut store, publish(1, "m1", "http://10.0.0.1:4001", true)); // 3
    body(&mut store, publish(2, "m/2", "http://10.0.0.2:4001", true)); // 4
    body(&mut store, version(true)); // 5
    assert_eq!(
        told(&mut store),
        ["set /_etcd/machines/m1 3", "set /_etcd/machines/m%2F2 4", "set /_etcd/config 5"]
    );
    assert_eq!(
        get(&mut store, "/_etcd", true).expect("shown"),
        "{\"action\":\"get\",\"node\":{\"key\":\"/_etcd\",\"dir\":true,\"nodes\":[\
         {\"key\":\"/_etcd/config\",\"value\":\
         \"{\\\"activeSize\\\":9,\\\"removeDelay\\\":1800,\\\"syncInterval\\\":5}\",\
         \"modifiedIndex\":5,\"createdIndex\":5},\
         {\"key\":\"/_etcd/machines\",\"dir\":true,\"nodes\":[\
         {\"key\":\"/_etcd/machines/m%2F2\",\"value\":\
         \"etcd=http%3A%2F%2F10.0.0.2%3A4001\\u0026raft=http%3A%2F%2F10.0.0.2%3A7001\",\
         \"modifiedIndex\":4,\"createdIndex\":4},\
         {\"key\":\"/_etcd/machines/m1\",\"value\":\
         \"etcd=http%3A%2F%2F10.0.0.1%3A4001\\u0026raft=http%3A%2F%2F10.0.0.1%3A7001\",\
         \"modifiedIndex\":3,\"createdIndex\":3}],\"modifiedIndex\":3,\"createdIndex\":3}],\
         \"modifiedIndex\":3,\"createdIndex\":3}}\n"
    );
    let in_order = write(Op::CreateInOrder, "/_etcd/machines", "x");
    let dir_ttl = Write { ttl_ns: Some(S), ..write(Op::Update, "/_etcd", "") };
    let all = |path| Write { recursive: true, ..write(Op::Delete, path, "") };
    for write in [
        write(Op::Set, "/_etcd/machines/m1", "x"),
        write(Op::Set, "/_etcd/config", "x"),
        write(Op::Create, "/_etcd/machines/new", "x"),
        write(Op::Delete, "/_etcd/machines/m1", ""),
        write(Op::CompareAndDelete, "/_etcd/config", ""),
        write(Op::CompareAndSwap, "/_etcd/config", ""),
        in_order,
        dir_ttl,
        all("/_etcd"),
        all("/_etcd/machines"),
    ] {
        let path = write.path.clone();
        let error = refused(&mut store, write);
        assert_eq!((error.code, error.cause), (Code::RootReadOnly, path));
    }
    // What only begins with the same letters, or stands beside, is the client's.
    done(&mut store, write(Op::Set, "/_etcd/machines2", "")); // 6
    done(&mut store, write(Op::Set, "/_etcd2", "")); // 7
    done(&mut store, write(Op::CreateInOrder, "/_etcd", "")); // 8
    told(&mut store);
    body(&mut store, Body::UpdateMember { id: 1, peer_urls: urls("http://10.0.0.9:7001") }); // 9
    assert!(get(&mut store, "/_etcd/machines/m1", false).expect("there").contains("10.0.0.9"));
    body(&mut store, publish(1, "renamed", "http://10.0.0.1:4001", true)); // 10, 11
    body(&mut store, Body::RemoveMember { id: 2 }); // 12
    assert_eq!(
        told(&mut store),
        [
            "set /_etcd/machines/m1 9",
            "delete /_etcd/machines/m1 10",
            "set /_etcd/machines/renamed 11",
            "delete /_etcd/machines/m%2F2 12",
        ]
    );
    // Who goes on behind one event misses none.
    let spec =
        WatchSpec { path: b"/_etcd".to_vec(), recursive: true, stream: false, wait_index: 11 };
    let Ok(Watching::Now(event)) = store.watch(spec, 2) else { panic!("it has happened") };
    assert_eq!((event.action().as_str(), event.index()), ("set", 11));
    // No longer shown: they go, and the paths are like any other.
    body(&mut store, publish(1, "renamed", "http://10.0.0.1:4001", false)); // 13, 14
    assert_eq!(told(&mut store), ["delete /_etcd/machines 13", "delete /_etcd/config 14"]);
    done(&mut store, write(Op::Set, "/_etcd/machines/renamed", "mine"));
    body(&mut store, publish(1, "renamed", "http://10.0.0.1:4001", false));
    body(&mut store, add(3, "http://10.0.0.3:7001"));
    body(&mut store, Body::RemoveMember { id: 1 });
    assert!(get(&mut store, "/_etcd/machines/renamed", false).expect("kept").contains("mine"));
}

#[test]
fn machine_keys_make_room_for_themselves() {
    let mut store = Store::new(StoreConfig::default());
    body(&mut store, add(1, "http://a")); // 1
    done(&mut store, write(Op::Set, "/_etcd/machines", "a file")); // 2
    done(&mut store, write(Op::Set, "/_etcd/config/x/y", "")); // 3
    done(&mut store, Write { ttl_ns: Some(S), ..write(Op::Update, "/_etcd", "") }); // 4
    let spec = |path: &str, recursive| WatchSpec {
        path: path.as_bytes().to_vec(),
        recursive,
        stream: true,
        wait_index: 0,
    };
    store.watch(spec("/_etcd", true), 1).expect("live");
    store.watch(spec("/_etcd/config/x/y", false), 2).expect("live");
    let applied = body(&mut store, publish(1, "m1", "http://a", true));
    assert_eq!(applied.etcd_index, 6);
    let applied = body(&mut store, version(true));
    assert_eq!(applied.etcd_index, 8);
    let mut told = told(&mut store);
    told.sort_by_key(|line| line.rsplit(' ').next().map(str::to_owned));
    assert_eq!(
        told,
        [
            "delete /_etcd/machines 5",
            "set /_etcd/machines/m1 6",
            "delete /_etcd/config 7",
            "delete /_etcd/config 7",
            "set /_etcd/config 8",
        ],
        "what was in the way is deleted like any key"
    );
    store.apply(&command(9 * S, Body::Expire));
    assert!(get(&mut store, "/_etcd/machines/m1", false).is_ok());
    assert!(get(&mut store, "/_etcd/config", false).expect("a file").contains("activeSize"));
    assert_eq!(store.keys(), 4);
}

#[test]
fn members_of_one_name_share_a_key() {
    let mut store = Store::new(StoreConfig::default());
    let shown = |store: &mut Store| {
        let node = get(store, "/_etcd/machines/x", false).ok()?;
        node.split("etcd=http%3A%2F%2F").nth(1)?.chars().next()
    };
    for (id, url) in [(1, "http://a"), (2, "http://b"), (3, "http://c")] {
        body(&mut store, add(id, url));
        body(&mut store, publish(id, "x", url, true));
    }
    assert_eq!(shown(&mut store), Some('c'), "the last one that has published");
    let before = store.etcd_index();
    body(&mut store, Body::RemoveMember { id: 1 });
    assert_eq!(shown(&mut store), Some('c'), "it still is a member's");
    body(&mut store, publish(3, "y", "http://c", true));
    assert_eq!(shown(&mut store), Some('b'), "what is left of the name");
    assert_eq!(store.etcd_index(), before + 3, "none, then two events");
    body(&mut store, Body::RemoveMember { id: 2 });
    assert_eq!(shown(&mut store), None, "the control: nobody has the name");
}

#[test]
fn a_name_of_dots_is_a_key_like_any_other() {
    let mut store = Store::new(StoreConfig::default());
    for (id, name) in [(1, "."), (2, "..")] {
        body(&mut store, add(id, &format!("http://{id}")));
        body(&mut store, publish(id, name, "http://a", true));
    }
    for path in ["/_etcd/machines/%2E", "/_etcd/machines/%2E%2E"] {
        assert!(get(&mut store, path, false).is_ok(), "{path}");
    }
    let mut bytes = Vec::new();
    store.view().write(&mut bytes).expect("memory");
    assert!(Store::restore(StoreConfig::default(), &mut bytes.as_slice()).is_ok());
}

fn request(sequence: u64) -> RequestId {
    RequestId { member: 5, incarnation: 2, sequence }
}

#[test]
fn a_repeated_request_has_its_first_outcome() {
    let mut store = fresh();
    let body = |op| Body::Write(write(op, "/a", "1"));
    let first = store.apply(&Command { request: request(1), time_ns: 1, body: body(Op::Create) });
    let failed = store.apply(&Command { request: request(2), time_ns: 2, body: body(Op::Create) });
    done(&mut store, write(Op::Set, "/a", "2"));
    let (digest, stats) = (store.view().digest(), store.stats());
    let again = store.apply(&Command { request: request(1), time_ns: 2, body: body(Op::Create) });
    assert!(again.repeated && !first.repeated);
    assert_eq!(again.etcd_index, first.etcd_index);
    let event = |applied: &coreos_store::Applied| match &applied.outcome {
        Ok(Some(event)) => event.clone(),
        other => panic!("{other:?}"),
    };
    assert!(std::sync::Arc::ptr_eq(&event(&first), &event(&again)));
    let again = store.apply(&Command { request: request(2), time_ns: 2, body: body(Op::Create) });
    assert!(again.repeated);
    assert_eq!(again.outcome.expect_err("as before"), failed.outcome.expect_err("exists"));
    assert_eq!((store.view().digest(), store.stats()), (digest, stats), "nothing was changed");
    // The control: without an id it is carried out again.
    let other = store.apply(&command(2, body(Op::Set)));
    assert!(!other.repeated);
    assert_ne!(store.view().digest(), digest);
}

#[test]
fn a_forgotten_request_is_not_carried_out_again() {
    let mut store = fresh_with(StoreConfig { request_window: 10, ..StoreConfig::default() });
    let set = |sequence: u64| Command {
        request: request(sequence),
        time_ns: 1,
        body: Body::Write(write(Op::CreateInOrder, "/q", "")),
    };
    for sequence in 1..=20 {
        assert!(store.apply(&set(sequence)).outcome.is_ok());
    }
    assert_eq!(store.memory().request_ids, 10);
    let before = store.etcd_index();
    assert!(store.apply(&set(11)).repeated, "still known");
    let unknown = store.apply(&set(10));
    let error = unknown.outcome.expect_err("forgotten");
    assert_eq!((error.code, unknown.repeated), (Code::RaftInternal, false));
    assert_eq!(store.etcd_index(), before);
    // Of other members, and later ones, nothing has been forgotten.
    let other = Command { request: RequestId { member: 6, ..request(1) }, ..set(1) };
    assert!(store.apply(&other).outcome.is_ok());
    let later = Command { request: RequestId { incarnation: 3, ..request(1) }, ..set(1) };
    assert!(store.apply(&later).outcome.is_ok());
}

fn set_with_id(store: &mut Store, sequence: u64, path: &str, value: &str) -> coreos_store::Applied {
    let body = Body::Write(write(Op::Set, path, value));
    store.apply(&Command { request: request(sequence), time_ns: 1, body })
}

#[test]
fn the_window_is_bounded_in_bytes() {
    let mut store = fresh();
    let value = "x".repeat(8_000);
    for sequence in 1..=1000 {
        set_with_id(&mut store, sequence, "/many", &value);
    }
    let kept = store.memory().request_ids;
    assert!((200..300).contains(&kept), "{kept} outcomes of 32 kB each");
    // However long the keys, some are known.
    let mut store = fresh();
    let path = "/k".repeat(50_000);
    for sequence in 1..=100 {
        set_with_id(&mut store, sequence, &path, "");
    }
    assert_eq!(store.memory().request_ids, 64);
}

#[test]
fn a_large_write_makes_no_other_request_forgotten() {
    let mut store = fresh();
    let first = set_with_id(&mut store, 1, "/small", "kept");
    set_with_id(&mut store, 2, "/large", &"x".repeat(10 << 20));
    let large = set_with_id(&mut store, 3, "/large", &"y".repeat(10 << 20));
    let compare =
        Write { prev_value: Some(vec![b'z'; 5 << 20]), ..write(Op::CompareAndSwap, "/large", "") };
    let compare = Command { request: request(4), time_ns: 1, body: Body::Write(compare) };
    assert!(store.apply(&compare).outcome.expect_err("differs").cause.len() > 15 << 20);
    let mut bytes = Vec::new();
    store.view().write(&mut bytes).expect("memory");
    let restored = Store::restore(StoreConfig::default(), &mut bytes.as_slice()).expect("its own");
    for (name, mut store) in [("applied", store), ("restored", restored)] {
        let digest = store.view().digest();
        let json_of = |applied: &coreos_store::Applied| match &applied.outcome {
            Ok(Some(event)) => json(event).to_owned(),
            other => panic!("{name}: {other:?}"),
        };
        let again = set_with_id(&mut store, 1, "/small", "kept");
        assert!(again.repeated, "{name}");
        assert_eq!(json_of(&again), json_of(&first), "{name}: a small one as it was");
        // What was done is known, if not every byte of it.
        let again = set_with_id(&mut store, 3, "/large", "");
        assert_eq!((again.repeated, again.etcd_index), (true, large.etcd_index), "{name}");
        assert_eq!(
            json_of(&again),
            "{\"action\":\"set\",\"node\":{\"key\":\"/large\",\"modifiedIndex\":6,\"createdIndex\":6},\
             \"prevNode\":{\"key\":\"/large\",\"modifiedIndex\":5,\"createdIndex\":5}}\n"
        );
        let again = store.apply(&compare);
        let error = again.outcome.expect_err("as before");
        assert_eq!((error.code, again.repeated), (Code::CompareFailed, true), "{name}");
        assert!(error.cause.is_empty(), "{name}");
        assert_eq!(store.view().digest(), digest, "{name}");
        let mut same = Vec::new();
        store.view().write(&mut same).expect("memory");
        assert!(same == bytes, "{name}: it writes other bytes");
    }
    assert!(bytes.len() < 45 << 20, "{} bytes: no value is there a third time", bytes.len());
}

#[test]
fn counters_are_those_of_the_original() {
    let mut store = fresh();
    for one in [
        write(Op::Set, "/a", "1"),
        write(Op::Set, "/a/x", "fails"),
        write(Op::Create, "/b", ""),
        write(Op::Create, "/b", "fails"),
        write(Op::Create, "/b/x", "fails as a set too"),
        write(Op::CreateInOrder, "/q", ""),
        write(Op::Update, "/a", "2"),
        write(Op::Update, "/none", "fails"),
        Write { prev_index: 1, ..write(Op::CompareAndSwap, "/a", "fails") },
        write(Op::CompareAndSwap, "/a", "3"),
        Write { prev_index: 1, ..write(Op::CompareAndDelete, "/a", "") },
        write(Op::CompareAndDelete, "/a", ""),
        write(Op::Delete, "/a", "fails"),
        write(Op::Delete, "/b", ""),
        Write { ttl_ns: Some(0), ..write(Op::Set, "/t", "") },
    ] {
        let _ = apply(&mut store, one);
    }
    store.apply(&command(1, Body::Expire));
    let _ = get(&mut store, "/q", true);
    let _ = get(&mut store, "/none", true);
    let spec = WatchSpec { path: b"/w".to_vec(), recursive: false, stream: true, wait_index: 0 };
    store.watch(spec, 1).expect("live");
    assert_eq!(
        store.stats(),
        [
            ("getsSuccess", 1),
            ("getsFail", 1),
            ("setsSuccess", 2),
            ("setsFail", 2),
            ("deleteSuccess", 1),
            ("deleteFail", 1),
            ("updateSuccess", 1),
            ("updateFail", 1),
            ("createSuccess", 2),
            ("createFail", 2),
            ("compareAndSwapSuccess", 1),
            ("compareAndSwapFail", 1),
            ("compareAndDeleteSuccess", 1),
            ("compareAndDeleteFail", 1),
            ("expireCount", 1),
            ("watchers", 1),
        ]
    );
}

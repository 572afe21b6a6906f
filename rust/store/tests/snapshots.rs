//! Snapshots: nothing is lost, the same commands go on alike, and hostile bytes are refused.

mod common;

use common::*;
use coreos_store::{
    AuthChange, Body, Command, Op, RequestId, RestoreError, Store, StoreConfig, WatchSpec,
    Watching, Write,
};
use proptest::prelude::*;

fn id(sequence: u64) -> RequestId {
    RequestId { member: 1, incarnation: 1, sequence }
}

fn bytes(store: &mut Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.view().write(&mut bytes).expect("memory");
    bytes
}

fn restored(bytes: &[u8]) -> Result<Store, RestoreError> {
    Store::restore(StoreConfig::default(), &mut &*bytes)
}

/// A store with something in every part of its snapshot.
fn full() -> Store {
    let mut store = fresh();
    body(&mut store, Body::Clock { offset_ns: -5 });
    body(
        &mut store,
        Body::AddMember { id: 2, peer_urls: vec!["http://b".into()], is_learner: true },
    );
    body(&mut store, Body::RemoveMember { id: 2 });
    let publish = Body::Publish {
        id: 1,
        name: "m1".into(),
        client_urls: vec!["http://127.0.0.1:4001".into()],
        shows_machine_keys: true,
    };
    body(&mut store, publish);
    let writes = [
        write(Op::Set, "/a/b/c", "1"),
        write(Op::Set, "/a-", "2"),
        Write { value: vec![0, 0xff], ..write(Op::Set, "/a/bin", "") },
        Write { ttl_ns: Some(5 * S), ..write(Op::Set, "/ttl", "x") },
        Write { ttl_ns: Some(6 * S), refresh: true, ..write(Op::Set, "/ttl", "") },
        write(Op::Create, "/a-", "fails"),
        write(Op::Set, "/gone/x", "y"),
        Write { recursive: true, ..write(Op::Delete, "/gone", "") },
        Write { dir: true, ttl_ns: Some(9 * S), ..write(Op::Create, "/dir", "") },
    ];
    for (at, write) in writes.into_iter().enumerate() {
        let command = Command { request: id(at as u64 + 1), time_ns: 7, body: Body::Write(write) };
        let _ = store.apply(&command);
    }
    store.apply(&Command { request: id(100), time_ns: 8, body: Body::Noop });
    store
}

/// As [`full`], with users and roles too.
fn with_users() -> Store {
    let mut store = full();
    body(&mut store, Body::Auth(users::user("root", "h", None)));
    body(&mut store, Body::Auth(users::user("al", "", Some(&["r", "none"]))));
    body(&mut store, Body::Auth(users::role("r", "/a/*")));
    body(&mut store, Body::Auth(AuthChange::Switch { on: true }));
    store
}

#[test]
fn users_and_roles_are_kept() {
    let mut first = with_users();
    let second = restored(&bytes(&mut first)).expect("its own bytes");
    assert_eq!(first.auth(), second.auth());
    assert_eq!((first.auth().users.len(), first.auth().roles.len()), (2, 2));
    assert!(second.auth().is_enabled());
}

#[test]
fn the_bytes_of_users_and_roles_are_those_of_the_format() {
    let mut store = Store::new(StoreConfig::default());
    let untouched = bytes(&mut store);
    assert_eq!(untouched[1], 1, "the encoding that the version before can read");
    body(&mut store, Body::Auth(users::user("root", "h", None)));
    let written = bytes(&mut store);
    assert_eq!(written[1], 2);
    let part =
        [&[0x93, 0xc2, 0x91, 0x94, 0xa4][..], b"root", &[0xa1, b'h', 0xc0, 5, 0x90]].concat();
    assert!(written.ends_with(&part), "{written:x?}");
    // Such a store without that part is none.
    assert!(restored(&written[..written.len() - part.len()]).is_err());
    assert!(
        restored(&[&untouched[..], &part].concat()).is_err(),
        "nor has the older one such a part"
    );
}

#[test]
fn a_restored_store_goes_on_as_the_first() {
    let mut first = full();
    let mut second = restored(&bytes(&mut first)).expect("its own bytes");
    assert_eq!(first.members(), second.members());
    assert_eq!(first.removed_members(), vec![2]);
    assert_eq!(second.removed_members(), vec![2]);
    assert_eq!(second.cluster_version(), Some("0.1.0"));
    assert_eq!(first.stats(), second.stats());
    assert_eq!(first.oldest_event_index(), second.oldest_event_index());
    assert_eq!(first.memory(), second.memory());
    assert_eq!(first.next_deadline_ns(), second.next_deadline_ns());
    let commands = [
        // The first outcomes are still known.
        Command { request: id(6), time_ns: 9, body: Body::Write(write(Op::Create, "/new", "n")) },
        Command { request: id(1), time_ns: 9, body: Body::Write(write(Op::Create, "/new", "n")) },
        Command { request: id(100), time_ns: 9, body: Body::Expire },
        Command { request: id(101), time_ns: 10, body: Body::Write(write(Op::Set, "/a/d", "n")) },
        command(6 * S + 7, Body::Expire),
        command(9 * S, Body::Write(write(Op::CreateInOrder, "/a", "o"))),
        command(20 * S, Body::Expire),
    ];
    for command in commands {
        let (a, b) = (first.apply(&command), second.apply(&command));
        assert_eq!(a.repeated, b.repeated, "{command:?}");
        assert_eq!(a.etcd_index, b.etcd_index, "{command:?}");
        match (a.outcome, b.outcome) {
            (Ok(Some(a)), Ok(Some(b))) => assert_eq!(json(&a), json(&b)),
            (a, b) => assert_eq!(format!("{a:?}"), format!("{b:?}")),
        }
        assert_eq!(first.view().digest(), second.view().digest(), "{command:?}");
        assert_eq!(bytes(&mut first), bytes(&mut second), "{command:?}");
    }
    // And the whole history is there.
    for index in 1..=first.etcd_index() {
        let spec =
            WatchSpec { path: b"/".to_vec(), recursive: true, stream: false, wait_index: index };
        let told = |watching| match watching {
            Ok(Watching::Now(event)) => json(&event).to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(told(first.watch(spec.clone(), 1)), told(second.watch(spec, 1)), "{index}");
    }
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let mut store = Store::new(StoreConfig::default());
    body(&mut store, Body::AddMember { id: 9, peer_urls: vec!["p".into()], is_learner: true });
    let set = write(Op::Set, "/d/f", "v");
    let set = Body::Write(Write { ttl_ns: Some(2), ..set });
    store.apply(&Command { request: id(3), time_ns: 5, body: set });
    let state = [
        // Version, etcd_index, time, offset, no version yet, subtree_index, no machine keys, none forgotten.
        &[0x98, 1, 2, 5, 0, 0xc0, 2, 0xc2, 0x90][..],
        // One member, none removed.
        &[0x91, 0x95, 9, 0xa0, 0x91, 0xa1, b'p', 0x90, 0xc3, 0x90],
        // Two nodes: a directory and a file in it.
        &[2, 0x97, 1, 0xc4, 1, b'd', 1, 2, 2, 0, 2],
        &[0x97, 2, 0xc4, 1, b'f', 0, 2, 2, 7, 0xc4, 1, b'v'],
    ]
    .concat();
    let rest = [
        // One request: its event is the second of the history.
        &[1, 0x94, 1, 1, 3, 1][..],
        // Two events, the first of which is the member's.
        &[2, 0x97, 1, 0xc4, 0, 0, 0x95, 0xc0, 0xc2, 1, 1, 0, 0xc0, 0, 0],
        &[
            0x97, 1, 0xc4, 4, b'/', b'd', b'/', b'f', 0, 0x95, 0xc4, 1, b'v', 0xc2, 2, 2, 7, 0xc0,
            5, 0,
        ],
        // Statistics: one set.
        &[0xdc, 0, 16, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(bytes(&mut store), [state, rest].concat());
}

#[test]
fn digests_tell_states_apart() {
    let mut store = full();
    let digest = store.view().digest();
    let changes = [
        Body::Write(write(Op::Set, "/a-", "2")),
        Body::Clock { offset_ns: -4 },
        Body::AddMember { id: 3, peer_urls: Vec::new(), is_learner: false },
        Body::ClusterVersion { text: "0.2.0".into(), shows_machine_keys: true },
        Body::Auth(users::role("r", "/other")),
    ];
    for change in changes {
        let mut other = full();
        assert_eq!(other.view().digest(), digest, "the same commands give the same digest");
        body(&mut other, change);
        assert_ne!(other.view().digest(), digest);
    }
    // A read, a failure without an id and a watch are no difference.
    let _ = get(&mut store, "/a", true);
    let _ = refused(&mut store, write(Op::Create, "/a-", ""));
    assert_eq!(store.view().digest(), digest);
}

#[test]
fn views_do_not_see_later_writes() {
    let mut store = full();
    for n in 0..2000 {
        done(&mut store, write(Op::Set, &format!("/many/{n:05}"), "before"));
    }
    let (tree, whole) = (store.tree_view(), store.view());
    let read = |view: &coreos_store::TreeView| {
        let mut all = Vec::new();
        let mut take = |piece: &[u8]| {
            all.extend_from_slice(piece);
            true
        };
        view.get(b"/", true, 0, &mut take).expect("the root");
        all
    };
    let (listed, digest, mut saved) = (read(&tree), whole.digest(), Vec::new());
    whole.write(&mut saved).expect("memory");
    for n in 0..3000 {
        done(&mut store, write(Op::Set, &format!("/many/{n:05}"), "after"));
        if n % 3 == 0 {
            done(&mut store, write(Op::Delete, &format!("/many/{n:05}"), ""));
        }
    }
    done(&mut store, Write { recursive: true, ..write(Op::Delete, "/a", "") });
    assert_eq!(read(&tree), listed);
    assert_eq!(whole.digest(), digest);
    let mut again = Vec::new();
    whole.write(&mut again).expect("memory");
    assert!(again == saved, "the view wrote other bytes after later writes");
    assert_ne!(read(&store.tree_view()), listed, "and the store itself has changed");
    // Views may be read, and go, on other threads.
    std::thread::scope(|scope| {
        scope.spawn(move || drop((tree, whole)));
        done(&mut store, write(Op::Set, "/many/x", ""));
    });
}

#[test]
fn what_goes_to_other_threads_may() {
    fn sent<T: Send + 'static>() {}
    fn shared<T: Send + Sync + Clone + 'static>() {}
    sent::<Store>();
    sent::<coreos_store::StoreView>();
    shared::<coreos_store::TreeView>();
    shared::<std::sync::Arc<coreos_store::Event>>();
}

#[test]
fn a_part_of_a_snapshot_or_more_than_one_is_refused() {
    let whole = bytes(&mut with_users());
    for len in 0..whole.len() {
        assert!(restored(&whole[..len]).is_err(), "{len} of {} bytes", whole.len());
    }
    assert!(restored(&[whole.as_slice(), &[0]].concat()).is_err(), "a byte more");
    assert!(restored(&whole).is_ok(), "the control: exactly all of it");
    let newer = [&[0x98, 3], &whole[2..]].concat();
    assert!(matches!(restored(&newer), Err(RestoreError::Newer(3))));
}

#[test]
fn a_failing_source_is_told_from_bad_bytes() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk"))
        }
    }
    let result = Store::restore(StoreConfig::default(), &mut Failing);
    assert!(matches!(result, Err(RestoreError::Io(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_are_refused_or_make_a_store_that_works(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut hostile = bytes(&mut with_users());
        for (at, to) in changes {
            let at = at.index(hostile.len());
            hostile[at] = to;
        }
        if let Ok(mut store) = restored(&hostile) {
            let _ = store.apply(&command(1, Body::Write(write(Op::CreateInOrder, "/a", "v"))));
            let _ = store.apply(&command(1, Body::Write(write(Op::Set, "/a/b/c", "v"))));
            let all = Write { recursive: true, ..write(Op::Delete, "/a", "") };
            let _ = store.apply(&Command { request: id(5), time_ns: 2, body: Body::Write(all) });
            let _ = store.apply(&command(u64::MAX, Body::Expire));
            let _ = store.apply(&command(1, Body::Auth(users::role("r", "/a"))));
            let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 1 };
            if let Ok(Watching::Stream(_, backlog)) = store.watch(spec, 1) {
                for event in backlog {
                    prop_assert_eq!(event.json().last(), Some(&b'\n'));
                }
            }
            let _ = get(&mut store, "/", true);
            let again = bytes(&mut store);
            prop_assert!(restored(&again).is_ok(), "what it writes, it reads");
        }
    }

    #[test]
    fn any_bytes_are_refused(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(restored(&garbage).is_err());
    }
}

//! A store takes another's place under its watchers.

mod common;

use common::*;
use coreos_store::{
    AuthChange, Body, Code, Command, Notice, Op, RequestId, Store, StoreConfig, Told, WatchSpec,
    Watching,
};

fn request(sequence: u64) -> RequestId {
    RequestId { member: 5, incarnation: 1, sequence }
}

/// What a leader has that went on alone: the same history and `more` writes.
fn ahead_of(store: &mut Store, config: &StoreConfig, more: u64) -> Store {
    let mut leader = copy(store, config);
    for sequence in 1..=more {
        let body = Body::Write(write(Op::Set, "/a", "elsewhere"));
        let command = Command { request: request(sequence), time_ns: S, body };
        assert!(leader.apply(&command).outcome.is_ok());
    }
    leader
}

fn copy(store: &mut Store, config: &StoreConfig) -> Store {
    let mut bytes = Vec::new();
    store.view().write(&mut bytes).expect("memory");
    Store::restore(config.clone(), &mut bytes.as_slice()).expect("its own")
}

fn watch(store: &mut Store, token: u64, stream: bool, wait_index: u64) {
    let spec = WatchSpec { path: b"/a".to_vec(), recursive: false, stream, wait_index };
    match store.watch(spec, token) {
        Ok(Watching::Live(_) | Watching::Stream(..)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_becomes_the_others_and_each_watch_is_told_of_the_gap() {
    let config = StoreConfig { history_bytes: 0, history_events_min: 4, ..StoreConfig::default() };
    let mut store = fresh_with(config.clone());
    let mut leader = ahead_of(&mut store, &config, 10);
    leader.apply(&command(S, Body::Auth(AuthChange::Switch { on: false })));
    let (index, oldest) = (leader.etcd_index(), leader.oldest_event_index());
    watch(&mut store, 1, false, 0);
    watch(&mut store, 2, true, 0);
    watch(&mut store, 3, false, 9);
    get(&mut store, "/", false).expect("the root");
    done(&mut store, write(Op::Set, "/b", "of before"));
    done(&mut store, write(Op::Set, "/a", "of before"));
    let (gets, revision) = (store.stats()[0], store.auth_revision());
    let expected = leader.view().digest();
    let restored = copy(&mut leader, &config);
    store.replace(restored);
    assert_eq!(store.view().digest(), expected);
    assert_eq!((store.etcd_index(), store.oldest_event_index()), (index, oldest));
    assert_eq!(store.watchers(), 0);
    assert_ne!(store.auth_revision(), revision);
    assert_eq!(store.stats()[0], gets, "reads are this member's own");
    assert_eq!(store.stats()[2..15], leader.stats()[2..15], "writes are the cluster's");
    let mut notices: Vec<Notice> = Vec::new();
    store.take_notices(&mut notices);
    let told: Vec<String> = notices
        .iter()
        .map(|Notice { token, what, ended }| match what {
            Told::Event(event) => format!("{token} {} {ended}", event.index()),
            Told::Gap(error) => {
                assert_eq!((error.code, error.index), (Code::EventIndexCleared, index));
                format!("{token} {} {ended}", String::from_utf8_lossy(&error.cause))
            }
        })
        .collect();
    let gap = |from| format!("the requested history has been cleared [{oldest}/{from}]");
    assert_eq!(
        told,
        [
            "1 5 true".to_owned(),
            "2 5 false".to_owned(),
            format!("2 {} true", gap(6)),
            format!("3 {} true", gap(9)),
        ],
        "first what had happened before; one that was over is told nothing more"
    );
    // The hub goes on, and an id of before is nobody's.
    watch(&mut store, 4, false, 0);
    done(&mut store, write(Op::Set, "/a", "of after"));
    let mut notices: Vec<Notice> = Vec::new();
    store.take_notices(&mut notices);
    assert_eq!(notices.iter().map(|notice| notice.token).collect::<Vec<_>>(), [4]);
}

#[test]
fn what_a_snapshot_covers_is_answered_from_its_window() {
    let config = StoreConfig { request_window: 5, ..StoreConfig::default() };
    let mut store = fresh_with(config.clone());
    let other = ahead_of(&mut store, &config, 10);
    assert!(store.outcome_of(request(9)).is_none(), "the control: not known before");
    store.replace(other);
    let known = store.outcome_of(request(9)).expect("in the window");
    let event = known.outcome.expect("a success").expect("a write");
    assert_eq!((known.etcd_index, known.repeated), (event.index(), true));
    assert_eq!(event.index(), store.etcd_index() - 1);
    let forgotten = store.outcome_of(request(2)).expect("left the window");
    assert_eq!(forgotten.outcome.expect_err("unknown").code, Code::RaftInternal);
    assert!(store.outcome_of(request(11)).is_none(), "never applied: to be proposed again");
    assert!(store.outcome_of(RequestId::default()).is_none());
}

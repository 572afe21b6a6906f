//! Users, roles and the switch of authentication against a naive model of them.

mod common;

use std::sync::Arc;

use common::users::{Documents, Wrong, change, list, role, user};
use common::{body, fresh};
use coreos_store::{
    Auth, AuthChange, Body, Code, Command, DOCUMENT_BYTES_MAX, DOCUMENTS_MAX, LIST_MAX, List,
    PasswordHash, RequestId, Store, StoreConfig, WatchSpec,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const NAMES: &str = "root|guest|al|r";

/// Do all changes in a store and in the model; the first difference is the error.
fn run(changes: &[AuthChange], wrong: Wrong) -> Result<(), String> {
    let mut store = Store::new(StoreConfig::default());
    let mut model = Documents::new(wrong);
    for change in changes {
        // Half of the changes are made by somebody who has just looked.
        let change = with_current_index(change.clone(), store.auth());
        let (before, revision) = (store.auth().clone(), store.auth_revision());
        let outcome = body(&mut store, Body::Auth(change.clone())).outcome;
        let outcome = outcome.map(|_| ()).map_err(|error| error.code);
        let expected = model.apply(&change);
        if outcome != expected {
            return Err(format!("{change:?}: store {outcome:?}, model {expected:?}"));
        }
        if store.etcd_index() != model.index || **store.auth() != model.shown() {
            return Err(format!("{change:?}: index {}, {:?}", store.etcd_index(), store.auth()));
        }
        if (before != *store.auth()) && revision == store.auth_revision() {
            return Err(format!("{change:?}: nobody can see that something has changed"));
        }
        if store.memory().history_events as u64 != model.index {
            return Err(format!("{change:?}: an index without a place in the history"));
        }
        let mut bytes = Vec::new();
        store.view().write(&mut bytes).expect("memory");
        let again = Store::restore(StoreConfig::default(), &mut &*bytes);
        let mut again = again.map_err(|error| format!("{change:?}: {error}"))?;
        if again.auth() != store.auth() || again.view().digest() != store.view().digest() {
            return Err(format!("{change:?}: lost in a snapshot"));
        }
    }
    Ok(())
}

fn with_current_index(change: AuthChange, auth: &Auth) -> AuthChange {
    match change {
        AuthChange::UpdateUser { name, password_hash, roles, expected_index }
            if expected_index % 2 == 0 =>
        {
            let current = auth.users.get(&*name).map(|user| user.modified_index);
            let expected_index = current.unwrap_or(expected_index);
            AuthChange::UpdateUser { name, password_hash, roles, expected_index }
        }
        AuthChange::UpdateRole { name, read, write, expected_index } if expected_index % 2 == 0 => {
            let current = auth.roles.get(&*name).map(|role| role.modified_index);
            let expected_index = current.unwrap_or(expected_index);
            AuthChange::UpdateRole { name, read, write, expected_index }
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn store_and_model_agree(changes in proptest::collection::vec(change(NAMES), 1..60)) {
        run(&changes, Wrong::No).map_err(TestCaseError::fail)?;
    }
}

/// The control: each of these wrong models is found out, by the same changes for ever.
#[test]
fn wrong_models_are_noticed() {
    for wrong in Wrong::ALL {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let noticed = (0..1000).find_map(|_| {
            let changes = proptest::collection::vec(change(NAMES), 1..60);
            let changes = changes.new_tree(&mut runner).expect("changes").current();
            run(&changes, wrong).err()
        });
        assert!(noticed.is_some(), "{wrong:?} was not noticed");
    }
}

/// The numbers that the original gives on a member of its own.
#[test]
fn indexes_are_those_of_the_original() {
    let mut store = fresh();
    let mut expected = store.etcd_index();
    for (change, moves) in [
        (AuthChange::Switch { on: true }, 0),
        (AuthChange::Switch { on: false }, 0),
        (user("root", "h", None), 5),
        (user("root", "h", None), 0),
        (user("al", "h", None), 1),
        (role("r1", "/m/*"), 1),
        (role("root", "/m/*"), 0),
        (AuthChange::Switch { on: true }, 2),
        (AuthChange::Switch { on: true }, 0),
        (AuthChange::DeleteUser { name: "root".into() }, 0),
        (AuthChange::Switch { on: false }, 1),
        (AuthChange::Switch { on: true }, 1),
        (AuthChange::Switch { on: false }, 1),
        (AuthChange::DeleteUser { name: "no".into() }, 0),
        (AuthChange::DeleteUser { name: "al".into() }, 1),
        (AuthChange::DeleteRole { name: "guest".into() }, 1),
    ] {
        expected += moves;
        let applied = body(&mut store, Body::Auth(change.clone()));
        assert_eq!((applied.etcd_index, store.etcd_index()), (expected, expected), "{change:?}");
    }
    // The first change may be one that finds nothing.
    let mut store = fresh();
    let before = store.etcd_index();
    let missing = body(&mut store, Body::Auth(AuthChange::DeleteRole { name: "no".into() }));
    let error = missing.outcome.expect_err("nothing to delete");
    assert_eq!((error.code, error.index), (Code::KeyNotFound, before + 4));
}

#[test]
fn of_two_changes_of_one_document_the_second_is_refused() {
    let mut store = fresh();
    body(&mut store, Body::Auth(user("al", "h", None)));
    let seen = store.auth().users["al"].modified_index;
    let grant = |role: &str| AuthChange::UpdateUser {
        name: "al".into(),
        password_hash: None,
        roles: list(&[role]),
        expected_index: seen,
    };
    assert!(body(&mut store, Body::Auth(grant("a"))).outcome.is_ok());
    let error = body(&mut store, Body::Auth(grant("b"))).outcome.expect_err("out of date");
    assert_eq!(error.code, Code::CompareFailed);
    let al = &store.auth().users["al"];
    assert_eq!(al.roles, list(&["a"]));
    assert_eq!(al.password_hash, PasswordHash("h".into()), "not given, so kept");
}

#[test]
fn a_change_proposed_twice_is_made_once() {
    let mut store = fresh();
    let request = RequestId { member: 1, incarnation: 1, sequence: 1 };
    let body = Body::Auth(user("al", "h", None));
    let command = Command { request, time_ns: 1, body };
    let first = store.apply(&command);
    let second = store.apply(&command);
    assert!(first.outcome.is_ok() && second.outcome.is_ok() && second.repeated);
    assert_eq!(first.etcd_index, store.etcd_index());
}

#[test]
fn no_watcher_is_told() {
    let mut store = fresh();
    let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 0 };
    store.watch(spec, 1).expect("live");
    body(&mut store, Body::Auth(user("root", "h", None)));
    let mut notices = Vec::new();
    store.take_notices(&mut notices);
    assert!(notices.is_empty());
    body(&mut store, Body::Write(common::write(coreos_store::Op::Set, "/a", "")));
    store.take_notices(&mut notices);
    assert_eq!(notices.len(), 1, "the control");
}

#[test]
fn hashes_are_not_shown() {
    let mut store = fresh();
    let change = user("root", "secret", None);
    assert!(!format!("{change:?}").contains("secret"));
    body(&mut store, Body::Auth(change));
    assert!(!format!("{:?}", store.auth()).contains("secret"));
}

/// Do it; the error's number.
fn number(store: &mut Store, change: AuthChange) -> Option<u16> {
    body(store, Body::Auth(change)).outcome.err().map(|error| error.code.number())
}

#[test]
fn there_are_no_more_users_and_roles_than_there_may_be() {
    let mut store = fresh();
    for number in 0..DOCUMENTS_MAX {
        for change in [user(&format!("u{number}"), "h", None), role(&format!("r{number}"), "/*")] {
            assert!(body(&mut store, Body::Auth(change)).outcome.is_ok());
        }
    }
    let before = (store.etcd_index(), store.auth().clone());
    assert_eq!(number(&mut store, user("more", "h", None)), Some(209));
    assert_eq!(number(&mut store, role("more", "/*")), Some(209));
    assert_eq!(number(&mut store, user("u1", "h", None)), Some(105), "which is said first");
    assert_eq!((store.etcd_index(), store.auth().clone()), before, "nothing is taken");
    // Whoever goes makes room, and what is there can be changed.
    assert_eq!(number(&mut store, AuthChange::DeleteUser { name: "u0".into() }), None);
    assert_eq!(number(&mut store, user("root", "h", None)), None);
    let expected_index = store.auth().roles["r1"].modified_index;
    let (name, read, write) = ("r1".to_owned(), list(&["/a"]), None);
    let changed = AuthChange::UpdateRole { name, read, write, expected_index };
    assert_eq!(number(&mut store, changed), None);
    // The role of guests comes with the switch all the same.
    assert_eq!(number(&mut store, AuthChange::Switch { on: true }), None);
    assert_eq!(store.auth().roles.len(), DOCUMENTS_MAX + 1);
    let mut bytes = Vec::new();
    store.view().write(&mut bytes).expect("memory");
    let again = Store::restore(StoreConfig::default(), &mut &*bytes).expect("all of it");
    assert_eq!(again.auth(), store.auth());
}

#[test]
fn one_user_or_role_is_not_longer_than_it_may_be() {
    let names = |count: usize, length: usize| -> List { Some(vec!["n".repeat(length); count]) };
    let user = |roles: List| AuthChange::CreateUser {
        name: "al".into(),
        password_hash: PasswordHash("h".into()),
        roles,
    };
    let role = |read: List, write: List| AuthChange::CreateRole { name: "al".into(), read, write };
    let fits = DOCUMENT_BYTES_MAX - 2;
    for (bad, good) in [
        (user(names(LIST_MAX + 1, 1)), user(names(LIST_MAX, 1))),
        (user(names(1, fits + 1)), user(names(1, fits))),
        (role(names(LIST_MAX + 1, 1), None), role(names(LIST_MAX, 1), names(LIST_MAX, 1))),
        (role(None, names(LIST_MAX + 1, 1)), role(None, names(LIST_MAX, 1))),
        (role(names(1, fits), names(1, 1)), role(names(1, fits - 1), names(1, 1))),
    ] {
        let mut store = fresh();
        let before = store.etcd_index();
        assert_eq!(number(&mut store, bad), Some(209));
        assert_eq!((store.etcd_index(), store.auth().enabled), (before, None), "nothing is taken");
        assert_eq!(number(&mut store, good), None, "the control");
        for change in [
            AuthChange::UpdateUser {
                name: "al".into(),
                password_hash: None,
                roles: names(LIST_MAX + 1, 1),
                expected_index: store.etcd_index(),
            },
            AuthChange::UpdateRole {
                name: "al".into(),
                read: None,
                write: names(2, fits),
                expected_index: store.etcd_index(),
            },
        ] {
            assert_eq!(number(&mut store, change), Some(209));
        }
    }
}

#[test]
fn a_change_copies_pointers_alone() {
    let mut store = fresh();
    for change in [user("al", "h", None), user("bo", "h", None), role("r", "/*")] {
        assert_eq!(number(&mut store, change), None);
    }
    let before = store.auth().clone();
    assert_eq!(number(&mut store, AuthChange::DeleteUser { name: "bo".into() }), None);
    assert!(Arc::ptr_eq(&before.users["al"], &store.auth().users["al"]));
    assert!(Arc::ptr_eq(&before.roles["r"], &store.auth().roles["r"]));
    assert_eq!(before.users.len(), 2, "who has looked before keeps what there was");
}

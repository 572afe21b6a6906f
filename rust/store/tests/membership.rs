//! Which changes of members are possible, and what the others leave as it was.

mod common;

use common::*;
use coreos_store::{
    Body, Code, Command, MemberInfo, Members, MembershipError, RequestId, Store, StoreConfig,
};

fn urls(list: &[&str]) -> Vec<String> {
    list.iter().map(|url| (*url).to_owned()).collect()
}

fn add(id: u64, peer_urls: &[&str], is_learner: bool) -> Body {
    Body::AddMember { id, peer_urls: urls(peer_urls), is_learner }
}

fn update(id: u64, peer_urls: &[&str]) -> Body {
    Body::UpdateMember { id, peer_urls: urls(peer_urls) }
}

fn publish(id: u64) -> Body {
    Body::Publish {
        id,
        name: "m".to_owned(),
        client_urls: urls(&["http://c"]),
        shows_machine_keys: true,
    }
}

/// Voters 1 and 2, learner 3; 9 has left.
fn four() -> Vec<Body> {
    vec![
        add(1, &["http://a", "http://a2"], false),
        add(2, &["http://b"], false),
        add(3, &["http://l"], true),
        add(9, &["http://gone"], false),
        Body::RemoveMember { id: 9 },
    ]
}

#[test]
fn a_change_that_is_not_possible_changes_nothing_and_takes_no_index() {
    use MembershipError::{IdExists, IdNotFound, IdRemoved, NotLearner, PeerUrlExists};
    let mut members = Members::default();
    let mut store = Store::new(StoreConfig::default());
    for change in four() {
        members.apply(&change).expect("possible");
        assert!(body(&mut store, change).outcome.is_ok());
    }
    assert_eq!(store.etcd_index(), 5);
    for (change, error, text) in [
        (add(1, &["http://new"], false), IdExists, "etcdserver: ID exists"),
        (add(9, &["http://new"], true), IdRemoved, "etcdserver: ID removed"),
        (add(4, &["http://new", "http://a2"], false), PeerUrlExists, "etcdserver: peerURL exists"),
        (Body::RemoveMember { id: 4 }, IdNotFound, "etcdserver: ID not found"),
        (Body::RemoveMember { id: 9 }, IdRemoved, "etcdserver: ID removed"),
        (update(4, &["http://a"]), IdNotFound, "etcdserver: ID not found"),
        (update(9, &["http://a"]), IdRemoved, "etcdserver: ID removed"),
        (update(2, &["http://l"]), PeerUrlExists, "etcdserver: peerURL exists"),
        (Body::PromoteMember { id: 4 }, IdNotFound, "etcdserver: ID not found"),
        (Body::PromoteMember { id: 9 }, IdRemoved, "etcdserver: ID removed"),
        (Body::PromoteMember { id: 1 }, NotLearner, "etcdserver: not a learner"),
        (publish(4), IdNotFound, "etcdserver: ID not found"),
        (publish(9), IdRemoved, "etcdserver: ID removed"),
    ] {
        let (shown, before) = (format!("{change:?}"), store.view().digest());
        let mut after = members.clone();
        assert_eq!(after.apply(&change), Err(error), "{shown}");
        assert_eq!(after, members, "{shown}");
        let applied = body(&mut store, change);
        let refusal = applied.outcome.expect_err(&shown);
        assert_eq!((refusal.code, refusal.index), (error.code(), 5), "{shown}");
        assert_eq!(String::from_utf8_lossy(&refusal.cause), text, "{shown}");
        assert_eq!(store.view().digest(), before, "{shown}");
    }
    assert_eq!(store.members_table(), members);
    // The control: the same changes where nothing is in their way.
    for (change, takes) in [
        (add(4, &["http://new", "http://gone"], false), 1),
        (update(2, &["http://b", "http://b2"]), 1),
        (Body::PromoteMember { id: 3 }, 0),
        (publish(4), 1),
        (Body::RemoveMember { id: 4 }, 1),
    ] {
        let (shown, before) = (format!("{change:?}"), store.etcd_index());
        assert_eq!(members.apply(&change), Ok(()), "{shown}");
        assert_eq!(body(&mut store, change).etcd_index, before + takes, "{shown}");
    }
    assert_eq!(store.members_table(), members);
    assert_eq!(members.voters().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(members.removed().collect::<Vec<_>>(), [4, 9]);
    assert!(members.is_removed(4) && members.get(4).is_none());
}

#[test]
fn a_cluster_keeps_a_voter() {
    let mut members = Members::default();
    for (id, is_learner) in [(1, false), (2, true)] {
        members.add(id, &urls(&[&format!("http://{id}")]), is_learner).expect("new");
    }
    assert_eq!(members.remove(1), Err(MembershipError::LastVoter));
    assert_eq!(MembershipError::LastVoter.code(), Code::DirNotEmpty);
    members.promote(2).expect("a learner");
    assert_eq!(members.remove(1).map(|member| member.id), Ok(1), "the control: another votes");
    assert_eq!(members.remove(2), Err(MembershipError::LastVoter));
}

#[test]
fn what_one_kind_of_change_may_meet_has_numbers_of_its_own() {
    use MembershipError::*;
    for met in [
        &[IdExists, IdRemoved, PeerUrlExists][..],
        &[IdRemoved, IdNotFound, LastVoter],
        &[IdRemoved, IdNotFound, PeerUrlExists],
        &[IdRemoved, IdNotFound, NotLearner],
    ] {
        let mut numbers: Vec<u16> = met.iter().map(|error| error.code().number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), met.len(), "{met:?}");
    }
}

#[test]
fn a_table_is_made_of_lists() {
    let one = MemberInfo { id: 7, name: "m".into(), ..MemberInfo::default() };
    let mut members = Members::new([one.clone()], [3]);
    assert_eq!(members.iter().collect::<Vec<_>>(), [&one]);
    assert_eq!(members.add(3, &[], false), Err(MembershipError::IdRemoved));
    assert_eq!(members.learners().count(), 0);
    let mut snapshot = Vec::new();
    let mut store = Store::new(StoreConfig::default());
    four().into_iter().for_each(|change| assert!(body(&mut store, change).outcome.is_ok()));
    store.view().write(&mut snapshot).expect("memory");
    let restored = Store::restore(StoreConfig::default(), &mut snapshot.as_slice()).expect("own");
    assert_eq!(restored.members_table(), store.members_table());
}

/// Every member of a new cluster begins its log with the same commands, which nobody has proposed.
#[test]
fn a_bootstrap_is_without_requests_and_time() {
    let bootstrap = || {
        let mut store = Store::new(StoreConfig::default());
        for id in 1..=3 {
            let command = command(0, add(id, &[&format!("http://{id}")], false));
            assert_eq!(command.request, RequestId::default());
            assert_eq!(store.apply(&command).etcd_index, id);
        }
        store
    };
    let (mut one, mut other) = (bootstrap(), bootstrap());
    assert_eq!(one.view().digest(), other.view().digest());
    assert_eq!((one.time_ns(), one.memory().request_ids), (0, 0));
    assert_eq!(one.members().len(), 3);
    // Cluster time begins with the first leader, and does not go back for a command without.
    let first = Command { request: RequestId::default(), time_ns: 50 * S, body: publish(1) };
    assert_eq!(one.apply(&first).etcd_index, 4);
    one.apply(&command(0, publish(2)));
    assert_eq!(one.time_ns(), 50 * S);
}

#[test]
fn a_repeated_change_has_its_first_outcome() {
    let mut store = fresh();
    let mut apply = |sequence, body| {
        let request = RequestId { member: 1, incarnation: 1, sequence };
        let applied = store.apply(&Command { request, time_ns: 1, body });
        (applied.repeated, applied.outcome.map(|_| ()).map_err(|error| error.code))
    };
    assert_eq!(apply(1, add(5, &["http://five"], false)), (false, Ok(())));
    assert_eq!(apply(2, Body::RemoveMember { id: 5 }), (false, Ok(())));
    // Proposed again by a member that did not hear of it: not "ID removed".
    assert_eq!(apply(1, add(5, &["http://five"], false)), (true, Ok(())));
    assert_eq!(apply(2, Body::RemoveMember { id: 5 }), (true, Ok(())));
    assert_eq!(apply(3, Body::RemoveMember { id: 5 }), (false, Err(Code::RootReadOnly)));
}

/// Consensus follows the members without the window, and must not come to another result.
#[test]
fn a_repeated_change_that_has_become_possible_is_made() {
    let mut store = fresh();
    let mut apply = |sequence, body| {
        let request = RequestId { member: 1, incarnation: 1, sequence };
        store
            .apply(&Command { request, time_ns: 1, body })
            .outcome
            .map(|_| ())
            .map_err(|error| error.code)
    };
    apply(1, add(5, &["http://five"], false)).expect("added");
    apply(2, add(6, &["http://five"], false)).expect_err("the URL is taken");
    apply(3, Body::RemoveMember { id: 5 }).expect("removed");
    apply(2, add(6, &["http://five"], false)).expect_err("the first outcome");
    assert!(store.members_table().get(6).is_some());
}

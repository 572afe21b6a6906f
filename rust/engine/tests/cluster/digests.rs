//! A member whose store has become another than that of the others stops and says so; the others go on.

use std::time::Duration;

use coreos_engine::{RealDisk, Status};
use coreos_store::{Body, Command, Op, RequestId, Store, StoreConfig, Write};
use coreos_wal::{DataDir, SnapshotMeta};

use crate::common::{read, set};
use crate::network::Cluster;

/// What becomes of a member's snapshot behind its back.
type Alter = fn(Vec<u8>) -> Vec<u8>;

const LONG: Duration = Duration::from_secs(5);

/// Stop a member, let its newest snapshot be that of an altered store, and start it again.
fn alter(cluster: &mut Cluster, at: usize, alter: Alter) {
    cluster.stop(at);
    let (meta, bytes) = cluster.nodes[at].member.with_store(|store, context| {
        let (term, index, cluster_time_ns) = (context.term, context.raft_index, store.time_ns());
        (SnapshotMeta { term, index, cluster_time_ns }, written(store))
    });
    let altered = alter(bytes);
    DataDir::new(RealDisk::new(false), &cluster.nodes[at].config.data_dir)
        .write_snapshot(meta, &mut |out| out.write_all(&altered))
        .expect("a snapshot");
    cluster.start(at);
}

fn written(store: &mut Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.view().write(&mut bytes).expect("a buffer takes all");
    bytes
}

fn restored(bytes: &[u8]) -> Store {
    Store::restore(StoreConfig::default(), &mut &bytes[..]).expect("a store")
}

/// `bytes` with all of `from` replaced by `to`, which is as long.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "it is there");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// As if the member had applied one command more, at the same time as the last one.
fn applied(bytes: &[u8], request: RequestId, body: Body) -> Store {
    let mut store = restored(bytes);
    let time_ns = store.time_ns();
    store.apply(&Command { request, time_ns, body });
    store
}

fn as_it_was(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn tree(bytes: Vec<u8>) -> Vec<u8> {
    replaced(bytes, b"honest", b"forged")
}

fn indexes(bytes: Vec<u8>) -> Vec<u8> {
    let before = restored(&bytes);
    let text = before.cluster_version().expect("a version").to_owned();
    // What says nothing new takes an index.
    let body = Body::ClusterVersion { text, shows_machine_keys: true };
    let mut after = applied(&bytes, RequestId::default(), body);
    assert!(after.etcd_index() > before.etcd_index());
    written(&mut after)
}

fn deadlines(bytes: Vec<u8>) -> Vec<u8> {
    let due_ns = restored(&bytes).next_deadline_ns().expect("a deadline");
    replaced(bytes, &due_ns.to_be_bytes(), &(due_ns + 1).to_be_bytes())
}

fn request_window(bytes: Vec<u8>) -> Vec<u8> {
    let before = restored(&bytes);
    let request = RequestId { member: 7, incarnation: 1, sequence: 1 };
    let fails = Write::new(Op::Update, "/not-there");
    let mut after = applied(&bytes, request, Body::Write(fails));
    assert_eq!(after.etcd_index(), before.etcd_index());
    written(&mut after)
}

fn new(count: usize) -> Cluster {
    let cluster = Cluster::new(count);
    let leader = cluster.leader();
    let node = &cluster.nodes[leader];
    let ttl_ns = Some(3_600_000_000_000);
    let writes = [set("/k", "honest"), Write { ttl_ns, ..set("/dies", "1") }];
    for (ticket, write) in (1..).zip(writes) {
        assert_eq!(node.member.propose_many(&mut vec![(write, ticket)]), []);
        node.inbox.outcome(ticket).outcome.expect("written");
    }
    cluster.wait("the version", |cluster| {
        cluster.nodes.iter().all(|node| node.member.status().cluster_version.is_some())
    });
    cluster.settle();
    cluster
}

/// Name a moment, as a leader does every ten minutes.
fn compare(cluster: &Cluster, by: usize) {
    cluster.nodes[by].member.execute(Body::Noop, LONG).expect("decided").outcome.expect("applied");
}

/// The same, and everybody hears everybody's digest. Gives how many different ones there are.
fn different(cluster: &Cluster) -> usize {
    let count = cluster.nodes.len();
    let before = cluster.nodes[0].member.status().raft_index;
    compare(cluster, 0);
    let mut of_one = Vec::new();
    cluster.wait("all digests", |cluster| {
        let mut heard = cluster.digests();
        heard.retain(|(index, _)| *index > before);
        let index = heard.iter().map(|(index, _)| *index).min();
        of_one = heard.into_iter().filter(|one| Some(one.0) == index).collect();
        of_one.len() == count * (count - 1)
    });
    of_one.sort();
    of_one.dedup();
    of_one.len()
}

fn has_stopped(state: &Status) -> bool {
    state.poisoned.is_some()
}

/// These members stop and say why, and the rest goes on.
fn stop_and_the_rest_goes_on(mut cluster: Cluster, minority: &[usize]) {
    let others: Vec<_> = (0..cluster.nodes.len()).filter(|at| !minority.contains(at)).collect();
    compare(&cluster, others[0]);
    for &at in minority {
        cluster.wait("it stops", |cluster| has_stopped(&cluster.nodes[at].member.status()));
        let why = cluster.nodes[at].member.status().poisoned.expect("just seen");
        let says = "the store of this member is not that of a majority of the cluster: remove the \
                    member, and add it again with an empty data directory";
        assert!(why.starts_with("after entry ") && why.ends_with(says), "{why}");
        let refused = cluster.nodes[at].member.propose_many(&mut vec![(set("/x", "1"), 99)]);
        assert_eq!(refused.len(), 1, "it takes nothing more");
        // Its process has ended by now.
        cluster.stop(at);
    }
    for &at in &others {
        cluster.write(at, &format!("/after-{at}"));
        assert!(!has_stopped(&cluster.nodes[at].member.status()));
    }
    compare(&cluster, others[0]);
    assert!(read(&cluster.nodes[others[0]].member, "/k").contains("honest"));
}

fn one_of_three(altered: Alter) {
    let mut cluster = new(3);
    let at = (cluster.leader() + 1) % 3;
    alter(&mut cluster, at, altered);
    stop_and_the_rest_goes_on(cluster, &[at]);
}

#[test]
fn who_has_another_value_stops() {
    one_of_three(tree);
}

#[test]
fn who_is_at_another_index_stops() {
    one_of_three(indexes);
}

#[test]
fn who_has_another_deadline_stops() {
    one_of_three(deadlines);
}

#[test]
fn who_has_seen_another_request_stops() {
    one_of_three(request_window);
}

#[test]
fn also_when_it_leads() {
    let mut cluster = new(3);
    let at = cluster.leader();
    alter(&mut cluster, at, tree);
    let third = (at + 1) % 3;
    cluster.settle();
    // Of two, the other one is who is handed over to.
    cluster.stop(third);
    cluster.lead(at);
    cluster.start(third);
    stop_and_the_rest_goes_on(cluster, &[at]);
}

#[test]
fn two_of_five_that_agree_with_each_other_stop() {
    let mut cluster = new(5);
    alter(&mut cluster, 1, tree);
    alter(&mut cluster, 3, tree);
    stop_and_the_rest_goes_on(cluster, &[1, 3]);
}

#[test]
fn without_a_majority_everybody_says_so_and_goes_on() {
    let mut cluster = new(2);
    alter(&mut cluster, 1, tree);
    assert_eq!(different(&cluster), 2);
    for (at, node) in cluster.nodes.iter().enumerate() {
        assert!(!has_stopped(&node.member.status()));
        let lines = node.member.take_log_lines();
        let says = |line: &String| line.contains("none is that of a majority of the cluster");
        assert!(lines.iter().any(says), "{lines:?}");
        cluster.write(at, &format!("/after-{at}"));
    }
}

/// The control: the same, with nothing altered.
#[test]
fn nobody_stops_who_has_the_same() {
    for count in [2, 3] {
        let mut cluster = new(count);
        alter(&mut cluster, 1, as_it_was);
        assert_eq!(different(&cluster), 1);
        for (at, node) in cluster.nodes.iter().enumerate() {
            cluster.write(at, &format!("/after-{at}"));
            assert!(!has_stopped(&node.member.status()));
            let lines = node.member.take_log_lines();
            assert!(!lines.iter().any(|line| line.contains("majority")), "{lines:?}");
        }
    }
}

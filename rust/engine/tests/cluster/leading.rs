//! One of several leads; all do what is asked of any.

use coreos_engine::Completion;
use coreos_store::Body;

use crate::common::{digest, read, set};
use crate::network::Cluster;

#[test]
fn what_is_written_anywhere_is_everywhere() {
    let cluster = Cluster::new(3);
    cluster.leader();
    for (n, node) in cluster.nodes.iter().enumerate() {
        let write = set(&format!("/from-{n}"), "1");
        assert!(node.member.propose_many(&mut vec![(write, 7)]).is_empty());
        node.inbox.outcome(7).outcome.expect("written");
    }
    cluster.settle();
    let expected = read(&cluster.nodes[0].member, "/");
    for node in &cluster.nodes {
        assert_eq!(read(&node.member, "/"), expected);
        assert_eq!(digest(&node.member), digest(&cluster.nodes[0].member));
        assert_eq!(node.member.members().len(), 3);
        assert!(node.member.members().iter().all(|one| !one.name.is_empty()), "all have published");
        assert_eq!(node.member.status().cluster_version.as_deref(), Some("0.2.0"));
    }
    // 3 added, 3 published, 1 version, 3 writes.
    assert_eq!(cluster.nodes[0].member.status().etcd_index, 10);
}

#[test]
fn the_others_go_on_without_a_leader_that_has_gone() {
    let mut cluster = Cluster::new(3);
    let first = cluster.leader();
    let other = (first + 1) % 3;
    cluster.stop(first);
    // It waits for the election.
    let (member, inbox) = (&cluster.nodes[other].member, &cluster.nodes[other].inbox);
    assert!(member.propose_many(&mut vec![(set("/after", "1"), 9)]).is_empty());
    inbox.outcome(9).outcome.expect("written");
    assert_ne!(cluster.leader(), first);
    cluster.start(first);
    cluster.settle();
    assert!(read(&cluster.nodes[first].member, "/").contains("/after"));
}

#[test]
fn a_write_that_a_lost_leader_had_is_proposed_again_and_applied_once() {
    let cluster = Cluster::new(3);
    let first = cluster.leader();
    let node = &cluster.nodes[first];
    cluster.isolate(first);
    assert!(node.member.propose_many(&mut vec![(set("/kept", "1"), 5)]).is_empty());
    cluster.wait("another leader", |cluster| {
        let others = cluster.nodes.iter().enumerate().filter(|(at, _)| *at != first);
        others.into_iter().any(|(_, node)| node.member.status().leader_id == node.id)
    });
    cluster.heal();
    let applied = node.inbox.outcome(5);
    applied.outcome.expect("written");
    cluster.settle();
    for node in &cluster.nodes {
        assert_eq!(digest(&node.member), digest(&cluster.nodes[0].member));
    }
}

#[test]
fn a_read_through_the_leader_sees_what_was_answered_before() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader();
    for round in 1..50_u64 {
        let (writer, reader) = (&cluster.nodes[leader], &cluster.nodes[(leader + 1) % 3]);
        assert!(
            writer
                .member
                .propose_many(&mut vec![(set("/k", &round.to_string()), round)])
                .is_empty()
        );
        writer.inbox.outcome(round).outcome.expect("written");
        reader.member.read_many(&mut vec![round]);
        reader.inbox.wait(|got| {
            let is_it = |one: &&Completion| matches!(one, Completion::Readable { ticket } if *ticket == round);
            got.iter().find(is_it).map(|_| ())
        });
        assert!(read(&reader.member, "/k").contains(&format!("\"{round}\"")), "round {round}");
    }
}

#[test]
fn a_member_is_removed_and_the_rest_goes_on() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader();
    let gone = cluster.nodes[(leader + 1) % 3].id;
    let body = Body::RemoveMember { id: gone };
    let timeout = std::time::Duration::from_secs(5);
    let applied =
        cluster.nodes[(leader + 2) % 3].member.execute(body.clone(), timeout).expect("decided");
    applied.outcome.expect("removed");
    let again = cluster.nodes[leader].member.execute(body, timeout).expect("decided");
    again.outcome.expect_err("it has left already");
    cluster.wait("it knows", |cluster| cluster.nodes[(leader + 1) % 3].member.status().is_removed);
    assert_eq!(cluster.nodes[leader].member.members().len(), 2);
}

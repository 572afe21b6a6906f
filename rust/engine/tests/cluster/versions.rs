//! Members of an older and of a newer program together: what the older ones do not know waits for them.

use std::time::Duration;

use coreos_engine::{AuthChange, Body, ErrorKind, NotExecuted, Refused};

use crate::common::digest;
use crate::network::Cluster;

const OLD: &str = "0.1.0";
const NEW: &str = "0.2.0";
const LONG: Duration = Duration::from_secs(5);

/// A command that 0.1 does not know.
fn new_role() -> Body {
    Body::Auth(AuthChange::CreateRole { name: "r".into(), read: None, write: None })
}

fn wait_for_version(cluster: &Cluster, version: &str) {
    cluster.wait(version, |cluster| {
        let spoken = |at: usize| cluster.nodes[at].member.status().cluster_version;
        (0..cluster.nodes.len()).all(|at| spoken(at).as_deref() == Some(version))
    });
}

/// Every member writes, and refuses what is too new.
fn only_old_commands_work(cluster: &Cluster) {
    for (at, node) in cluster.nodes.iter().enumerate() {
        cluster.write(at, &format!("/from-{at}"));
        let refused = node.member.execute(new_role(), LONG).expect_err("too new");
        assert_eq!(refused, NotExecuted::Refused(Refused::TooNew { version: NEW }));
        assert_eq!(refused.to_string(), "the cluster does not speak version 0.2.0 yet");
    }
    cluster.settle();
    for node in &cluster.nodes {
        assert_eq!(digest(&node.member), digest(&cluster.nodes[0].member));
        assert_eq!(node.member.status().cluster_version.as_deref(), Some(OLD));
        assert_eq!(node.member.status().poisoned, None);
    }
}

/// The member runs another program from now on.
fn replace(cluster: &mut Cluster, at: usize, speaks: &str) {
    cluster.stop(at);
    cluster.nodes[at].config.speaks = speaks.to_owned();
    cluster.start(at);
}

#[test]
fn the_oldest_decides_what_is_spoken_whoever_leads() {
    let cluster = Cluster::of(&[NEW, OLD, NEW]);
    wait_for_version(&cluster, OLD);
    only_old_commands_work(&cluster);
    // Leadership goes to whoever has most, and of equals to any: it is enough that it has been at both kinds.
    let mut led = [false; 2];
    cluster.wait("both kinds to have led", |cluster| {
        let leader = cluster.leader();
        only_old_commands_work(cluster);
        led[usize::from(cluster.nodes[leader].config.speaks == OLD)] = true;
        cluster.isolate(leader);
        cluster.wait("another leader", |cluster| {
            let others = cluster.nodes.iter().enumerate().filter(|(at, _)| *at != leader);
            others.into_iter().any(|(_, node)| node.member.status().leader_id == node.id)
        });
        cluster.heal();
        led == [true; 2]
    });
}

#[test]
fn once_the_last_old_one_is_replaced_everything_works_and_none_comes_back() {
    let mut cluster = Cluster::of(&[NEW, NEW, OLD]);
    wait_for_version(&cluster, OLD);
    only_old_commands_work(&cluster);
    replace(&mut cluster, 2, NEW);
    wait_for_version(&cluster, NEW);

    // An old one on the directory of a new one: although there is no command yet that it does not know.
    cluster.stop(2);
    cluster.nodes[2].config.speaks = OLD.to_owned();
    refused(
        &mut cluster,
        "the cluster speaks version 0.2.0, and this program only 0.1.0: run version 0.2.0",
    );

    let role = cluster.nodes[0].member.execute(new_role(), LONG).expect("decided");
    role.outcome.expect("made");
    cluster.write(1, "/two-of-three");
    refused(&mut cluster, "run version 0.2.0 or a newer one");

    // Nothing has been done to the directory.
    cluster.nodes[2].config.speaks = NEW.to_owned();
    cluster.start(2);
    cluster.settle();
    for node in &cluster.nodes {
        assert_eq!(digest(&node.member), digest(&cluster.nodes[0].member));
        assert_eq!(node.member.status().poisoned, None);
    }
}

fn refused(cluster: &mut Cluster, why: &str) {
    let error = cluster.try_start(2).expect_err("an old program");
    assert_eq!(error.kind, ErrorKind::Newer);
    assert!(error.to_string().contains(why), "{error}");
}

/// It has not heard that the cluster has gone on without it.
#[test]
fn an_old_one_that_comes_late_stops_before_what_it_does_not_know() {
    let mut cluster = Cluster::of(&[NEW, NEW, OLD]);
    wait_for_version(&cluster, OLD);
    only_old_commands_work(&cluster);
    cluster.stop(2);
    // The new program was there for a moment, on a copy of the directory.
    cluster.introduce_as(2, NEW);
    cluster.wait("the version", |cluster| {
        cluster.nodes[..2]
            .iter()
            .all(|node| node.member.status().cluster_version.as_deref() == Some(NEW))
    });
    cluster.nodes[0].member.execute(new_role(), LONG).expect("decided").outcome.expect("made");
    cluster.start(2);
    cluster.wait("it stops", |cluster| cluster.nodes[2].member.status().poisoned.is_some());
    let why = cluster.nodes[2].member.status().poisoned.expect("just seen");
    let says = "the cluster speaks version 0.2.0, and this program only 0.1.0: run version 0.2.0 or a newer one";
    assert_eq!(why, says);
    assert_eq!(
        cluster.nodes[2].member.status().cluster_version.as_deref(),
        Some(OLD),
        "not applied"
    );
    // Its process has ended by now; the others do not need it.
    cluster.stop(2);
    cluster.write(0, "/after-0");
    cluster.write(1, "/after-1");
    // The right program goes on with the same directory.
    replace(&mut cluster, 2, NEW);
    cluster.settle();
    assert_eq!(digest(&cluster.nodes[2].member), digest(&cluster.nodes[0].member));
}

/// The control: without an old one there is nothing to wait for.
#[test]
fn new_ones_alone_speak_the_newest() {
    let cluster = Cluster::of(&[NEW, NEW, NEW]);
    wait_for_version(&cluster, NEW);
    for node in &cluster.nodes[..1] {
        node.member.execute(new_role(), LONG).expect("decided").outcome.expect("made");
    }
}

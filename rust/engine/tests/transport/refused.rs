//! Who gets no link, and how it is told.

use std::io::{Read, Write};

use coreos_engine::transport::{Standing, TransportConfig};

use crate::rig::{Node, Told, config, listen};

#[test]
fn a_peer_of_another_cluster_is_refused_and_both_are_named() {
    let other = TransportConfig { cluster_id: 0xbbbb2, ..config(0xb) };
    let mine = TransportConfig { cluster_id: 0xaaaa1, ..config(0xa) };
    let (a, b) = (Node::with(mine, listen(0), false), Node::with(other, listen(0), false));
    a.transport.set_peers(vec![(b.id, vec![b.url()])]);
    a.inbox.logged(&["peer b", "refused", "aaaa1", "bbbb2", "412"]);
    b.inbox.logged(&["member a", "refused", "aaaa1", "bbbb2"]);
    assert_eq!(a.inbox.count(|told| matches!(told, Told::Connected(..))), 0);
    a.forward(b.id, "not there");
    a.inbox.expect(&Told::Unreachable(b.id));
    assert_eq!(b.inbox.count(|told| matches!(told, Told::Received(..))), 0);
}

/// A peer that refuses each attempt with the same words.
#[test]
fn a_refusal_is_logged_once() {
    let a = Node::start(0xa);
    let fake = listen(0);
    let url = format!("http://{}", fake.local_addr().expect("bound"));
    a.transport.set_peers(vec![(0xb, vec![url])]);
    for _ in 0..6 {
        let (mut caller, _) = fake.accept().expect("a call");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            caller.read_exact(&mut byte).expect("a hello");
            head.push(byte[0]);
        }
        caller
            .write_all(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nnot you\n")
            .expect("sent");
    }
    a.inbox.logged(&["not you", "403"]);
    assert_eq!(a.inbox.count(|told| matches!(told, Told::Log(_))), 0);
}

#[test]
fn one_that_was_removed_is_told_once() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    b.inbox.stands(a.id, Standing::Removed);
    a.transport.set_peers(vec![(b.id, vec![b.url()])]);
    let why = a.inbox.take("removed", |told| match told {
        Told::Removed(why) => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("member a was removed from cluster c1"), "{why}");
    // The other lane has been refused too by the time that it stands.
    b.inbox.stands(a.id, Standing::Member);
    a.inbox.connected(b.id);
    a.inbox.connected(b.id);
    assert_eq!(a.inbox.count(|told| matches!(told, Told::Removed(_))), 0);
}

#[test]
fn one_that_is_not_known_yet_is_linked_when_it_is() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    b.inbox.stands(a.id, Standing::Unknown);
    a.transport.set_peers(vec![(b.id, vec![b.url()])]);
    a.inbox.logged(&["no other member a is known", "403"]);
    b.inbox.stands(a.id, Standing::Member);
    a.inbox.connected(b.id);
    a.inbox.connected(b.id);
    a.forward(b.id, "known");
    assert_eq!(b.inbox.forwarded(), "known");
}

#[test]
fn the_url_of_another_member_is_noticed() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.transport.set_peers(vec![(0xd, vec![b.url()])]);
    a.inbox.logged(&["this is member b, not d", "421"]);
}

#[test]
fn what_is_no_member_is_noticed() {
    let a = Node::start(0xa);
    let fake = listen(0);
    let url = format!("http://{}", fake.local_addr().expect("bound"));
    a.transport.set_peers(vec![(0xb, vec![url])]);
    let (mut caller, _) = fake.accept().expect("a call");
    caller.write_all(b"220 mail.example ESMTP\r\n\r\n").expect("sent");
    a.inbox.logged(&["no member"]);
}

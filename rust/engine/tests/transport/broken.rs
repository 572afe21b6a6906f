//! Links that harm what they carry.

use coreos_engine::peers::Content;
use coreos_raft::{Message, Said};

use crate::proxy::{Harm, Proxy};
use crate::rig::{Node, Told};

fn through(a: &Node, b: &Node, harms: Vec<Harm>) -> Proxy {
    let proxy = Proxy::before(b.port, "/coreos/peer/bulk", harms);
    a.transport.set_peers(vec![(b.id, vec![proxy.url()])]);
    a.inbox.connected(b.id);
    a.inbox.connected(b.id);
    proxy
}

#[test]
fn an_altered_byte_ends_the_link_and_is_not_delivered() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    let _proxy = through(&a, &b, vec![Harm::Flip(b"this is altered")]);
    a.forward(b.id, "this is not");
    assert_eq!(
        b.inbox.forwarded(),
        "this is not",
        "control: the proxy passes on what it does not harm"
    );
    a.forward(b.id, "this is altered");
    b.inbox.logged(&["peer a", "checksum"]);
    a.inbox.expect(&Told::Unreachable(b.id));
    a.inbox.connected(b.id);
    a.forward(b.id, "this is altered");
    assert_eq!(b.inbox.forwarded(), "this is altered", "the next link does no harm");
    assert_eq!(b.inbox.count(|told| matches!(told, Told::Received(..))), 0);
}

#[test]
fn a_cut_link_is_made_again() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    let proxy = through(&a, &b, vec![Harm::Cut(100_000)]);
    a.forward(b.id, vec![0; 200_000]);
    a.inbox.expect(&Told::Unreachable(b.id));
    a.inbox.connected(b.id);
    a.forward(b.id, "whole");
    assert_eq!(b.inbox.forwarded(), "whole");
    assert_eq!(proxy.passed().len(), 2);
}

#[test]
fn a_message_of_another_member_ends_the_link() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    for (from, to, line) in [(0xd, 0xb, "from d to b"), (0xa, 0xd, "from a to d")] {
        let message = Message { from, to, term: 1, said: Said::TimeoutNow };
        a.transport.send(b.id, vec![Content::Raft(message)], 0);
        b.inbox.logged(&["peer a", line]);
        a.inbox.expect(&Told::Unreachable(b.id));
        a.inbox.connected(b.id);
    }
    a.beat(b.id, 1);
    assert_eq!(b.inbox.heartbeat(), 1);
    assert_eq!(b.inbox.count(|told| matches!(told, Told::Received(..))), 0);
}

#[test]
fn what_cannot_be_sent_is_told_and_the_rest_goes_on() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    let message = Message { from: a.id, to: b.id, term: 1, said: Said::NeedsSnapshot };
    a.transport.send(b.id, vec![Content::Raft(message)], 0);
    a.inbox.logged(&["not sent to peer b"]);
    a.inbox.expect(&Told::Unreachable(b.id));
    a.inbox.connected(b.id);
    a.forward(b.id, "next");
    assert_eq!(b.inbox.forwarded(), "next");
}

//! What is sent arrives: in order, by two lanes, without waiting for each other.

use bytes::Bytes;
use coreos_engine::peers::Content;
use coreos_engine::transport::{PeerVersions, TransportConfig};

use crate::rig::{Node, Told, config, heartbeat, listen};

#[test]
fn each_lane_is_in_order() {
    const COUNT: u64 = 2000;
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    for number in 1..=COUNT {
        let command = Bytes::copy_from_slice(&number.to_be_bytes());
        a.transport.send(
            b.id,
            vec![heartbeat(a.id, b.id, number), Content::Forward(vec![command])],
            7,
        );
    }
    for number in 1..=COUNT {
        assert_eq!(b.inbox.heartbeat(), number);
        assert_eq!(b.inbox.forwarded(), number.to_be_bytes()[..]);
    }
    assert_eq!(a.inbox.count(|told| matches!(told, Told::Unreachable(_))), 0);
}

#[test]
fn three_members_talk_to_each_other() {
    let nodes = [Node::start(1), Node::start(2), Node::start(3)];
    let all: Vec<_> = nodes.iter().map(|node| (node.id, vec![node.url()])).collect();
    for node in &nodes {
        node.transport.set_peers(all.iter().filter(|(id, _)| *id != node.id).cloned().collect());
    }
    let pairs = || {
        let pairs = nodes.iter().flat_map(|to| nodes.iter().map(move |from| (to, from)));
        pairs.filter(|(to, from)| to.id != from.id)
    };
    for (to, from) in pairs() {
        // Two lanes each way.
        for _ in 0..4 {
            let versions =
                PeerVersions { program: format!("0.{}.0", from.id), speaks: "0.2.0".into() };
            assert_eq!(to.inbox.connected(from.id), versions);
        }
    }
    for (to, from) in pairs() {
        from.beat(to.id, 100 + from.id);
        to.inbox.expect(&Told::Received(from.id, heartbeat(from.id, to.id, 100 + from.id)));
    }
}

/// The receiver does not read entries. Nothing urgent waits for them, what does not fit is dropped, and that is told
/// once, until there is room again.
#[test]
fn a_stalled_lane_delays_nobody_and_overflows() {
    const PIECE: usize = 1 << 20;
    const PIECES: u8 = 100;
    let small = TransportConfig { bulk_bytes_max: 4 << 20, ..config(0xa) };
    let (a, b) = (Node::with(small, listen(0), false), Node::start(0xb));
    a.link_to(&b);
    b.inbox.stall(true);
    // Far more than sockets and queue together can hold; by and by, so that sockets have time to grow.
    for number in 0..PIECES {
        a.forward(b.id, vec![number; PIECE]);
        a.beat(b.id, number.into());
        assert_eq!(b.inbox.heartbeat(), u64::from(number));
    }
    // The control: entries are stalled, while what is urgent is not.
    b.inbox.expect(&Told::Stalls);
    assert_eq!(b.inbox.count(|told| matches!(told, Told::Received(_, Content::Forward(_)))), 0);
    a.inbox.expect(&Told::Unreachable(b.id));

    b.inbox.stall(false);
    a.inbox.connected(b.id);
    a.forward(b.id, vec![PIECES]);
    let mut arrived = vec![b.inbox.forwarded()[0]];
    while arrived.last() != Some(&PIECES) {
        arrived.push(b.inbox.forwarded()[0]);
    }
    assert!(arrived.is_sorted() && arrived[0] == 0, "{arrived:?}");
    assert!(arrived.len() < 60, "less is kept than was sent: {arrived:?}");
    // Many were dropped at a time. Sockets that grew may have made room for more, but not for each.
    let told = a.inbox.count(|told| matches!(told, Told::Unreachable(_)));
    assert!(told < 10, "{told}");
}

#[test]
fn a_listener_that_comes_back_is_linked_again() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    let port = b.port;
    assert_eq!(b.transport.stop(), 0);
    for _ in 0..2 {
        a.inbox.expect(&Told::Unreachable(b.id));
    }
    a.inbox.expect(&Told::Gone(b.id));
    a.forward(b.id, "lost");
    drop(b);
    let b = Node::with(config(0xb), listen(port), false);
    a.inbox.connected(b.id);
    a.inbox.connected(b.id);
    a.forward(b.id, "not lost");
    assert_eq!(b.inbox.forwarded(), "not lost");
    assert_eq!(a.inbox.count(|told| *told == Told::Gone(b.id)), 0, "once for each end");
}

#[test]
fn of_several_urls_the_one_that_answers_is_used() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    let nobody = format!("http://127.0.0.1:{}", listen(0).local_addr().expect("bound").port());
    let urls = vec!["nonsense".into(), nobody, b.url()];
    a.transport.set_peers(vec![(b.id, urls)]);
    a.inbox.connected(b.id);
    a.inbox.logged(&["nonsense", "http://"]);
    a.inbox.logged(&["nobody listens there"]);
    assert_eq!(a.inbox.count(|told| *told == Told::Gone(b.id)), 0, "it never was there");
}

#[test]
fn who_is_no_peer_any_more_has_no_links() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    a.transport.set_peers(Vec::new());
    a.forward(b.id, "nobody");
    assert_eq!(a.inbox.count(|told| matches!(told, Told::Unreachable(_))), 0);
    // From the other side: links of those who are no peers are closed.
    a.link_to(&b);
    b.transport.set_peers(Vec::new());
    a.inbox.expect(&Told::Unreachable(b.id));
}

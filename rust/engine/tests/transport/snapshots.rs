//! Snapshots on streams of their own.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use coreos_engine::transport::{SnapshotSource, Standing, Timeouts, TransportConfig};
use coreos_engine::{RealDisk, SnapshotMeta};
use coreos_store::{Body, Command, Op, RequestId, Store, StoreConfig, StoreView, Write};
use coreos_wal::{DataDir, Identity, WalOptions};

use crate::proxy::{Harm, Proxy};
use crate::rig::{Node, Told, config, listen};

const TIME_NS: u64 = 77;
const MIB: usize = 1 << 20;

/// A state of a little more than three MiB.
fn view() -> StoreView {
    let mut store = Store::new(StoreConfig::default());
    for name in ["/a", "/b", "/c"] {
        let mut value: Vec<u8> = (0..MIB).map(|i| (i * 7 + i / 255) as u8).collect();
        value.extend(format!("end of {name}").bytes());
        let write = Write { value, ..Write::new(Op::Set, name) };
        let request = RequestId { member: 0, incarnation: 0, sequence: 0 };
        store.apply(&Command { request, time_ns: TIME_NS, body: Body::Write(write) });
    }
    store.view()
}

fn data() -> Vec<u8> {
    let mut data = Vec::new();
    view().write(&mut data).expect("memory");
    data
}

fn send(from: &Node, to: &Node, index: u64) {
    from.transport.send_snapshot(to.id, SnapshotSource { term: 3, index, view: view() });
}

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta { term: 3, index, cluster_time_ns: TIME_NS }
}

#[test]
fn a_snapshot_arrives_whole_while_others_talk() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    b.inbox.stall(true);
    a.forward(b.id, "stalled");
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(9)));
    let shelf = b.inbox.shelf.lock();
    assert!(shelf.data == data());
    assert_eq!((shelf.offered, shelf.finished), (1, Some(meta(9))));
    drop(shelf);
    b.inbox.stall(false);
    assert_eq!(b.inbox.forwarded(), "stalled");
    send(&a, &b, 12);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(12)));
}

#[test]
fn a_cut_stream_goes_on_where_it_ended() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    let harms = vec![Harm::Cut(2 * MIB), Harm::Cut(MIB / 2)];
    let proxy = Proxy::before(b.port, "/coreos/peer/snapshot", harms);
    a.transport.set_peers(vec![(b.id, vec![proxy.url()])]);
    a.inbox.connected(b.id);
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(9)));
    let shelf = b.inbox.shelf.lock();
    assert!(shelf.data == data());
    assert_eq!((shelf.offered, shelf.finished), (1, Some(meta(9))));
    // What had come before each cut was not sent again, but for a chunk in the middle and what the cut took.
    let passed = proxy.passed();
    assert_eq!(passed.len(), 3);
    assert!(passed[1] + passed[2] < data().len() - MIB, "{passed:?} of {}", data().len());
}

/// The receiver has not heard that a stream has ended, and its sender begins another one.
#[test]
fn a_stream_that_was_lost_without_a_word_is_replaced() {
    let hasty = Timeouts { hello: Duration::from_secs(2), ..config(0xb).timeouts };
    let b = Node::with(TransportConfig { timeouts: hasty, ..config(0xb) }, listen(0), false);
    let a = Node::start(0xa);
    let mut silent = TcpStream::connect(("127.0.0.1", b.port)).expect("connected");
    let hello = "GET /coreos/peer/snapshot HTTP/1.1\r\nHost: x\r\nUpgrade: coreos-peer/1\r\n\
                 X-Coreos-Cluster-Id: c1\r\nX-Coreos-From: a\r\nX-Coreos-To: b\r\n\
                 X-Coreos-Version: 1\r\nX-Coreos-Speaks: 1\r\nX-Coreos-Snapshot: 3 9 4d\r\n\r\n";
    silent.write_all(hello.as_bytes()).expect("sent");
    let mut start = [0; 12];
    silent.read_exact(&mut start).expect("a reply");
    assert_eq!(&start, b"HTTP/1.1 101");
    a.link_to(&b);
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(9)));
    silent.read_to_end(&mut Vec::new()).expect("closed by the receiver");
    let shelf = b.inbox.shelf.lock();
    assert!(shelf.data == data());
    assert_eq!(shelf.offered, 1, "it is the same snapshot");
}

#[test]
fn an_altered_chunk_is_sent_again() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    let harms = vec![Harm::Flip(b"end of /b")];
    let proxy = Proxy::before(b.port, "/coreos/peer/snapshot", harms);
    a.transport.set_peers(vec![(b.id, vec![proxy.url()])]);
    a.inbox.connected(b.id);
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(9)));
    a.inbox.logged(&["peer b", "stream of a snapshot broke"]);
    assert_eq!(proxy.passed().len(), 2, "the first stream was not harmed");
    assert!(b.inbox.shelf.lock().data == data());
}

#[test]
fn another_snapshot_begins_from_nothing() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    // Less than all of it, with all attempts together.
    let proxy = Proxy::before(b.port, "/coreos/peer/snapshot", vec![Harm::Cut(400_000); 6]);
    a.transport.set_peers(vec![(b.id, vec![proxy.url()])]);
    a.inbox.connected(b.id);
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, None));
    assert_eq!(proxy.passed().len(), 6);
    assert!(!b.inbox.shelf.lock().data.is_empty());
    a.transport.set_peers(vec![(b.id, vec![b.url()])]);
    send(&a, &b, 10);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(10)));
    let shelf = b.inbox.shelf.lock();
    assert!(shelf.data == data(), "nothing of the one before");
    assert_eq!((shelf.offered, shelf.finished), (2, Some(meta(10))));
}

#[test]
fn one_that_is_refused_is_said_to_have_failed() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    a.link_to(&b);
    b.inbox.shelf.lock().is_closed = true;
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, None));
    a.inbox.logged(&["of no use", "409"]);
    {
        let mut shelf = b.inbox.shelf.lock();
        shelf.is_closed = false;
        shelf.fails = Some("the disk is full".into());
    }
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, None));
    a.inbox.logged(&["the disk is full"]);
    b.inbox.logged(&["peer a", "the disk is full"]);
    b.inbox.shelf.lock().fails = None;
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(9)));
}

#[test]
fn to_nobody_and_to_one_who_left_it_ends() {
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, None));
    b.inbox.stands(a.id, Standing::Unknown);
    a.transport.set_peers(vec![(b.id, vec![b.url()])]);
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, None));
    assert_eq!(b.inbox.shelf.lock().offered, 0);
}

/// With a data directory behind it, the snapshot becomes a file that can be read.
#[test]
fn it_becomes_a_file_of_the_receiver() {
    let place = tempfile::tempdir().expect("a directory");
    let identity =
        Identity { cluster_id: 0xc1, member_id: 0xb, token: "t".into(), name: "b".into() };
    let dir = DataDir::new(RealDisk::new(true), &place.path().join("b"));
    let options = WalOptions { segment_bytes: 1 << 20, nonce_seed: None };
    dir.create(&identity, &options).map(drop).expect("created");
    let (a, b) = (Node::start(0xa), Node::start(0xb));
    b.inbox.shelf.lock().dir = Some(dir.clone());
    let proxy = Proxy::before(b.port, "/coreos/peer/snapshot", vec![Harm::Cut(MIB)]);
    a.transport.set_peers(vec![(b.id, vec![proxy.url()])]);
    a.inbox.connected(b.id);
    send(&a, &b, 9);
    a.inbox.expect(&Told::SnapshotEnded(b.id, Some(9)));
    assert_eq!(proxy.passed().len(), 2);
    let file = dir.snapshots().expect("listed").remove(0);
    let mut reader = dir.open_snapshot(&file).expect("opened");
    let restored = Store::restore(StoreConfig::default(), &mut reader as &mut dyn Read);
    assert_eq!(
        restored.map_err(|error| error.to_string()).expect("restored").view().digest(),
        view().digest()
    );
}

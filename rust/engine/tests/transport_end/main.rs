//! The end of a transport, in a process of its own, where threads can be counted.

#[path = "../transport/rig.rs"]
mod rig;

use std::fs;
use std::time::Duration;

use coreos_engine::transport::{Timeouts, TransportConfig};
use rig::{Node, config, listen};

/// Names of the threads that belong to transports.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("tasks");
    let name = |task: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.starts_with("peer-")).collect()
}

/// Linked to one that reads, to one that does not, to one that is not there, and to one that takes a connection and
/// never answers.
#[test]
fn nothing_is_left() {
    let stop = Duration::from_secs(60);
    let small = TransportConfig {
        bulk_bytes_max: 1 << 20,
        timeouts: Timeouts { stop, ..config(0xa).timeouts },
        ..config(0xa)
    };
    let a = Node::with(small, listen(0), false);
    let reads = Node::start(0xb);
    let hasty = Timeouts { stop: Duration::from_secs(1), ..config(0xc).timeouts };
    let stalls = Node::with(TransportConfig { timeouts: hasty, ..config(0xc) }, listen(0), false);
    let silent = listen(0);
    let silent_url = format!("http://{}", silent.local_addr().expect("bound"));
    let nobody = format!("http://{}", listen(0).local_addr().expect("bound"));
    a.transport.set_peers(vec![
        (reads.id, vec![reads.url()]),
        (stalls.id, vec![stalls.url()]),
        (0xd, vec![nobody]),
        (0xe, vec![silent_url]),
    ]);
    reads.transport.set_peers(vec![(a.id, vec![a.url()])]);
    for (node, peer) in [(&a, reads.id), (&a, stalls.id), (&reads, a.id)] {
        node.inbox.connected(peer);
        node.inbox.connected(peer);
    }
    silent.accept().expect("a call");
    stalls.inbox.stall(true);
    while a.inbox.count(|told| *told == rig::Told::Unreachable(stalls.id)) == 0 {
        a.forward(stalls.id, vec![0; 1 << 20]);
    }
    stalls.inbox.expect(&rig::Told::Stalls);
    assert!(threads().len() > 12, "{:?}", threads());
    assert_eq!(a.transport.stop(), 0);
    // One of its own is in the member's hands: the control of the count.
    let slow = stalls.transport.stop();
    stalls.inbox.stall(false);
    assert_eq!(slow, 1);
    assert_eq!(reads.transport.stop(), 0);
    drop((a, reads, stalls));
    // A thread counts as ended a moment before the system has taken it off its list.
    let until = std::time::Instant::now() + rig::DEADLINE;
    while !threads().is_empty() {
        assert!(std::time::Instant::now() < until, "left: {:?}", threads());
        std::thread::yield_now();
    }
}

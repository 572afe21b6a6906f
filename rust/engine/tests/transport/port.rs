//! The peer port for tools: as etcd's peers answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use coreos_engine::transport::{Timeouts, TransportConfig, VersionTexts};
use coreos_store::MemberInfo;

use crate::rig::{Node, config, listen};

fn node() -> Node {
    let texts = VersionTexts {
        server: "2.3.8".into(),
        cluster: "2.3.0".into(),
        program: Some("0.2.0".into()),
    };
    Node::with(TransportConfig { texts, ..config(0xa) }, listen(0), false)
}

/// Everything that comes back.
fn ask(node: &Node, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).expect("connected");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    reply
}

fn get(node: &Node, path: &str) -> String {
    ask(node, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

#[test]
fn members_and_version() {
    let node = node();
    *node.inbox.members.lock() = vec![
        MemberInfo {
            id: 10,
            name: "a<b".into(),
            peer_urls: vec!["http://h:1".into(), "http://i:2".into()],
            client_urls: vec!["http://h:3".into()],
            is_learner: false,
        },
        MemberInfo { id: u64::MAX, ..MemberInfo::default() },
    ];
    let body = "[{\"id\":10,\"peerURLs\":[\"http://h:1\",\"http://i:2\"],\"name\":\"a\\u003cb\",\
                \"clientURLs\":[\"http://h:3\"]},\
                {\"id\":18446744073709551615,\"peerURLs\":[],\"name\":\"\",\"clientURLs\":[]}]\n";
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: c1\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(get(&node, "/members"), expected);
    assert_eq!(get(&node, "/members?x=1"), expected);
    let version = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 70\r\n\
                   Connection: close\r\n\r\n\
                   {\"etcdserver\":\"2.3.8\",\"etcdcluster\":\"not_decided\",\"coreos_py\":\"0.2.0\"}";
    assert_eq!(get(&node, "/version"), version);
    *node.inbox.cluster_version.lock() = Some("0.2.0".into());
    assert!(get(&node, "/version").contains("\"etcdcluster\":\"2.3.0\""));
}

#[test]
fn what_is_not_there_and_what_is_no_request() {
    let node = node();
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n\
                     Content-Length: 19\r\nConnection: close\r\n\r\n404 page not found\n";
    assert_eq!(get(&node, "/v2/keys"), not_found);
    let not_allowed = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n\
                       Content-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n\
                       Connection: close\r\n\r\nMethod Not Allowed\n";
    assert_eq!(
        ask(&node, "POST /members HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"),
        not_allowed
    );
    let bad = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for request in ["nonsense\r\n\r\n", "GET /members\r\n\r\n", "GET /members HTTP/1.1 x\r\n\r\n"] {
        assert_eq!(ask(&node, request), bad);
    }
    let long = format!("GET /members HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(16 << 10));
    assert!(ask(&node, &long).starts_with("HTTP/1.1 431 "));
    // One request for each connection.
    let two = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    assert_eq!(ask(&node, &two).matches("HTTP/1.1").count(), 1);
}

#[test]
fn hellos_that_are_wrong() {
    let node = node();
    let hello = |path: &str, upgrade: &str, more: &str| {
        ask(&node, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: {upgrade}\r\n{more}\r\n"))
    };
    let reply = hello("/coreos/peer/bulk", "coreos-peer/2", "");
    assert!(
        reply.starts_with("HTTP/1.1 426 ") && reply.contains("Upgrade: coreos-peer/1\r\n"),
        "{reply}"
    );
    let reply = hello("/coreos/peer/bulk", "coreos-peer/1", "");
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains("X-Coreos-Cluster-Id"), "{reply}");
    assert!(hello("/coreos/peer/other", "coreos-peer/1", "").starts_with("HTTP/1.1 404 "));
    let all = "X-Coreos-Cluster-Id: c1\r\nX-Coreos-From: b\r\nX-Coreos-To: a\r\n\
               X-Coreos-Version: 1\r\nX-Coreos-Speaks: 1\r\n";
    let reply = hello("/coreos/peer/bulk", "coreos-peer/1", &format!("{all}\r\nearly"));
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains("too early"), "{reply}");
    assert!(hello("/coreos/peer/snapshot", "coreos-peer/1", all).contains("X-Coreos-Snapshot"));
    // The control: with nothing wrong it is a link.
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).expect("connected");
    let hello =
        format!("GET /coreos/peer/fast HTTP/1.1\r\nHost: x\r\nUpgrade: coreos-peer/1\r\n{all}\r\n");
    stream.write_all(hello.as_bytes()).expect("sent");
    node.inbox.connected(0xb);
    let mut start = [0; 12];
    stream.read_exact(&mut start).expect("a reply");
    assert_eq!(&start, b"HTTP/1.1 101");
}

#[test]
fn those_who_say_nothing_are_closed_and_keep_nobody_out() {
    let hasty = Timeouts { hello: Duration::from_millis(200), ..Timeouts::default() };
    let node = Node::with(TransportConfig { timeouts: hasty, ..config(0xa) }, listen(0), false);
    let connect = || TcpStream::connect(("127.0.0.1", node.port)).expect("connected");
    let mut silent: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    assert!(get(&node, "/version").starts_with("HTTP/1.1 200 "));
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0; 16]).expect("closed in order"), 0);
    }
}

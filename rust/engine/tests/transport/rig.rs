//! Members without anything in them but their links.
#![allow(dead_code)] // Each test program uses its part.

#[path = "recorder.rs"]
mod recorder;
#[path = "shelf.rs"]
mod shelf;

use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use coreos_engine::peers::Content;
use coreos_engine::transport::{PeerListener, PeerVersions, Timeouts, Transport, TransportConfig};
use coreos_raft::{Message, Said};

pub use recorder::{DEADLINE, Recorder, Told};

pub const CLUSTER: u64 = 0xc1;

pub struct Node {
    pub id: u64,
    pub port: u16,
    pub inbox: Arc<Recorder>,
    pub transport: Transport,
}

/// Settings of a test: nothing is given up because the machine is slow.
pub fn config(id: u64) -> TransportConfig {
    let patient =
        Timeouts { dead: DEADLINE, hello: DEADLINE, connect: DEADLINE, ..Timeouts::default() };
    let versions = PeerVersions { program: format!("0.{id}.0"), speaks: "0.2.0".into() };
    TransportConfig { versions, timeouts: patient, ..TransportConfig::new(CLUSTER, id) }
}

pub fn listen(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).expect("a free port")
}

impl Node {
    pub fn start(id: u64) -> Self {
        Self::with(config(id), listen(0), false)
    }

    pub fn with(mut config: TransportConfig, socket: TcpListener, has_tls: bool) -> Self {
        let (id, port) = (config.member_id, socket.local_addr().expect("bound").port());
        config.listeners.push(PeerListener { socket, has_tls });
        let inbox = Arc::new(Recorder::default());
        let transport = Transport::start(config, inbox.clone()).expect("started");
        Self { id, port, inbox, transport }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Call nobody but this peer, and wait until both of its lanes stand.
    pub fn link_to(&self, peer: &Self) {
        self.transport.set_peers(vec![(peer.id, vec![peer.url()])]);
        peer.inbox.connected(self.id);
        peer.inbox.connected(self.id);
        self.inbox.connected(peer.id);
        self.inbox.connected(peer.id);
    }

    pub fn forward(&self, to: u64, command: impl Into<Bytes>) {
        self.transport.send(to, vec![Content::Forward(vec![command.into()])], 0);
    }

    pub fn beat(&self, to: u64, commit: u64) {
        self.transport.send(to, vec![heartbeat(self.id, to, commit)], 0);
    }
}

pub fn heartbeat(from: u64, to: u64, commit: u64) -> Content {
    Content::Raft(Message { from, to, term: 1, said: Said::Heartbeat { commit, round: 0 } })
}

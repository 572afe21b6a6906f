//! Links between members: sockets and threads. What goes over them is [`crate::peers`]; the member knows what it means.
//!
//! Each member calls every other. A link is a TCP connection that is used one way: the one who calls writes. Each peer
//! has two, so that nothing urgent waits behind entries, each with a bounded queue and a thread of its own: a peer that
//! is slow, hangs or is dead delays nobody but itself. A snapshot goes by a connection and a thread of its own.
//!
//! Threads: `peer-accept` for each listener, `peer-in` for each connection from elsewhere, two `peer-out` for each
//! peer, `peer-snap` while a snapshot is sent, `peer-news`, which tells the member what has become of its links.

mod accept;
mod answers;
mod backoff;
mod chunks;
mod common_name;
mod config;
mod dial;
mod door;
mod hello;
mod inbox;
mod lane;
mod lines;
mod link_in;
mod link_out;
mod liveness;
mod news;
mod peer;
mod set_peers;
mod shared;
mod snapshot_in;
mod snapshot_out;
mod sockets;
mod stream;
mod threads;
mod tls;
mod url;
mod waker;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::peers::Content;
use news::News;
use peer::Peer;
use shared::Shared;
use waker::Waker;

pub use config::{PeerListener, PeerTls, Timeouts, TransportConfig, VersionTexts};
pub use inbox::{Inbox, PeerVersions, SnapshotSink, SnapshotSource, Standing};

/// The links of one member. Ends them when dropped.
pub struct Transport {
    shared: Arc<Shared>,
    peers: RwLock<BTreeMap<u64, Arc<Peer>>>,
    bytes_max: (usize, usize),
    acceptors: Vec<Arc<Waker>>,
    is_stopped: AtomicBool,
}

impl Transport {
    /// Begin to take connections; there are no peers yet.
    ///
    /// # Errors
    /// In one line: which certificate cannot be used, or what the system refuses.
    pub fn start(config: TransportConfig, inbox: Arc<dyn Inbox>) -> Result<Self, String> {
        let (desk, news) = news::desk();
        let shared = Arc::new(Shared::new(&config, inbox.clone(), desk)?);
        let bytes_max = peer::bytes_max(&config);
        let mut transport = Self {
            shared,
            peers: RwLock::default(),
            bytes_max,
            acceptors: Vec::new(),
            is_stopped: AtomicBool::new(false),
        };
        let refused = |error: io::Error| format!("the peer port cannot be opened: {error}");
        transport
            .shared
            .threads
            .start("peer-news", move || news::tell(&news, inbox.as_ref()))
            .map_err(refused)?;
        for listener in config.listeners {
            if listener.has_tls && transport.shared.tls.is_none() {
                return Err("a peer port with https needs a certificate (--peer-cert-file)".into());
            }
            transport.accept(listener).map_err(refused)?;
        }
        Ok(transport)
    }

    fn accept(&mut self, listener: PeerListener) -> io::Result<()> {
        listener.socket.set_nonblocking(true)?;
        let waker = Arc::new(Waker::new()?);
        self.acceptors.push(waker.clone());
        let shared = self.shared.clone();
        self.shared.threads.start("peer-accept", move || accept::run(&shared, &listener, &waker))
    }

    /// Send contents to a peer, in order for each of its lanes. Never waits: what there is no link or no room for is
    /// lost, and [`Inbox::unreachable`] says so. No single content may be longer than a frame's payload.
    /// To who is no peer nothing is sent, and nothing is told.
    pub fn send(&self, to: u64, contents: Vec<Content>, time_ns: u64) {
        let Some(peer) = self.peers.read().get(&to).cloned() else { return };
        let (urgent, rest): (Vec<_>, Vec<_>) = contents.into_iter().partition(Content::is_urgent);
        let mut is_known = true;
        for (lane, contents) in [(&peer.fast, urgent), (&peer.bulk, rest)] {
            if !contents.is_empty() {
                is_known &= lane.push(contents, time_ns);
            }
        }
        if !is_known {
            peer.lost(&self.shared);
        }
    }

    /// Send a snapshot to a peer. [`Inbox::snapshot_ended`] tells how it went. While one is being sent to that peer,
    /// another one is dropped: the end of the first is that of both.
    pub fn send_snapshot(&self, to: u64, source: SnapshotSource) {
        let peer = self.peers.read().get(&to).cloned();
        let Some(peer) = peer else { return self.shared.tell(News::SnapshotEnded(to, None)) };
        if peer.is_sending_snapshot.swap(true, Ordering::AcqRel) {
            return;
        }
        let (shared, on_thread) = (self.shared.clone(), peer.clone());
        let run = move || {
            let installed = snapshot_out::run(&shared, &on_thread, &source);
            on_thread.snapshot_is_over();
            shared.tell(News::SnapshotEnded(to, installed));
        };
        if let Err(error) = self.shared.threads.start("peer-snap", run) {
            self.shared.inbox.log(&format!("a snapshot cannot be sent to peer {to:x}: {error}"));
            peer.snapshot_is_over();
            self.shared.tell(News::SnapshotEnded(to, None));
        }
    }

    /// End all links and threads, also those that wait for a peer. Waits for them, but not for ever: one that is in the
    /// look-up of a name ends later. How many have not ended yet.
    pub fn stop(&self) -> usize {
        self.acceptors.iter().for_each(|waker| waker.end());
        self.shared.places.call();
        self.is_stopped.store(true, Ordering::Release);
        self.set_peers(Vec::new());
        self.shared.sockets.close_all();
        self.shared.tell(News::End);
        let left = self.shared.threads.wait(self.shared.timeouts.stop);
        // A snapshot that came in part is thrown away, now that nobody holds it.
        self.set_peers(Vec::new());
        left
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.stop();
    }
}

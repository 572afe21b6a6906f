//! Links between members: sockets and threads. What goes over them is [`crate::peers`]; what it means, the member knows.
//!
//! Each member calls every other. A link is a TCP connection that is used one way: the one who calls writes. Each peer
//! has two, so that nothing urgent waits behind entries, each with a bounded queue and a thread of its own: a peer that
//! is slow, hangs or is dead delays nobody but itself. A snapshot goes by a connection and a thread of its own.
//!
//! Threads: `peer-accept` for each listener, `peer-in` for each connection from elsewhere, two `peer-out` for each peer,
//! `peer-snap` while a snapshot is sent, `peer-news`, which tells the member what has become of its links.

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
mod news;
mod peer;
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
use hello::Purpose;
use news::News;
use peer::Peer;
use shared::Shared;
use sockets::Use;
use url::PeerUrl;
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

    /// Who the peers are, with the URLs of each. Links from and to others are closed.
    pub fn set_peers(&self, mut wanted: Vec<(u64, Vec<String>)>) {
        let mut peers = self.peers.write();
        if self.is_stopped.load(Ordering::Acquire) {
            wanted.clear();
        }
        let is_wanted = |id: u64| wanted.iter().any(|(wanted, _)| *wanted == id);
        peers.retain(|id, peer| {
            let stays = is_wanted(*id);
            if !stays {
                peer.end(&self.shared);
            }
            stays
        });
        self.shared.sockets.close(|used| matches!(used, Use::From(id, _) if !is_wanted(id)));
        if let Some(mut partial) = self.shared.partial.try_lock()
            && partial.as_ref().is_some_and(|partial| !is_wanted(partial.from))
        {
            *partial = None;
        }
        for (id, urls) in &wanted {
            let urls = self.parsed(urls);
            match peers.get(id) {
                Some(peer) => peer.set_urls(urls),
                None => match self.begin(*id, urls) {
                    Ok(peer) => _ = peers.insert(*id, peer),
                    Err(error) => {
                        self.shared.inbox.log(&format!("there is no link to peer {id:x}: {error}"));
                    }
                },
            }
        }
    }

    fn parsed(&self, urls: &[String]) -> Vec<PeerUrl> {
        let parse = |text: &String| match PeerUrl::parse(text) {
            Ok(url) => Some(url),
            Err(why) => {
                self.shared.log_once(&why);
                None
            }
        };
        urls.iter().filter_map(parse).collect()
    }

    /// Start the threads that write to a peer.
    fn begin(&self, id: u64, urls: Vec<PeerUrl>) -> io::Result<Arc<Peer>> {
        let peer = Peer::new(id, urls, self.bytes_max)?;
        for purpose in [Purpose::Fast, Purpose::Bulk] {
            let (shared, on_thread) = (self.shared.clone(), peer.clone());
            let run = move || {
                let lane = if purpose == Purpose::Bulk { &on_thread.bulk } else { &on_thread.fast };
                link_out::run(&shared, &on_thread, lane, purpose);
            };
            self.shared.threads.start("peer-out", run).inspect_err(|_| peer.end(&self.shared))?;
        }
        Ok(peer)
    }

    /// Send contents to a peer, in order for each of its lanes. Never waits: what there is no link or no room for is
    /// lost, and [`Inbox::unreachable`] says so.
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

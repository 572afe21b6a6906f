//! Who is to be linked, and who is not any more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::hello::Purpose;
use super::peer::Peer;
use super::sockets::Use;
use super::url::PeerUrl;
use super::{Transport, link_out};

impl Transport {
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
}

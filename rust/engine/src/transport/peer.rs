//! One peer: where it is, and what is on its way to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::config::TransportConfig;
use super::lane::Lane;
use super::lines::Lines;
use super::news::News;
use super::shared::Shared;
use super::sockets::Use;
use super::url::PeerUrl;
use super::waker::Waker;

pub(super) struct Peer {
    pub id: u64,
    pub bulk: Lane,
    pub fast: Lane,
    /// Ends the stream of a snapshot.
    pub snapshot: Waker,
    pub is_sending_snapshot: AtomicBool,
    /// Said since a link stands, or in vain.
    pub lines: Lines,
    urls: Mutex<Vec<PeerUrl>>,
    links: Mutex<Links>,
}

/// What is known of the links to it.
#[derive(Debug, Default)]
struct Links {
    up: usize,
    /// At least one stood, and its end has not been explained yet.
    may_be_gone: bool,
    /// A removed id never comes back: nothing changes that.
    is_removed: bool,
}

impl Peer {
    pub fn new(id: u64, urls: Vec<PeerUrl>, bytes_max: (usize, usize)) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            id,
            bulk: Lane::new(bytes_max.0)?,
            fast: Lane::new(bytes_max.1)?,
            snapshot: Waker::new()?,
            is_sending_snapshot: AtomicBool::new(false),
            lines: Lines::default(),
            urls: Mutex::new(urls),
            links: Mutex::default(),
        }))
    }

    pub fn set_urls(&self, urls: Vec<PeerUrl>) {
        *self.urls.lock() = urls;
    }

    /// Which URL is to be tried in the given turn, and how many there are.
    pub fn url(&self, turn: usize) -> Option<(PeerUrl, usize)> {
        let urls = self.urls.lock();
        let count = urls.len();
        (count > 0).then(|| (urls[turn % count].clone(), count))
    }

    /// A link to it stands.
    pub fn is_up(&self) {
        let mut links = self.links.lock();
        links.up += 1;
        links.may_be_gone = true;
        drop(links);
        self.lines.forget();
    }

    /// It does not stand any more.
    pub fn is_down(&self) {
        self.links.lock().up -= 1;
    }

    /// Connections to all of its URLs are refused. Whether that is news.
    pub fn is_gone(&self) -> bool {
        let mut links = self.links.lock();
        links.up == 0 && std::mem::take(&mut links.may_be_gone)
    }

    /// It says that this member was removed. Whether that is news.
    pub fn says_removed(&self) -> bool {
        !std::mem::replace(&mut self.links.lock().is_removed, true)
    }

    /// Something in one of its lanes was lost, and nobody has been told.
    pub fn lost(&self, shared: &Shared) {
        shared.tell(News::Unreachable(self.id));
    }

    /// Have all threads that deal with it end.
    pub fn end(&self, shared: &Shared) {
        for waker in [&self.bulk.waker, &self.fast.waker, &self.snapshot] {
            waker.end();
        }
        shared.sockets.close(|used| used == Use::To(self.id));
    }

    pub fn log_once(&self, shared: &Shared, url: &PeerUrl, what: &str) {
        let line = format!("peer {:x} at {url}: {what}", self.id);
        if self.lines.is_new(&line) {
            shared.inbox.log(&line);
        }
    }

    pub fn snapshot_is_over(&self) {
        self.is_sending_snapshot.store(false, Ordering::Release);
    }
}

/// Bytes that may wait in the lanes of a peer: bulk and fast.
pub(super) fn bytes_max(config: &TransportConfig) -> (usize, usize) {
    (config.bulk_bytes_max, config.fast_bytes_max)
}

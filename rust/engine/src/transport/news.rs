//! What the member is told of its links, in order, by one thread.
//!
//! Whoever sends may hold the member's locks, so that nothing may be told from there.

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::inbox::{Inbox, PeerVersions};

/// One thing to tell. There are never more of them than lanes have ended, begun or overflown: few.
#[derive(Debug)]
pub(super) enum News {
    Connected(u64, PeerVersions),
    Unreachable(u64),
    Gone(u64),
    SnapshotEnded(u64, Option<u64>),
    /// There will be no more.
    End,
}

/// Where they are put.
pub(super) type Desk = Sender<News>;

pub(super) fn desk() -> (Desk, Receiver<News>) {
    unbounded()
}

/// Tell all of them until the end.
pub(super) fn tell(news: &Receiver<News>, inbox: &dyn Inbox) {
    for one in news {
        match one {
            News::Connected(peer, versions) => inbox.connected(peer, versions),
            News::Unreachable(peer) => inbox.unreachable(peer),
            News::Gone(peer) => inbox.gone(peer),
            News::SnapshotEnded(peer, installed) => inbox.snapshot_ended(peer, installed),
            News::End => return,
        }
    }
}

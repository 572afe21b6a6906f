//! A member's way to the others, and what it asks of it. The sockets are the transport's (`crate::transport`).

use std::sync::atomic::Ordering;

use crate::clock::Now;
use crate::member::Inner;
use crate::peers::Frame;
use crate::transport::SnapshotSource;

/// See the module. Nothing here waits.
pub trait Links: Send + Sync {
    /// The members that there are: ids and peer URLs of all the others. Links to those that are missing end.
    fn set_peers(&self, peers: Vec<(u64, Vec<String>)>);

    /// Send a frame. It may be lost.
    fn send(&self, to: u64, frame: Frame);

    /// Send a snapshot. [`crate::Member::snapshot_ended`] is told of its end.
    fn send_snapshot(&self, to: u64, source: SnapshotSource);

    /// End all links and their threads.
    fn stop(&self);
}

impl Inner {
    /// After entries were applied: keep links to whoever is a member now.
    pub fn follow_members(&self) {
        let Some(links) = self.links.get() else { return };
        let members = {
            let core = self.core.lock();
            let (members, revision) = core.replica.members();
            if self.members_revision.swap(revision, Ordering::AcqRel) == revision {
                return;
            }
            members.clone()
        };
        let own = self.identity.member_id;
        if members.iter().next().is_none() {
            return links.set_peers(self.known_peers.lock().clone());
        }
        let others = members.iter().filter(|member| member.id != own);
        links.set_peers(others.map(|member| (member.id, member.peer_urls.clone())).collect());
    }

    /// Whether a member that has not heard of any was told of this one.
    pub fn knows(&self, id: u64) -> bool {
        self.known_peers.lock().iter().any(|(known, _)| *known == id)
    }

    /// A member is too far behind for the log.
    pub fn send_snapshot(&self, to: u64) {
        let before = self.core.lock().replica.raft().before().index;
        let source = {
            let mut applier = self.applier.lock();
            let view = applier.store.view();
            SnapshotSource { term: applier.term, index: applier.raft_index, view }
        };
        match self.links.get() {
            Some(links) if source.index >= before => links.send_snapshot(to, source),
            // What the log has let go is not applied yet. It is asked for again.
            _ => {
                let now = Now::real();
                self.step(now, |replica| replica.snapshot_ended(now, to, None));
            }
        }
    }
}

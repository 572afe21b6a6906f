//! Whether all members have come to the same: a no-op in the log names the moment, every member says what its store was
//! then, and whoever differs from a majority of the voters stops.

use std::collections::BTreeMap;

use coreos_store::Body;

use super::Replica;
use crate::clock::Now;
use crate::peers::Content;

/// Moments that are remembered: the slowest member's digest comes long after the others'.
const MOMENTS_MAX: usize = 4;

/// What a digest is: SHA-1, as [`coreos_store::StoreView::digest`] gives it.
pub type Digest = [u8; 20];

/// What members have said, by entry.
#[derive(Debug, Default)]
pub(super) struct Digests {
    said: BTreeMap<u64, BTreeMap<u64, Digest>>,
    /// The next moment is not before this.
    next_mono_ns: u64,
    /// The last entry of the last moment.
    last_index: u64,
}

impl Replica {
    /// As leader: name a moment now and then, if anything has been written since the last one.
    pub(super) fn name_moment(&mut self, now: Now) {
        if now.mono_ns < self.digests.next_mono_ns || self.is_alone() {
            return;
        }
        self.digests.next_mono_ns = now.mono_ns.saturating_add(self.pace.digest_ns);
        if self.raft.last().index > self.digests.last_index && self.append_own(now, Body::Noop) {
            self.digests.last_index = self.raft.last().index;
        }
    }

    /// The store had this digest after entry `index`, which was a [`Body::Noop`].
    pub(super) fn digested(&mut self, now: Now, index: u64, digest: Digest) {
        let others: Vec<u64> = self.raft.membership().ids().filter(|&id| id != self.id).collect();
        for to in others {
            self.tell(to, Content::Digest { index, digest });
        }
        self.hear_digest(self.id, index, digest);
        self.pump(now);
    }

    pub(super) fn hear_digest(&mut self, from: u64, index: u64, digest: Digest) {
        let said = self.digests.said.entry(index).or_default();
        said.insert(from, digest);
        let voters = self.raft.membership().voters();
        let of_voters = || said.iter().filter(|(id, _)| voters.contains(id)).map(|(_, one)| one);
        let majority = self.raft.membership().majority();
        let agreed =
            of_voters().find(|one| of_voters().filter(|other| other == one).count() >= majority);
        if agreed.is_none() && of_voters().count() == voters.len() {
            // Nobody knows who is right. Each would say the same, and the cluster would be lost.
            self.lines.push(format!(
                "after entry {index} the stores of the members differ, and none is that of a majority of the cluster: \
                 find out which one is right, remove the others, and add them again with empty data directories"
            ));
        }
        if let (Some(own), Some(agreed)) = (said.get(&self.id), agreed)
            && own != agreed
        {
            self.poison(format!(
                "after entry {index} the store of this member is not that of a majority of the cluster: remove the \
                 member, and add it again with an empty data directory"
            ));
        }
        while self.digests.said.len() > MOMENTS_MAX {
            self.digests.said.pop_first();
        }
    }
}

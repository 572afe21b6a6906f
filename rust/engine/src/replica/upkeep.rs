//! What the member does by itself as time passes: expiry, the wall clock, the cluster's version, learners that have
//! caught up, those who have given up waiting.

use coreos_raft::{PeerState, Role};
use coreos_store::Body;

use super::Replica;
use crate::clock::Now;
use crate::versions;

/// How many entries a learner may be behind when it is made a voter: what it catches up with in a moment.
const LAG_MAX: u64 = 1_000;

/// What the step function has to know of the store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Its earliest deadline, in cluster time.
    pub next_deadline_ns: Option<u64>,
    /// What it adds to cluster time to get the wall clock.
    pub offset_ns: i64,
}

impl Replica {
    /// Let time pass.
    pub fn tick(&mut self, now: Now, seen: Seen) {
        self.give_up(now);
        self.tick_reads(now);
        if self.refusal().is_none() {
            let leads = self.leads();
            if leads {
                self.follow_time(now, seen);
            }
            self.propose_introduction(now);
            if leads && !self.appended.has_upkeep() {
                self.raise_version(now);
                self.promote(now);
            }
            if leads {
                self.name_moment(now);
            }
        }
        self.pump(now);
    }

    /// Each is refused only when it cannot be done now; a later tick tries again.
    fn follow_time(&mut self, now: Now, seen: Seen) {
        let time_ns = self.clock.at(now);
        if seen.next_deadline_ns.is_some_and(|due| due <= time_ns) && !self.appended.has_expiry() {
            self.append_own(now, Body::Expire);
        }
        if let Some(offset_ns) = self.timing.new_offset(self.clock.offset_ns(now), seen.offset_ns)
            && !self.append_own(now, Body::Clock { offset_ns })
        {
            self.timing.offset_refused();
        }
    }

    /// The cluster speaks what all its members know.
    fn raise_version(&mut self, now: Now) {
        let mut newest = self.speaks.as_str();
        for id in self.raft.membership().ids().filter(|&id| id != self.raft.id()) {
            match self.versions.get(&id) {
                // It has a while to appear in a new cluster, so that the first version is the last.
                None if self.led_for_ns(now) < 2 * self.pace.election_ns => return,
                None => newest = versions::OLDEST,
                Some(version) if versions::is_less(version, newest) => newest = version,
                Some(_) => {}
            }
        }
        let present = self.cluster_version.as_deref();
        if present.is_none_or(|present| versions::is_less(present, newest)) {
            let (text, shows_machine_keys) = (newest.to_owned(), self.shows_machine_keys);
            self.append_own(now, Body::ClusterVersion { text, shows_machine_keys });
        }
    }

    fn led_for_ns(&self, now: Now) -> u64 {
        now.mono_ns.saturating_sub(self.leader_since_mono_ns)
    }

    /// A learner that has caught up votes from now on.
    fn promote(&mut self, now: Now) {
        let last = self.raft.last().index;
        let learners = self.raft.membership().learners().iter();
        let has_caught_up = |id: &&u64| {
            self.raft.peer(**id).is_some_and(|peer| {
                let goes_along = peer.is_heard && peer.state == PeerState::Replicate;
                goes_along && peer.matched + LAG_MAX > last
            })
        };
        if let Some(&id) = learners.clone().find(has_caught_up)
            && self.members.get(id).is_some()
        {
            self.append_own(now, Body::PromoteMember { id });
        }
    }

    /// Give leadership to the member that has the most, so that nobody has to wait for an election. False: there is
    /// nothing to give, or nobody to take it.
    pub fn hand_over(&mut self, now: Now) -> bool {
        if self.raft.role() != Role::Leader {
            return false;
        }
        let handed = self.raft.best_successor().is_some_and(|id| self.raft.hand_over(id));
        self.pump(now);
        handed
    }
}

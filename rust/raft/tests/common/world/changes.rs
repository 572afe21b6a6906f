//! Changes of the membership, as entries.

use bytes::Bytes;
use coreos_raft::{Change, Entry, Membership, NotTaken, Role};

use super::World;
use super::storage::Disk;

impl World {
    pub(super) fn change_members(&mut self, id: u64) {
        let Some(raft) = self.raft(id) else { return };
        if raft.role() != Role::Leader {
            return;
        }
        let membership = raft.membership().clone();
        let promoted = membership.learners().first().copied();
        let voters = membership.voters().to_vec();
        let change = match (promoted, self.lots.below(6)) {
            (Some(learner), 0..3) => Change::AddVoter(learner),
            (None, 0..3) if voters.len() < 5 => Change::AddLearner(self.next_id),
            (_, 3) if voters.len() < 5 => Change::AddVoter(self.next_id),
            _ if voters.len() > 1 => Change::Remove(voters[self.lots.place(voters.len())]),
            _ => return,
        };
        let payload = encode(change);
        let Some(raft) = self.raft(id) else { return };
        let taken = match raft.propose_change(payload, change) {
            Ok(_) => true,
            Err(NotTaken::HandOverFirst) => {
                let is_begun = raft.best_successor().is_some_and(|next| raft.hand_over(next));
                self.totals.handovers += u64::from(is_begun);
                return;
            }
            Err(_) => false,
        };
        if taken
            && matches!(change, Change::AddVoter(id) | Change::AddLearner(id) if id == self.next_id)
        {
            self.add_member(self.next_id, Disk::default());
            self.next_id += 1;
        }
    }
}

impl World {
    /// One that was taken out ends as soon as it hears so from anybody who has applied that: from another member, or
    /// from an operator who was answered.
    pub(super) fn hear_removal(&mut self, id: u64) {
        let of_removal = |entry: &&Entry| decode(&entry.payload) == Some(Change::Remove(id));
        let Some(removal) = self.decided.iter().find(of_removal) else { return };
        let index = removal.index;
        let mut others = self.members.iter().filter(|(other, _)| **other != id);
        if others.any(|(_, other)| other.raft.is_some() && other.applied >= index) {
            self.leave(id);
        }
    }

    /// For ever.
    pub(super) fn leave(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id).filter(|member| !member.has_left) else {
            return;
        };
        member.has_left = true;
        member.raft = None;
        member.writing.clear();
        self.reads.retain(|_, asked| asked.by != id);
        self.totals.left += 1;
        let voters = membership_at(&self.decided, self.decided.len() as u64).voters().len();
        self.totals.left_one += u64::from(voters == 1);
        // The worst moment for those that stay: the one that has left cannot help them any more.
        if self.lots.below(2) == 0 {
            for id in self.members.keys().copied().collect::<Vec<_>>() {
                if !self.is_down(id) {
                    self.crash_or_start(id);
                }
            }
        }
    }
}

/// Who belongs to the cluster after entry `index`.
pub fn membership_at(decided: &[Entry], index: u64) -> Membership {
    let mut membership = Membership::default();
    for entry in &decided[..index as usize] {
        if let Some(change) = decode(&entry.payload) {
            membership.apply(change);
        }
    }
    membership
}

pub fn encode(change: Change) -> Bytes {
    let (kind, id) = match change {
        Change::AddVoter(id) => (b'v', id),
        Change::AddLearner(id) => (b'l', id),
        Change::Remove(id) => (b'r', id),
    };
    Bytes::from(vec![b'c', kind, id as u8])
}

pub fn decode(payload: &[u8]) -> Option<Change> {
    match payload {
        [b'c', b'v', id] => Some(Change::AddVoter(u64::from(*id))),
        [b'c', b'l', id] => Some(Change::AddLearner(u64::from(*id))),
        [b'c', b'r', id] => Some(Change::Remove(u64::from(*id))),
        _ => None,
    }
}

//! Changes of the membership, as entries.

use bytes::Bytes;
use coreos_raft::{Change, Entry, Membership, Role};

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
        let change = match (promoted, self.lots.below(3)) {
            (Some(learner), 0 | 1) => Change::AddVoter(learner),
            (None, 0 | 1) if voters.len() < 5 => Change::AddLearner(self.next_id),
            _ if voters.len() > 3 => Change::Remove(voters[self.lots.place(voters.len())]),
            _ => return,
        };
        let payload = encode(change);
        let taken = self.raft(id).is_some_and(|raft| raft.propose_change(payload).is_ok());
        if let (true, Change::AddLearner(new)) = (taken, change) {
            self.next_id += 1;
            self.add_member(new, Disk::default());
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

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
        let change = match (promoted, self.lots.below(6)) {
            (Some(learner), 0..3) => Change::AddVoter(learner),
            (None, 0..3) if voters.len() < 5 => Change::AddLearner(self.next_id),
            (_, 3) if voters.len() < 5 => Change::AddVoter(self.next_id),
            // Of two, one that does not know yet that the other is gone needs the vote of that other.
            _ if voters.len() > 2 => Change::Remove(voters[self.lots.place(voters.len())]),
            _ => return,
        };
        let payload = encode(change);
        let taken = self.raft(id).is_some_and(|raft| raft.propose_change(payload).is_ok());
        if taken
            && matches!(change, Change::AddVoter(id) | Change::AddLearner(id) if id == self.next_id)
        {
            self.add_member(self.next_id, Disk::default());
            self.next_id += 1;
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

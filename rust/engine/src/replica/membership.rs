//! Members come and go: what that is to consensus, and to this member when it is the one who goes.

use coreos_raft::Change;
use coreos_store::{Body, Command};

use super::Replica;

/// What the command is to consensus, if it changes who belongs to the cluster or who votes.
pub(super) fn change_of(body: &Body) -> Option<Change> {
    match body {
        Body::AddMember { id, is_learner: true, .. } => Some(Change::AddLearner(*id)),
        Body::AddMember { id, .. } | Body::PromoteMember { id } => Some(Change::AddVoter(*id)),
        Body::RemoveMember { id } => Some(Change::Remove(*id)),
        _ => None,
    }
}

impl Replica {
    /// A decided command changes who belongs to the cluster, or what is known of them. The table here follows the same
    /// rules as the store's, which applies it later: what it refuses changes nothing.
    pub(super) fn follow_members(&mut self, command: &Command) -> Option<Change> {
        self.members.apply(&command.body).ok()?;
        self.members_revision += 1;
        if let Body::ClusterVersion { text, .. } = &command.body {
            self.cluster_version = Some(text.clone());
        }
        let change = change_of(&command.body);
        if let Some(Change::Remove(id)) = change {
            self.statistics.followers.remove(&id);
        }
        change
    }

    /// Whether this member has been removed from the cluster, and nobody needs it any more. Until then, those who have
    /// asked for it are not answered: of two members, the other one may not know it yet.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.is_told_removed || self.raft.may_leave()
    }

    /// Others say that this member was removed from the cluster. It may be too far behind to see it in its log.
    pub fn removed(&mut self) {
        self.is_told_removed = true;
    }
}

//! Who belongs to the cluster, as the log says, and which changes of that are possible.
//!
//! One set of rules for all who follow the log: the store when it applies a command, and whoever has to know the
//! members before it is applied. The same changes in the same order have the same outcomes everywhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::Body;
use crate::error::Code;

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberInfo {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started once.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started once.
    pub client_urls: Vec<String>,
    /// It does not vote.
    pub is_learner: bool,
}

/// Why members are not changed. It is shown as the original says it, where it has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// There is a member with the new one's id.
    #[error("etcdserver: ID exists")]
    IdExists,
    /// A member had the id and has left. It never comes back.
    #[error("etcdserver: ID removed")]
    IdRemoved,
    /// There is no such member.
    #[error("etcdserver: ID not found")]
    IdNotFound,
    /// Another member has one of the peer URLs.
    #[error("etcdserver: peerURL exists")]
    PeerUrlExists,
    /// It votes already.
    #[error("etcdserver: not a learner")]
    NotLearner,
    /// Without it nobody would vote, and nothing could ever be decided again.
    #[error("etcdserver: the last voting member cannot be removed")]
    LastVoter,
}

impl MembershipError {
    /// The number that a command's outcome has. Those of one kind of change are all different.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::IdNotFound => Code::KeyNotFound,
            Self::IdExists | Self::NotLearner => Code::CompareFailed,
            Self::PeerUrlExists => Code::KeyExists,
            Self::IdRemoved => Code::RootReadOnly,
            Self::LastVoter => Code::DirNotEmpty,
        }
    }
}

/// Members, and those that have left. A change that fails changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    all: BTreeMap<u64, MemberInfo>,
    removed: BTreeSet<u64>,
}

impl Members {
    /// From those who belong to the cluster, each with its own id, and the ids of those that have left.
    #[must_use]
    pub fn new(
        members: impl IntoIterator<Item = MemberInfo>,
        removed: impl IntoIterator<Item = u64>,
    ) -> Self {
        let all = members.into_iter().map(|member| (member.id, member)).collect();
        Self { all, removed: removed.into_iter().collect() }
    }

    /// Do what a command does to the members: kinds 4 to 7 and 9 of `docs/formats.md`. Every other does nothing.
    ///
    /// # Errors
    /// Those of the change.
    pub fn apply(&mut self, body: &Body) -> Result<(), MembershipError> {
        match body {
            Body::AddMember { id, peer_urls, is_learner } => self.add(*id, peer_urls, *is_learner),
            Body::RemoveMember { id } => self.remove(*id).map(|_| ()),
            Body::UpdateMember { id, peer_urls } => self.update(*id, peer_urls),
            Body::Publish { id, name, client_urls, .. } => self.publish(*id, name, client_urls),
            Body::PromoteMember { id } => self.promote(*id),
            Body::Noop
            | Body::Write(_)
            | Body::Expire
            | Body::Clock { .. }
            | Body::ClusterVersion { .. }
            | Body::Auth(_) => Ok(()),
        }
    }

    /// A new member, which has not started.
    ///
    /// # Errors
    /// `IdRemoved`, `IdExists`, `PeerUrlExists`.
    pub fn add(
        &mut self,
        id: u64,
        peer_urls: &[String],
        is_learner: bool,
    ) -> Result<(), MembershipError> {
        if self.is_removed(id) {
            return Err(MembershipError::IdRemoved);
        }
        if self.all.contains_key(&id) {
            return Err(MembershipError::IdExists);
        }
        self.must_be_free(id, peer_urls)?;
        let peer_urls = peer_urls.to_vec();
        self.all.insert(id, MemberInfo { id, peer_urls, is_learner, ..MemberInfo::default() });
        Ok(())
    }

    /// A member leaves for ever. Gives what it was.
    ///
    /// # Errors
    /// `IdRemoved`, `IdNotFound`, `LastVoter`.
    pub fn remove(&mut self, id: u64) -> Result<MemberInfo, MembershipError> {
        let votes = !self.find(id)?.is_learner;
        if votes && self.voters().count() == 1 {
            return Err(MembershipError::LastVoter);
        }
        self.removed.insert(id);
        self.all.remove(&id).ok_or(MembershipError::IdNotFound)
    }

    /// A member is reached elsewhere.
    ///
    /// # Errors
    /// `IdRemoved`, `IdNotFound`, `PeerUrlExists`.
    pub fn update(&mut self, id: u64, peer_urls: &[String]) -> Result<(), MembershipError> {
        self.find(id)?;
        self.must_be_free(id, peer_urls)?;
        self.find(id)?.peer_urls = peer_urls.to_vec();
        Ok(())
    }

    /// A learner votes from now on.
    ///
    /// # Errors
    /// `IdRemoved`, `IdNotFound`, `NotLearner`.
    pub fn promote(&mut self, id: u64) -> Result<(), MembershipError> {
        let member = self.find(id)?;
        if !member.is_learner {
            return Err(MembershipError::NotLearner);
        }
        member.is_learner = false;
        Ok(())
    }

    /// A member has started and says who it is.
    ///
    /// # Errors
    /// `IdRemoved`, `IdNotFound`.
    pub fn publish(
        &mut self,
        id: u64,
        name: &str,
        client_urls: &[String],
    ) -> Result<(), MembershipError> {
        let member = self.find(id)?;
        name.clone_into(&mut member.name);
        member.client_urls = client_urls.to_vec();
        Ok(())
    }

    /// The member with this id.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&MemberInfo> {
        self.all.get(&id)
    }

    /// All members, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &MemberInfo> {
        self.all.values()
    }

    /// Ids of those who vote, in order.
    pub fn voters(&self) -> impl Iterator<Item = u64> + '_ {
        self.all.values().filter(|member| !member.is_learner).map(|member| member.id)
    }

    /// Ids of those who do not, in order.
    pub fn learners(&self) -> impl Iterator<Item = u64> + '_ {
        self.all.values().filter(|member| member.is_learner).map(|member| member.id)
    }

    /// Whether a member had this id and has left.
    #[must_use]
    pub fn is_removed(&self, id: u64) -> bool {
        self.removed.contains(&id)
    }

    /// Ids that have left, in order.
    pub fn removed(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.removed.iter().copied()
    }

    fn find(&mut self, id: u64) -> Result<&mut MemberInfo, MembershipError> {
        let is_removed = self.is_removed(id);
        self.all.get_mut(&id).ok_or(if is_removed {
            MembershipError::IdRemoved
        } else {
            MembershipError::IdNotFound
        })
    }

    /// No member but `id` is reached at any of these.
    fn must_be_free(&self, id: u64, peer_urls: &[String]) -> Result<(), MembershipError> {
        let mut others = self.all.values().filter(|member| member.id != id);
        if others.any(|other| other.peer_urls.iter().any(|url| peer_urls.contains(url))) {
            return Err(MembershipError::PeerUrlExists);
        }
        Ok(())
    }
}

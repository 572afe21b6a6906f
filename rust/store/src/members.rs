//! Who belongs to the cluster, as the log says.

use std::collections::{BTreeMap, BTreeSet};

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

/// Members, those that have left, and the version that all have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub all: BTreeMap<u64, MemberInfo>,
    pub removed: BTreeSet<u64>,
    pub cluster_version: Option<String>,
    /// Whether the last member or version that was published wants the machine keys of 0.4.
    pub shows_machine_keys: bool,
}

impl Members {
    /// A removed id never comes back.
    pub fn add(&mut self, id: u64, peer_urls: &[String], is_learner: bool) {
        if self.removed.contains(&id) {
            return;
        }
        let member = self.all.entry(id).or_default();
        member.id = id;
        member.peer_urls = peer_urls.to_vec();
        member.is_learner = is_learner;
    }

    pub fn remove(&mut self, id: u64) -> Option<MemberInfo> {
        self.removed.insert(id);
        self.all.remove(&id)
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut MemberInfo> {
        self.all.get_mut(&id)
    }
}

//! The naive store's members and their keys in `/_etcd`, as docs/formats.md says under "Machine keys".
//!
//! URLs are words that need no escape, and values are JSON already, because the naive store escapes nothing.

use std::collections::{BTreeMap, BTreeSet};

use coreos_store::{Body, Op, Write};
use proptest::prelude::*;

use super::mistake::Mistake;
use super::model::Model;
use super::shown::below;

const MACHINES: &str = "/_etcd/machines";
const CONFIG: &str = "/_etcd/config";
const CONFIG_VALUE: &str = r#"{\"activeSize\":9,\"removeDelay\":1800,\"syncInterval\":5}"#;

#[derive(Clone, Default)]
pub struct Member {
    name: String,
    peer: String,
    client: String,
    learns: bool,
}

#[derive(Default)]
pub struct Cluster {
    members: BTreeMap<u64, Member>,
    removed: BTreeSet<u64>,
    shows: bool,
}

/// A command of the system.
pub fn body() -> impl Strategy<Value = Body> {
    let id = || 1..6_u64;
    let urls = || prop::sample::select(vec!["u", "w"]).prop_map(|url| vec![url.to_owned()]);
    let peers =
        || prop::sample::select(vec!["p", "q", "r", "s"]).prop_map(|url| vec![url.to_owned()]);
    let name = prop::sample::select(vec!["m", "m", "n", "n/x", "n%2Fx", "."]);
    let shows = || proptest::bool::weighted(0.8);
    prop_oneof![
        3 => (id(), peers(), proptest::bool::weighted(0.2))
            .prop_map(|(id, peer_urls, is_learner)| Body::AddMember { id, peer_urls, is_learner }),
        6 => (id(), name, urls(), shows()).prop_map(|(id, name, client_urls, shows_machine_keys)| {
            Body::Publish { id, name: name.to_owned(), client_urls, shows_machine_keys }
        }),
        1 => id().prop_map(|id| Body::RemoveMember { id }),
        1 => (id(), peers()).prop_map(|(id, peer_urls)| Body::UpdateMember { id, peer_urls }),
        1 => id().prop_map(|id| Body::PromoteMember { id }),
        2 => shows().prop_map(|shows_machine_keys| {
            Body::ClusterVersion { text: "0.1.0".to_owned(), shows_machine_keys }
        }),
    ]
}

fn key(member: &Member) -> Option<String> {
    let segment = match member.name.as_str() {
        "" => return None,
        "." => "%2E".to_owned(),
        name => name.replace('/', "%2F"),
    };
    Some(format!("{MACHINES}/{segment}"))
}

fn value(member: &Member) -> String {
    format!("etcd={}\\u0026raft={}", member.client, member.peer)
}

impl Model {
    /// Whether a client's write is refused.
    pub fn keeps(&self, write: &Write, path: &str) -> bool {
        let ends = matches!(write.op, Op::Delete | Op::CompareAndDelete | Op::Update);
        let at_or_below = |top: &str| path == top || below(path, top);
        let kept = at_or_below(MACHINES) || at_or_below(CONFIG) || (path == "/_etcd" && ends);
        self.cluster.shows && kept
    }

    /// Why a change of members is not possible, as docs/formats.md says.
    fn objection(&self, body: &Body) -> Option<&'static str> {
        let (id, url) = match body {
            Body::AddMember { id, peer_urls, .. } | Body::UpdateMember { id, peer_urls } => {
                (id, Some(&peer_urls[0]))
            }
            Body::RemoveMember { id } | Body::PromoteMember { id } | Body::Publish { id, .. } => {
                (id, None)
            }
            _ => return None,
        };
        let Cluster { members, removed, .. } = &self.cluster;
        if removed.contains(id) && self.mistake != Mistake::RemovedMayReturn {
            return Some("RootReadOnly etcdserver: ID removed");
        }
        match (body, members.get(id)) {
            (Body::AddMember { .. }, Some(_)) => Some("CompareFailed etcdserver: ID exists"),
            (Body::AddMember { .. } | Body::UpdateMember { .. }, _)
                if members.iter().any(|(other, one)| other != id && Some(&one.peer) == url) =>
            {
                match (body, members.contains_key(id)) {
                    (Body::UpdateMember { .. }, false) => {
                        Some("KeyNotFound etcdserver: ID not found")
                    }
                    _ => Some("KeyExists etcdserver: peerURL exists"),
                }
            }
            (Body::AddMember { .. }, None) => None,
            (_, None) => Some("KeyNotFound etcdserver: ID not found"),
            (Body::PromoteMember { .. }, Some(one)) if !one.learns => {
                Some("CompareFailed etcdserver: not a learner")
            }
            (Body::RemoveMember { .. }, Some(one))
                if !one.learns && members.values().filter(|one| !one.learns).count() == 1 =>
            {
                Some("DirNotEmpty etcdserver: the last voting member cannot be removed")
            }
            _ => None,
        }
    }

    /// Carry out a command of the system.
    pub fn system(&mut self, body: &Body) -> Result<(), String> {
        let before = self.index;
        if let Some(objection) = self.objection(body) {
            return Err(objection.to_owned());
        }
        match body {
            Body::AddMember { id, peer_urls, is_learner } => {
                let member =
                    Member { peer: peer_urls[0].clone(), learns: *is_learner, ..Member::default() };
                self.cluster.members.insert(*id, member);
            }
            Body::PromoteMember { id } => {
                self.cluster.members.get_mut(id).expect("no objection").learns = false;
                return Ok(());
            }
            Body::RemoveMember { id } => {
                self.cluster.removed.insert(*id);
                let member = self.cluster.members.remove(id);
                if let Some(key) = member.as_ref().and_then(key).filter(|_| self.cluster.shows) {
                    self.give_up(&key);
                }
            }
            Body::UpdateMember { id, peer_urls } => {
                self.change(*id, |member| member.peer.clone_from(&peer_urls[0]));
            }
            Body::Publish { id, name, client_urls, shows_machine_keys } => {
                self.show(*shows_machine_keys);
                self.change(*id, |member| {
                    member.name.clone_from(name);
                    member.client.clone_from(&client_urls[0]);
                });
            }
            Body::ClusterVersion { shows_machine_keys, .. } => {
                self.show(*shows_machine_keys);
                if self.cluster.shows {
                    self.keep(CONFIG, CONFIG_VALUE.to_owned());
                }
            }
            other => panic!("not a command of the system: {other:?}"),
        }
        if self.index == before {
            self.index += 1;
        }
        Ok(())
    }

    fn show(&mut self, shows: bool) {
        if std::mem::replace(&mut self.cluster.shows, shows) && !shows {
            self.drop_key(MACHINES);
            self.drop_key(CONFIG);
        }
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.cluster.members.get_mut(&id) else { return };
        let old = key(member);
        change(member);
        let member = member.clone();
        let new = key(&member);
        if !self.cluster.shows {
            return;
        }
        if let Some(old) = old.filter(|old| new.as_ref() != Some(old)) {
            self.give_up(&old);
        }
        if let Some(new) = new {
            self.keep(&new, value(&member));
        }
    }

    /// One of those who have this key has left it.
    fn give_up(&mut self, old: &str) {
        let others =
            self.cluster.members.values().filter(|member| key(member).as_deref() == Some(old));
        let values: Vec<String> = others.map(value).collect();
        if values.is_empty() || self.mistake == Mistake::NamesakesForgotten {
            return self.drop_key(old);
        }
        let shown = self.nodes.get(old).map(|node| &node.value);
        if !shown.is_some_and(|shown| values.contains(shown)) {
            self.keep(old, values[0].clone());
        }
    }

    fn keep(&mut self, key: &str, value: String) {
        let steps: Vec<String> =
            key.match_indices('/').skip(1).map(|(at, _)| key[..at].to_owned()).collect();
        for (step, dir) in steps.iter().map(|step| (step.as_str(), true)).chain([(key, false)]) {
            if self.nodes.get(step).is_some_and(|node| node.dir != dir) {
                self.drop_key(step);
            }
        }
        let old = self.nodes.get(key).cloned();
        self.put("set", key, value, false, None, old, false);
        for step in steps {
            self.nodes.get_mut(&step).expect("made on the way").deadline = None;
        }
    }

    fn drop_key(&mut self, key: &str) {
        if let Some(old) = self.nodes.get(key).cloned() {
            self.remove("delete", key, old);
            if self.mistake == Mistake::KeysShareAnIndex {
                self.index -= 1;
            }
        }
    }
}

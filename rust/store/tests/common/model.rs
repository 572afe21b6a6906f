//! The naive store: one map from whole paths to nodes, and every event ever kept.
//!
//! Written from the specification, not from the store; slow and obvious. A [`Mistake`] makes it wrong on
//! purpose, to show that the comparison would notice.

use std::collections::{BTreeMap, BTreeSet};

use coreos_store::{Code, Op, Write};

use super::cluster::Cluster;
use super::mistake::Mistake;
use super::shown::{below, hidden, image, seen};

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub dir: bool,
    pub value: String,
    pub created: u64,
    pub modified: u64,
    pub deadline: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub action: &'static str,
    pub key: String,
    pub node: Node,
    pub shows_value: bool,
    pub prev: Option<Node>,
    pub refresh: bool,
    /// What went with it.
    pub gone: BTreeSet<String>,
    pub time: u64,
}

#[derive(Clone, Debug)]
pub struct Watch {
    pub path: String,
    pub recursive: bool,
    pub stream: bool,
    pub from: u64,
    pub over: bool,
    pub told: Vec<String>,
}

pub struct Model {
    pub nodes: BTreeMap<String, Node>,
    pub index: u64,
    pub time: u64,
    pub events: Vec<Event>,
    /// So many events came from a snapshot, which does not say what went with a directory.
    pub from_snapshot: usize,
    pub watches: BTreeMap<u64, Watch>,
    pub cluster: Cluster,
    pub mistake: Mistake,
}

type Failure = (Code, String);

fn parents(path: &str) -> Vec<String> {
    let cuts = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    cuts.map(|at| path[..at].to_owned()).collect()
}

impl Model {
    pub fn new(mistake: Mistake) -> Self {
        Self {
            nodes: BTreeMap::new(),
            index: 0,
            // Not 0: a deadline of 0 is none.
            time: 1_000_000_000,
            events: Vec::new(),
            from_snapshot: 0,
            watches: BTreeMap::new(),
            cluster: Cluster::default(),
            mistake,
        }
    }

    fn find(&self, path: &str) -> Result<Option<Node>, Failure> {
        for step in parents(path).into_iter().chain([path.to_owned()]) {
            match self.nodes.get(&step) {
                None => return Err((Code::KeyNotFound, step)),
                Some(node) if !node.dir && step != path => return Err((Code::NotADirectory, step)),
                Some(_) => {}
            }
        }
        Ok(self.nodes.get(path).cloned())
    }

    fn must(&self, path: &str) -> Result<Node, Failure> {
        self.find(path).map(|node| node.expect("found"))
    }

    pub fn write(&mut self, write: &Write) -> Result<Event, Failure> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("test paths are UTF-8");
        let path = text(&write.path);
        let value = text(&write.value);
        let deadline = write.ttl_ns.map(|ttl| self.time + ttl);
        if path == "/" && write.op != Op::CreateInOrder {
            return Err((Code::RootReadOnly, path));
        }
        if self.keeps(write, &path) {
            return Err((Code::RootReadOnly, path));
        }
        match write.op {
            Op::Set => {
                let old = match self.find(&path) {
                    Err((Code::KeyNotFound, cause)) if write.refresh => {
                        return Err((Code::KeyNotFound, cause));
                    }
                    Err((Code::KeyNotFound, _)) => None,
                    other => other?,
                };
                if old.as_ref().is_some_and(|node| node.dir) {
                    return Err((Code::NotAFile, path));
                }
                let kept = old.as_ref().filter(|_| write.refresh).map(|node| node.value.clone());
                let mut deadline = deadline;
                if self.mistake == Mistake::SetKeepsTtl && deadline.is_none() {
                    deadline = old.as_ref().and_then(|node| node.deadline);
                }
                let value = if write.dir { String::new() } else { kept.unwrap_or(value) };
                Ok(self.put("set", &path, value, write.dir, deadline, old, write.refresh))
            }
            Op::Create => {
                match self.find(&path) {
                    Ok(_) => return Err((Code::KeyExists, path)),
                    Err((Code::KeyNotFound, _)) => {}
                    Err(failure) => return Err(failure),
                }
                if write.prev_value.is_some() || write.prev_index > 0 {
                    let cause = format!("there is no key to compare with: {path}");
                    return Err((Code::CompareFailed, cause));
                }
                let value = if write.dir { String::new() } else { value };
                Ok(self.put("create", &path, value, write.dir, deadline, None, false))
            }
            Op::CreateInOrder => {
                let parent = if path == "/" { "" } else { &path };
                let path = format!("{parent}/{:020}", self.index + 1);
                match self.find(&path) {
                    Ok(_) => return Err((Code::KeyExists, path)),
                    Err((Code::KeyNotFound, _)) => {}
                    Err(failure) => return Err(failure),
                }
                let value = if write.dir { String::new() } else { value };
                Ok(self.put("create", &path, value, write.dir, deadline, None, false))
            }
            Op::Update => {
                let old = self.must(&path)?;
                if old.dir && !write.refresh && !value.is_empty() {
                    return Err((Code::NotAFile, path));
                }
                Ok(self.rewrite("update", &path, old, value, deadline, write.refresh))
            }
            Op::CompareAndSwap => {
                let old = self.compare(write, &path)?;
                Ok(self.rewrite("compareAndSwap", &path, old, value, deadline, write.refresh))
            }
            Op::CompareAndDelete => {
                let old = self.compare(write, &path)?;
                Ok(self.remove("compareAndDelete", &path, old))
            }
            Op::Delete => {
                let old = self.must(&path)?;
                if old.dir && !write.recursive {
                    if !write.dir {
                        return Err((Code::NotAFile, path));
                    }
                    if self.nodes.keys().any(|other| below(other, &path)) {
                        return Err((Code::DirNotEmpty, path));
                    }
                }
                Ok(self.remove("delete", &path, old))
            }
        }
    }

    fn compare(&self, write: &Write, path: &str) -> Result<Node, Failure> {
        let old = self.must(path)?;
        if old.dir {
            return Err((Code::NotAFile, path.to_owned()));
        }
        let mut parts = Vec::new();
        if let Some(wanted) = &write.prev_value {
            let wanted = String::from_utf8_lossy(wanted);
            if wanted != old.value {
                parts.push(format!("[{wanted} != {}]", old.value));
            }
        }
        if write.prev_index > 0 && write.prev_index != old.modified {
            parts.push(format!("[{} != {}]", write.prev_index, old.modified));
        }
        if parts.is_empty() { Ok(old) } else { Err((Code::CompareFailed, parts.join(" "))) }
    }

    #[allow(clippy::too_many_arguments)]
    pub fn put(
        &mut self,
        action: &'static str,
        path: &str,
        value: String,
        dir: bool,
        deadline: Option<u64>,
        prev: Option<Node>,
        refresh: bool,
    ) -> Event {
        self.index += 1;
        let index = self.index;
        for parent in parents(path) {
            self.nodes.entry(parent).or_insert(Node {
                dir: true,
                value: String::new(),
                created: index,
                modified: index,
                deadline: None,
            });
        }
        let node = Node { dir, value, created: index, modified: index, deadline };
        self.nodes.insert(path.to_owned(), node.clone());
        self.happened(action, path, node, true, prev, refresh, BTreeSet::new())
    }

    fn rewrite(
        &mut self,
        action: &'static str,
        path: &str,
        old: Node,
        value: String,
        deadline: Option<u64>,
        refresh: bool,
    ) -> Event {
        self.index += 1;
        let mut node = Node { deadline, ..old.clone() };
        if !node.dir {
            node.modified = self.index;
            if !refresh {
                node.value = value;
            }
            if self.mistake == Mistake::UpdateRenews {
                node.created = self.index;
            }
        } else if self.mistake == Mistake::DirIndexMoves {
            node.modified = self.index;
        }
        self.nodes.insert(path.to_owned(), node.clone());
        let shown = Node { modified: self.index, ..node };
        self.happened(action, path, shown, true, Some(old), refresh, BTreeSet::new())
    }

    pub fn remove(&mut self, action: &'static str, path: &str, old: Node) -> Event {
        self.index += 1;
        let gone: BTreeSet<String> =
            self.nodes.keys().filter(|other| below(other, path)).cloned().collect();
        self.nodes.retain(|other, _| other != path && !gone.contains(other));
        let node = Node { modified: self.index, deadline: None, ..old.clone() };
        self.happened(action, path, node, false, Some(old), false, gone)
    }

    pub fn expire(&mut self) -> Vec<Event> {
        let early = u64::from(self.mistake == Mistake::ExpiresEarly);
        let mut events = Vec::new();
        while events.len() < 1000 {
            let due = self
                .nodes
                .iter()
                .filter_map(|(path, node)| {
                    let deadline = node.deadline.filter(|at| *at <= self.time + early)?;
                    Some((deadline, node.created, path.matches('/').count(), path.clone()))
                })
                .min();
            let Some((_, _, _, path)) = due else { return events };
            let old = self.nodes[&path].clone();
            events.push(self.remove("expire", &path, old));
        }
        events
    }

    #[allow(clippy::too_many_arguments)]
    fn happened(
        &mut self,
        action: &'static str,
        path: &str,
        node: Node,
        shows_value: bool,
        prev: Option<Node>,
        refresh: bool,
        gone: BTreeSet<String>,
    ) -> Event {
        let (key, time) = (path.to_owned(), self.time);
        let event = Event { action, key, node, shows_value, prev, refresh, gone, time };
        self.events.push(event.clone());
        let mistake = self.mistake;
        for watch in self.watches.values_mut() {
            if watch.over || event.node.modified < watch.from {
                continue;
            }
            if seen(&event, watch, mistake, true) {
                watch.told.push(event.json());
                watch.over = !watch.stream;
            }
        }
        event
    }

    /// What a new watch gets at once, and whether it goes on.
    pub fn watch(&mut self, token: u64, mut watch: Watch, wait_index: u64) -> Vec<String> {
        watch.from = if wait_index == 0 { self.index + 1 } else { wait_index };
        let mut past: Vec<String> = if wait_index == 0 {
            Vec::new()
        } else {
            let events = self.events.iter().enumerate();
            let events = events.filter(|(_, event)| event.node.modified >= wait_index);
            let known = |at: usize| at >= self.from_snapshot;
            events
                .filter(|(at, event)| seen(event, &watch, self.mistake, known(*at)))
                .map(|(_, event)| event.json())
                .collect()
        };
        if !watch.stream || self.mistake == Mistake::OneOldEvent {
            past.truncate(1);
        }
        watch.over = !watch.stream && !past.is_empty();
        self.watches.insert(token, watch);
        past
    }

    /// What a recursive read of the root gives.
    pub fn listing(&self, path: &str) -> String {
        format!("{{\"action\":\"get\",\"node\":{}}}\n", self.list(path))
    }

    fn list(&self, path: &str) -> String {
        let root = path == "/";
        let node = self.nodes.get(path);
        if let Some(node) = node.filter(|node| !node.dir) {
            return image(path, node, true, self.time, true);
        }
        let mut children: Vec<&String> = self
            .nodes
            .keys()
            .filter(|other| below(other, path) && !hidden(other, path))
            .filter(|other| !other[if root { 1 } else { path.len() + 1 }..].contains('/'))
            .collect();
        children.sort();
        let children: Vec<String> = children.into_iter().map(|child| self.list(child)).collect();
        let nodes = if children.is_empty() {
            String::new()
        } else {
            format!(",\"nodes\":[{}]", children.join(","))
        };
        match node {
            None => format!("{{\"dir\":true{nodes}}}"),
            Some(node) => {
                let whole = image(path, node, true, self.time, true);
                let (head, tail) = whole.split_once(",\"modifiedIndex\"").expect("has indexes");
                format!("{head}{nodes},\"modifiedIndex\"{tail}")
            }
        }
    }
}

//! A store from the data of a snapshot: `docs/formats.md`, section 5.
//!
//! The bytes may have been made by anyone. What does not fit together is an error, before anything has
//! been done with it; nothing here panics or believes a length.

use std::io::{BufReader, Read};
use std::sync::Arc;

use crate::arena::{NodeId, ROOT};
use crate::auth_codec;
use crate::command::RequestId;
use crate::error::Error;
use crate::event::Event;
use crate::event_codec::{self, ERROR_LEN, EVENT_LEN};
use crate::members::{MemberInfo, Members};
use crate::snapshot::VERSION;
use crate::store::{Store, StoreConfig};
use crate::tree::Content;
use crate::unpack::{Fault, Shape, Unpacker};

/// Why a snapshot's data is no store.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Of a later version.
    #[error("the snapshot was written by a newer version (encoding {0}, known is {VERSION})")]
    Newer(u64),
    /// It does not fit together.
    #[error("malformed snapshot: {0}")]
    Malformed(String),
    /// The source failed.
    #[error("the snapshot cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl From<Fault> for RestoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(what) => malformed(what),
            Fault::Io(error) => RestoreError::Io(error),
        }
    }
}

fn malformed(what: &str) -> RestoreError {
    RestoreError::Malformed(what.to_owned())
}

/// Indexes and counts beyond this were not counted by us, and adding to them must not overflow.
const COUNT_MAX: u64 = 1 << 62;

/// Nodes that room is made for before the first has been seen: some 10 MB.
const NODES_RESERVED_MAX: usize = 1 << 20;

/// An outcome whose event may be in the history, which comes later.
enum Pending {
    Nothing,
    InHistory(u64),
    Event(Arc<Event>),
    Error(Error),
}

type Source<'a> = Unpacker<BufReader<&'a mut dyn Read>>;

impl Store {
    /// The store whose snapshot data `from` gives, all of it.
    ///
    /// # Errors
    /// When the source fails, or gives anything but the data of one snapshot.
    pub fn restore(config: StoreConfig, from: &mut dyn Read) -> Result<Store, RestoreError> {
        let mut from = Unpacker(BufReader::with_capacity(64 << 10, from));
        let mut store = Store::new(config);
        let version = store.restore_state(&mut from)?;
        store.restore_members(&mut from)?;
        store.restore_nodes(&mut from)?;
        let requests = restore_requests(&mut from)?;
        let events = store.restore_history(&mut from)?;
        store.resolve(requests, &events)?;
        from.array_of(store.stats.0.len())?;
        for count in &mut store.stats.0 {
            *count = counted(from.uint()?)?;
        }
        // Version 1 is that of a store whose users and roles were never touched.
        if version > 1 {
            store.auth = Arc::new(auth_codec::decode(&mut from, store.etcd_index)?);
        }
        from.end()?;
        Ok(store)
    }

    /// Part 1; gives the encoding version.
    fn restore_state(&mut self, from: &mut Source<'_>) -> Result<u64, RestoreError> {
        let len = from.array()?;
        let version = from.uint()?;
        if version > VERSION {
            return Err(RestoreError::Newer(version));
        }
        if version == 0 || len != 8 {
            return Err(malformed("not a store"));
        }
        self.etcd_index = counted(from.uint()?)?;
        self.time_ns = from.uint()?;
        self.offset_ns = from.int()?;
        self.cluster_version = from.text_or_nil()?;
        let subtree_index = self.index(from.uint()?)?;
        self.tree.set_root_subtree_index(subtree_index);
        self.shows_machine_keys = from.bool()?;
        for _ in 0..from.array()? {
            from.array_of(3)?;
            let member = from.uint()?;
            self.window.marks.insert(member, (from.uint()?, from.uint()?));
        }
        Ok(version)
    }

    fn restore_members(&mut self, from: &mut Source<'_>) -> Result<(), RestoreError> {
        let mut members = Vec::new();
        for _ in 0..from.array()? {
            from.array_of(5)?;
            members.push(MemberInfo {
                id: from.uint()?,
                name: from.text()?,
                peer_urls: from.texts()?,
                client_urls: from.texts()?,
                is_learner: from.bool()?,
            });
        }
        let mut removed = Vec::new();
        for _ in 0..from.array()? {
            removed.push(from.uint()?);
        }
        self.members = Members::new(members, removed);
        Ok(())
    }

    fn restore_nodes(&mut self, from: &mut Source<'_>) -> Result<(), RestoreError> {
        // The directories that the last node is in, and it itself if it is one.
        let mut open: Vec<NodeId> = vec![ROOT];
        let count = from.uint()?;
        let room = usize::try_from(count).unwrap_or(NODES_RESERVED_MAX);
        self.tree.reserve(room.min(NODES_RESERVED_MAX));
        for _ in 0..count {
            from.array_of(7)?;
            let level = usize::try_from(from.uint()?).unwrap_or(usize::MAX);
            let above = level.checked_sub(1).and_then(|above| open.get(above));
            let parent = *above.ok_or_else(|| malformed("a node without its directory"))?;
            open.truncate(level);
            let name = from.bin()?;
            if matches!(name.as_slice(), b"" | b"." | b"..") || name.contains(&b'/') {
                return Err(malformed("a node's name"));
            }
            let before = self.tree.nodes().dir(parent).children.last();
            if before.is_some_and(|id| *self.tree.nodes().name(id) >= *name) {
                return Err(malformed("nodes are not in order"));
            }
            let id = self.restore_node(from, parent, &name)?;
            if self.tree.get(id).is_dir() {
                open.push(id);
            }
        }
        Ok(())
    }

    fn restore_node(
        &mut self,
        from: &mut Source<'_>,
        parent: NodeId,
        name: &[u8],
    ) -> Result<NodeId, RestoreError> {
        let is_dir = match from.uint()? {
            0 => false,
            1 => true,
            _ => return Err(malformed("a node's kind")),
        };
        let created_index = self.index(from.uint()?)?;
        let modified_index = self.index(from.uint()?)?;
        let deadline_ns = from.uint()?;
        let (value, subtree_index) =
            if is_dir { (None, self.index(from.uint()?)?) } else { (Some(from.bin()?), 0) };
        let content = Content { value: value.as_deref(), index: created_index, deadline_ns };
        let id = self.tree.add(parent, name, content);
        self.tree.set_indexes(id, modified_index, subtree_index);
        Ok(id)
    }

    fn restore_history(&mut self, from: &mut Source<'_>) -> Result<Vec<Arc<Event>>, RestoreError> {
        let mut events: Vec<Arc<Event>> = Vec::new();
        for _ in 0..from.uint()? {
            from.array_of(EVENT_LEN)?;
            let event = event_codec::decode(from)?;
            self.index(event.index())?;
            if events.last().is_some_and(|last| last.index() > event.index()) {
                return Err(malformed("events are not in order"));
            }
            self.history.push(event.clone());
            events.push(event);
        }
        Ok(events)
    }

    fn resolve(
        &mut self,
        requests: Vec<(RequestId, Pending)>,
        events: &[Arc<Event>],
    ) -> Result<(), RestoreError> {
        for (id, pending) in requests {
            let outcome = match pending {
                Pending::Nothing => Ok(None),
                Pending::Event(event) => Ok(Some(event)),
                Pending::Error(error) => Err(error),
                Pending::InHistory(at) => {
                    let event = usize::try_from(at).ok().and_then(|at| events.get(at));
                    Ok(Some(event.ok_or_else(|| malformed("an outcome's event"))?.clone()))
                }
            };
            self.window.push(id, outcome);
        }
        Ok(())
    }

    /// An index that has been given out.
    fn index(&self, index: u64) -> Result<u64, RestoreError> {
        if index <= self.etcd_index { Ok(index) } else { Err(malformed("an index of the future")) }
    }
}

fn counted(count: u64) -> Result<u64, RestoreError> {
    if count <= COUNT_MAX { Ok(count) } else { Err(malformed("a count is too large")) }
}

fn restore_requests(from: &mut Source<'_>) -> Result<Vec<(RequestId, Pending)>, RestoreError> {
    let mut requests = Vec::new();
    for _ in 0..from.uint()? {
        from.array_of(4)?;
        let (member, incarnation, sequence) = (from.uint()?, from.uint()?, from.uint()?);
        let pending = match from.shape()? {
            Shape::Nil => Pending::Nothing,
            Shape::Uint(at) => Pending::InHistory(at),
            Shape::Array(EVENT_LEN) => Pending::Event(event_codec::decode(from)?),
            Shape::Array(ERROR_LEN) => Pending::Error(event_codec::decode_error(from)?),
            Shape::Array(_) => return Err(malformed("an outcome")),
        };
        requests.push((RequestId { member, incarnation, sequence }, pending));
    }
    Ok(requests)
}

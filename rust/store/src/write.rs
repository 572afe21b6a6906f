//! The seven ways to write.

use std::sync::Arc;

use crate::arena::NodeId;
use crate::command::{Op, Write};
use crate::error::{Code, Error};
use crate::event::{Action, Event, Image};
use crate::machine_keys;
use crate::path;
use crate::stats::Stat;
use crate::store::{Store, lost_error};
use crate::text::Text;
use crate::tree::{Content, Lost, existing_end};

impl Store {
    /// A client's write: one index and one event, or an error and no change.
    pub(crate) fn write(&mut self, write: &Write) -> Result<Arc<Event>, Error> {
        let path = path::cleaned(&write.path);
        let result = self.guard(write.op, &path).and_then(|()| match write.op {
            Op::Set => self.set(write, &path),
            Op::Create => self.create(write, &path),
            Op::CreateInOrder => self.create_in_order(write, &path),
            Op::Update => self.update(write, &path),
            Op::CompareAndSwap => self.compare_and_swap(write, &path),
            Op::CompareAndDelete => self.compare_and_delete(write, &path),
            Op::Delete => self.delete(write, &path),
        });
        let stat = match write.op {
            Op::Set => Stat::Set,
            Op::Create | Op::CreateInOrder => Stat::Create,
            Op::Update => Stat::Update,
            Op::CompareAndSwap => Stat::CompareAndSwap,
            Op::CompareAndDelete => Stat::CompareAndDelete,
            Op::Delete => Stat::Delete,
        };
        self.stats.count(stat, result.is_ok());
        result
    }

    fn guard(&self, op: Op, path: &[u8]) -> Result<(), Error> {
        if path == b"/" {
            return match op {
                Op::CreateInOrder => Ok(()),
                Op::CompareAndDelete if self.config.upstream => Err(self.fail(Code::NotAFile, b"")),
                _ => Err(self.fail(Code::RootReadOnly, path)),
            };
        }
        if self.shows_machine_keys && machine_keys::is_kept(op, path) {
            return Err(self.fail(Code::RootReadOnly, path));
        }
        Ok(())
    }

    fn set(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        let id = match self.tree.find(path) {
            Err(Lost::Missing { above, end }) if !write.refresh => {
                return Ok(self.add(Action::Set, write, path, above, end));
            }
            found => found.map_err(|lost| self.lost(path, lost))?,
        };
        self.must_be_file(id, path)?;
        let prev = self.image(id);
        let text = (!write.dir).then(|| self.new_text(write, id));
        let index = self.next_index();
        self.tree.replace(id, text, index, self.deadline_ns(write));
        Ok(self.changed(Action::Set, write, id, path, prev))
    }

    fn create(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        match self.tree.find(path) {
            Ok(_) => Err(self.fail(Code::KeyExists, path)),
            Err(lost @ Lost::File { .. }) => {
                // The original makes nodes with the code of its set, which counts this too.
                self.stats.count(Stat::Set, false);
                Err(self.lost(path, lost))
            }
            Err(Lost::Missing { above, end }) => {
                if write.prev_value.is_some() || write.prev_index != 0 {
                    let cause = [b"there is no key to compare with: ", path].concat();
                    return Err(self.fail(Code::CompareFailed, &cause));
                }
                Ok(self.add(Action::Create, write, path, above, end))
            }
        }
    }

    fn create_in_order(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        let name = format!("{:020}", self.etcd_index + 1);
        let path = path::join(path, name.as_bytes());
        let unconditional = Write { prev_value: None, prev_index: 0, ..write.clone() };
        self.create(&unconditional, &path)
    }

    fn update(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        let id = self.tree.find(path).map_err(|lost| self.lost(path, lost))?;
        if !self.tree.get(id).is_dir() {
            return Ok(self.change(Action::Update, write, id, path));
        }
        if !write.refresh && !write.value.is_empty() {
            return Err(self.fail(Code::NotAFile, path));
        }
        let prev = self.image(id);
        self.next_index();
        self.tree.set_deadline(id, self.deadline_ns(write));
        Ok(self.changed(Action::Update, write, id, path, prev))
    }

    fn compare_and_swap(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        let id = self.find_expected(write, path)?;
        Ok(self.change(Action::CompareAndSwap, write, id, path))
    }

    fn compare_and_delete(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        let id = self.find_expected(write, path)?;
        let index = self.next_index();
        Ok(self.remove(Action::CompareAndDelete, id, path, index))
    }

    fn delete(&mut self, write: &Write, path: &[u8]) -> Result<Arc<Event>, Error> {
        let id = self.tree.find(path).map_err(|lost| self.lost(path, lost))?;
        if let Some(dir) = &self.tree.get(id).dir
            && !write.recursive
        {
            if !write.dir {
                return Err(self.fail(Code::NotAFile, path));
            }
            if !dir.children.is_empty() {
                return Err(self.fail(Code::DirNotEmpty, path));
            }
        }
        let index = self.next_index();
        Ok(self.remove(Action::Delete, id, path, index))
    }

    /// The file that has what the conditions ask for.
    fn find_expected(&self, write: &Write, path: &[u8]) -> Result<NodeId, Error> {
        let id = self.tree.find(path).map_err(|lost| self.lost(path, lost))?;
        self.must_be_file(id, path)?;
        let node = self.tree.get(id);
        let mut cause = Vec::new();
        if let Some(wanted) = &write.prev_value
            && wanted.as_slice() != node.text.value()
        {
            differs(&mut cause, wanted, node.text.value());
        }
        if write.prev_index != 0 && write.prev_index != node.modified_index {
            let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
            let (wanted, actual) = (a.format(write.prev_index), b.format(node.modified_index));
            differs(&mut cause, wanted.as_bytes(), actual.as_bytes());
        }
        if cause.is_empty() { Ok(id) } else { Err(self.fail(Code::CompareFailed, &cause)) }
    }

    fn must_be_file(&self, id: NodeId, path: &[u8]) -> Result<(), Error> {
        if self.tree.get(id).is_dir() { Err(self.fail(Code::NotAFile, path)) } else { Ok(()) }
    }

    fn lost(&self, path: &[u8], lost: Lost) -> Error {
        lost_error(path, lost, self.etcd_index)
    }

    /// 0 = none, so a real deadline is at least 1.
    fn deadline_ns(&self, write: &Write) -> u64 {
        write.ttl_ns.map_or(0, |ttl_ns| self.time_ns.saturating_add(ttl_ns).max(1))
    }

    fn new_text(&self, write: &Write, id: NodeId) -> Text {
        let old = &self.tree.get(id).text;
        if write.refresh { old.clone() } else { Text::new(old.name(), &write.value) }
    }

    fn add(
        &mut self,
        action: Action,
        write: &Write,
        path: &[u8],
        above: NodeId,
        missing_end: usize,
    ) -> Arc<Event> {
        let content = Content {
            value: (!write.dir).then_some(write.value.as_slice()),
            index: self.next_index(),
            deadline_ns: self.deadline_ns(write),
        };
        let id = self.tree.add_path(above, path, existing_end(path, missing_end), content);
        self.tree.touch(id, content.index);
        let event = Event::new(action, path, self.image(id), None, self.now());
        self.record(event, &[])
    }

    /// A new value and time to live for a file that stays the same node.
    fn change(&mut self, action: Action, write: &Write, id: NodeId, path: &[u8]) -> Arc<Event> {
        let prev = self.image(id);
        let text = self.new_text(write, id);
        let index = self.next_index();
        self.tree.change(id, text, index, self.deadline_ns(write));
        self.changed(action, write, id, path, prev)
    }

    fn changed(
        &mut self,
        action: Action,
        write: &Write,
        id: NodeId,
        path: &[u8],
        prev: Image,
    ) -> Arc<Event> {
        // A directory keeps its index, but the event of a new time to live has one of its own.
        let node = Image { modified_index: self.etcd_index, ..self.image(id) };
        let mut event = Event::new(action, path, node, Some(prev), self.now());
        event.refresh = write.refresh;
        if !write.refresh {
            self.tree.touch(id, self.etcd_index);
        }
        self.record(event, &[])
    }

    /// Remove a node with everything in it, as one event.
    pub(crate) fn remove(
        &mut self,
        action: Action,
        id: NodeId,
        path: &[u8],
        index: u64,
    ) -> Arc<Event> {
        self.hub.reach(index);
        let dir = self.tree.get(id).dir.as_ref();
        let subtree = dir.is_some_and(|dir| !dir.children.is_empty());
        let gone: Vec<Arc<[u8]>> = if subtree {
            let watched = self.hub.paths_below(path);
            watched.filter(|path| self.tree.find(path).is_ok()).cloned().collect()
        } else {
            Vec::new()
        };
        let prev = self.image(id);
        let node = Image { text: None, modified_index: index, deadline_ns: 0, ..prev.clone() };
        self.tree.touch(id, index);
        let inside = if subtree { self.tree.paths_inside(id) } else { None };
        self.tree.remove(id);
        let mut event = Event::new(action, path, node, Some(prev), self.now());
        event.subtree = subtree;
        event.inside = inside;
        self.record(event, &gone)
    }
}

fn differs(cause: &mut Vec<u8>, wanted: &[u8], actual: &[u8]) {
    if !cause.is_empty() {
        cause.push(b' ');
    }
    for part in [b"[", wanted, b" != ", actual, b"]"] {
        cause.extend_from_slice(part);
    }
}

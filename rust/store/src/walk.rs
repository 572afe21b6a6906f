//! A walk over what a listing shows: depth first, the children of a directory by the bytes of their names.
//!
//! It can begin after any key, whether that exists or not, and costs what it passes: directories are entered by a
//! search, and hidden children are skipped in one step however many there are.

use crate::arena::{NodeId, Nodes};
use crate::children::Place;

/// The first name after all that begin with `_`.
const AFTER_HIDDEN: &[u8] = b"`";

struct Frame {
    dir: NodeId,
    next: Place,
    path_len: usize,
}

/// See the module.
pub(crate) struct Walk<'a> {
    nodes: &'a Nodes,
    recursive: bool,
    /// The way down to where it is.
    frames: Vec<Frame>,
    /// Of the last node given; before the first one, of the last directory entered.
    path: Vec<u8>,
}

impl<'a> Walk<'a> {
    /// Everything below the directory `top`, whose path is `path`, that comes after the key `after` (empty: all). A
    /// file has nothing below it.
    pub fn new(
        nodes: &'a Nodes,
        top: NodeId,
        path: &[u8],
        recursive: bool,
        after: &[u8],
    ) -> Walk<'a> {
        let path = if path == b"/" { Vec::new() } else { path.to_vec() };
        let mut walk = Walk { nodes, recursive, frames: Vec::new(), path };
        if !nodes.get(top).is_dir() {
            return walk;
        }
        let below = after.get(walk.path.len() + 1..).unwrap_or(b"");
        walk.enter(top);
        walk.pass(below);
        walk
    }

    fn enter(&mut self, dir: NodeId) {
        self.frames.push(Frame { dir, next: Place::START, path_len: self.path.len() });
    }

    /// Go to the first node after `below`, a path without its first slash, relative to the frame at hand.
    fn pass(&mut self, below: &[u8]) {
        if below.is_empty() {
            return;
        }
        for name in below.split(|&byte| byte == b'/') {
            let Some(frame) = self.frames.last_mut() else { return };
            let children = &self.nodes.dir(frame.dir).children;
            let place = children.seek(self.nodes, name);
            let found = children.next(place).filter(|(id, _)| self.nodes.name(*id) == name);
            frame.next = found.map_or(place, |(_, after)| after);
            // Nothing in a file, in what is hidden or in what is not there comes between.
            let inside = found.map(|(id, _)| id).filter(|id| {
                let node = self.nodes.get(*id);
                self.recursive && node.is_dir() && !node.is_hidden()
            });
            let Some(id) = inside else { return };
            self.path.push(b'/');
            self.path.extend_from_slice(name);
            self.enter(id);
        }
    }

    /// The next node that is shown; [`Walk::path`] is its path.
    pub fn next(&mut self) -> Option<NodeId> {
        loop {
            let frame = self.frames.last_mut()?;
            let children = &self.nodes.dir(frame.dir).children;
            let Some((id, next)) = children.next(frame.next) else {
                self.frames.pop();
                continue;
            };
            let node = self.nodes.get(id);
            if node.is_hidden() {
                frame.next = children.seek(self.nodes, AFTER_HIDDEN);
                continue;
            }
            frame.next = next;
            self.path.truncate(frame.path_len);
            self.path.push(b'/');
            self.path.extend_from_slice(node.text.name());
            if self.recursive && node.is_dir() {
                self.enter(id);
            }
            return Some(id);
        }
    }

    /// Of the node that `next` has given last.
    pub fn path(&self) -> &[u8] {
        &self.path
    }
}

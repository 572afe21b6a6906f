//! The JSON of a read, step by step, so that a long one can be cut into pieces or given up.

use crate::arena::{Node, NodeId, Nodes, ROOT};
use crate::children::Place;
use crate::json;
use crate::rfc3339;

/// Append `,"expiration":...`.
pub(crate) fn expiration(out: &mut Vec<u8>, deadline_ns: u64, offset_ns: i64) {
    out.extend_from_slice(b",\"expiration\":\"");
    rfc3339::write(out, i128::from(deadline_ns) + i128::from(offset_ns));
    out.push(b'"');
}

/// What is left at `now_ns` in seconds, rounded up; 0 or negative when overdue.
pub(crate) fn ttl_seconds(deadline_ns: u64, now_ns: u64) -> i64 {
    const NS_PER_S: u64 = 1_000_000_000;
    // Both quotients are far below the greatest i64.
    if deadline_ns >= now_ns {
        (deadline_ns - now_ns).div_ceil(NS_PER_S) as i64
    } else {
        -(((now_ns - deadline_ns) / NS_PER_S) as i64)
    }
}

/// When and how a reader looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub now_ns: u64,
    pub offset_ns: i64,
    pub upstream: bool,
    pub recursive: bool,
    /// Values are left out.
    pub keys_only: bool,
}

impl Look {
    /// Bytes of a node's value that are shown.
    pub fn value_bytes(&self, node: &Node) -> usize {
        if self.keys_only { 0 } else { node.text.value().len() }
    }
}

#[derive(Debug)]
struct Frame {
    dir: NodeId,
    next: Place,
    listed: bool,
    key_len: usize,
}

/// A read that is being rendered.
pub(crate) struct Rendering<'a> {
    nodes: &'a Nodes,
    look: Look,
    /// The key of the node at hand, escaped already.
    key: Vec<u8>,
    frames: Vec<Frame>,
    /// Nodes looked at so far, hidden ones too.
    pub visited: usize,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something has been appended, or a hidden node passed by.
    More,
    /// There is nothing more.
    Complete,
    /// The next node does not fit; nothing has been appended.
    NoRoom,
}

impl<'a> Rendering<'a> {
    /// Begin with the node `id`, whose path is `path`.
    pub fn begin(
        nodes: &'a Nodes,
        id: NodeId,
        path: &[u8],
        look: Look,
        out: &mut Vec<u8>,
    ) -> Rendering<'a> {
        let mut key = Vec::with_capacity(path.len() + 32);
        if id != ROOT {
            json::text(&mut key, path);
        }
        let mut rendering = Rendering { nodes, look, key, frames: Vec::new(), visited: 0 };
        out.extend_from_slice(b"{\"action\":\"get\",\"node\":");
        rendering.open(id, 0, true, out);
        if rendering.frames.is_empty() {
            out.extend_from_slice(b"}\n");
        }
        rendering
    }

    /// Append one node, or the end of a directory. A node is not begun when its value would make `out` longer than
    /// `out_max`.
    pub fn step(&mut self, out: &mut Vec<u8>, out_max: usize) -> Step {
        let nodes = self.nodes;
        let Some(frame) = self.frames.last_mut() else { return Step::Complete };
        let Some((id, next)) = nodes.dir(frame.dir).children.next(frame.next) else {
            self.close_dir(out);
            return Step::More;
        };
        let node = nodes.get(id);
        if node.is_hidden() {
            frame.next = next;
            self.visited += 1;
            return Step::More;
        }
        if out.len() + self.look.value_bytes(node) > out_max {
            return Step::NoRoom;
        }
        frame.next = next;
        out.extend_from_slice(if frame.listed { b"," } else { b",\"nodes\":[" });
        frame.listed = true;
        let key_len = self.key.len();
        self.key.push(b'/');
        json::text(&mut self.key, node.text.name());
        self.open(id, key_len, self.look.recursive, out);
        Step::More
    }

    /// A node up to its children; also the rest, when they are not to be shown.
    fn open(&mut self, id: NodeId, key_len: usize, lists: bool, out: &mut Vec<u8>) {
        self.visited += 1;
        let node = self.nodes.get(id);
        head(id, node, &self.key, &self.look, out);
        if node.is_dir() && lists {
            self.frames.push(Frame { dir: id, next: Place::START, listed: false, key_len });
        } else {
            close(id, node, out);
            self.key.truncate(key_len);
        }
    }

    fn close_dir(&mut self, out: &mut Vec<u8>) {
        let Some(frame) = self.frames.pop() else { return };
        if frame.listed {
            out.push(b']');
        }
        close(frame.dir, self.nodes.get(frame.dir), out);
        self.key.truncate(frame.key_len);
        if self.frames.is_empty() {
            out.extend_from_slice(b"}\n");
        }
    }
}

/// A node up to its children; `key` is escaped already.
pub(crate) fn head(id: NodeId, node: &Node, key: &[u8], look: &Look, out: &mut Vec<u8>) {
    if id == ROOT {
        return out.extend_from_slice(b"{\"dir\":true");
    }
    out.extend_from_slice(b"{\"key\":\"");
    out.extend_from_slice(key);
    out.push(b'"');
    if node.is_dir() {
        out.extend_from_slice(b",\"dir\":true");
    } else if !look.keys_only {
        out.extend_from_slice(b",\"value\":");
        json::string(out, node.text.value());
    }
    if node.deadline_ns == 0 {
        return;
    }
    expiration(out, node.deadline_ns, look.offset_ns);
    let ttl_s = ttl_seconds(node.deadline_ns, look.now_ns);
    // A node that is there lives, even if its time is over and the command to remove it not here yet.
    let shown_s = if look.upstream { ttl_s } else { ttl_s.max(1) };
    if shown_s != 0 {
        out.extend_from_slice(b",\"ttl\":");
        json::int(out, shown_s);
    }
}

/// The rest of a node, after its children.
pub(crate) fn close(id: NodeId, node: &Node, out: &mut Vec<u8>) {
    if id != ROOT {
        out.extend_from_slice(b",\"modifiedIndex\":");
        json::uint(out, node.modified_index);
        out.extend_from_slice(b",\"createdIndex\":");
        json::uint(out, node.created_index);
    }
    out.push(b'}');
}

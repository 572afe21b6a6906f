//! The JSON of a part of a listing: a flat run of nodes, or only how many there are.

use crate::arena::{NodeId, Nodes};
use crate::json;
use crate::listing::{ReadSpec, write_next};
use crate::render::{Look, Step, close, head};
use crate::walk::Walk;

/// A page that is being rendered.
pub(crate) struct Paging<'a> {
    nodes: &'a Nodes,
    top: NodeId,
    walk: Walk<'a>,
    look: Look,
    counts: bool,
    /// Whether the reply says if there is more.
    is_paged: bool,
    /// Nodes that may still be given.
    left: usize,
    given: u64,
    is_complete: bool,
    /// Nodes looked at so far.
    pub visited: usize,
}

impl<'a> Paging<'a> {
    /// Begin with the directory `top`, whose path is `path`.
    pub fn begin(
        nodes: &'a Nodes,
        top: NodeId,
        path: &[u8],
        look: Look,
        spec: &ReadSpec,
        out: &mut Vec<u8>,
    ) -> Paging<'a> {
        let mut key = Vec::new();
        json::text(&mut key, path);
        out.extend_from_slice(b"{\"action\":\"get\",\"node\":");
        head(top, nodes.get(top), &key, &look, out);
        let (after, left) = match &spec.page {
            Some(page) => (page.after.as_slice(), page.limit),
            None => (&b""[..], usize::MAX),
        };
        Paging {
            nodes,
            top,
            walk: Walk::new(nodes, top, path, look.recursive, after),
            look,
            counts: spec.counts,
            is_paged: spec.page.is_some(),
            left,
            given: 0,
            is_complete: false,
            visited: 1,
        }
    }

    /// Append one node or the end. A node is not begun when its value would make `out` longer than `out_max`; there is
    /// no going on from that.
    pub fn step(&mut self, out: &mut Vec<u8>, out_max: usize) -> Step {
        if self.is_complete {
            return Step::Complete;
        }
        self.visited += 1;
        if self.left == 0 {
            let last = self.walk.path().to_vec();
            let has_more = self.walk.next().is_some();
            self.finish(has_more.then_some(last.as_slice()), out);
            return Step::More;
        }
        let Some(id) = self.walk.next() else {
            self.finish(None, out);
            return Step::More;
        };
        if !self.counts && !self.node(id, out, out_max) {
            return Step::NoRoom;
        }
        self.left -= 1;
        self.given += 1;
        Step::More
    }

    /// False: it does not fit.
    fn node(&self, id: NodeId, out: &mut Vec<u8>, out_max: usize) -> bool {
        let node = self.nodes.get(id);
        if out.len() + self.look.value_bytes(node) > out_max {
            return false;
        }
        out.extend_from_slice(if self.given > 0 { b"," } else { b",\"nodes\":[" });
        let mut key = Vec::with_capacity(self.walk.path().len() + 8);
        json::text(&mut key, self.walk.path());
        head(id, node, &key, &self.look, out);
        close(id, node, out);
        true
    }

    /// `next`: there is more after this key.
    fn finish(&mut self, next: Option<&[u8]>, out: &mut Vec<u8>) {
        if !self.counts && self.given > 0 {
            out.push(b']');
        }
        close(self.top, self.nodes.get(self.top), out);
        if self.counts {
            out.extend_from_slice(b",\"count\":");
            json::uint(out, self.given);
        }
        match next {
            Some(last) => {
                out.extend_from_slice(b",\"more\":true,\"next\":");
                json::string(out, &write_next(last));
            }
            None if self.is_paged => out.extend_from_slice(b",\"more\":false"),
            None => {}
        }
        out.extend_from_slice(b"}\n");
        self.is_complete = true;
    }
}

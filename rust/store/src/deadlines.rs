//! Which nodes have a time to live, the one due first in front.

use std::collections::BTreeSet;

use crate::arena::{Node, NodeId};

/// The order of expiry.
///
/// It must be the same on every member, and ids are not. Of nodes with one deadline the older goes
/// first; nodes with one `created_index` too were made by one write, so they are directories above each
/// other (or that write's key), and the upper one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    deadline_ns: u64,
    created_index: u64,
    depth: u32,
    id: NodeId,
}

/// All deadlines.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    all: BTreeSet<Due>,
}

impl Deadlines {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn add(&mut self, id: NodeId, node: &Node) {
        if let Some(due) = due(id, node) {
            self.all.insert(due);
        }
    }

    /// Must be called before the node changes what the order goes by.
    pub fn remove(&mut self, id: NodeId, node: &Node) {
        if let Some(due) = due(id, node) {
            self.all.remove(&due);
        }
    }

    pub fn first_ns(&self) -> Option<u64> {
        self.all.first().map(|due| due.deadline_ns)
    }

    /// The node to go first, if its time has come.
    pub fn due(&self, now_ns: u64) -> Option<NodeId> {
        self.all.first().filter(|due| due.deadline_ns <= now_ns).map(|due| due.id)
    }
}

fn due(id: NodeId, node: &Node) -> Option<Due> {
    let Node { deadline_ns, created_index, depth, .. } = *node;
    (deadline_ns != 0).then_some(Due { deadline_ns, created_index, depth, id })
}

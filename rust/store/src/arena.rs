//! Where nodes live: pages of 64, behind counted pointers and copied on the first write after a view.
//!
//! Pages hang in tables of 128, so that taking a view of a million nodes copies some 120 pointers.

use std::sync::Arc;

use crate::children::Children;
use crate::text::Text;

/// A place in the arena. Ids are local to one member and never leave it.
pub(crate) type NodeId = u32;

/// The root's place.
pub(crate) const ROOT: NodeId = 0;

const PAGE_BITS: u32 = 6;
const TABLE_BITS: u32 = 7;
const PAGE_LEN: usize = 1 << PAGE_BITS;
const TABLE_LEN: usize = 1 << TABLE_BITS;

/// A file, or a directory when `dir` is there.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub text: Text,
    pub created_index: u64,
    pub modified_index: u64,
    /// Cluster time at which it is to go; 0 = never.
    pub deadline_ns: u64,
    pub parent: NodeId,
    /// Segments of its path.
    pub depth: u32,
    pub dir: Option<Arc<Directory>>,
}

/// What only directories have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    /// Index of the last event at or below it that a watcher could see.
    pub subtree_index: u64,
    pub children: Children,
}

impl Node {
    pub fn is_dir(&self) -> bool {
        self.dir.is_some()
    }

    pub fn is_hidden(&self) -> bool {
        self.text.name().first() == Some(&b'_')
    }
}

#[derive(Clone)]
struct Page([Option<Node>; PAGE_LEN]);

#[derive(Clone)]
struct Table([Option<Arc<Page>>; TABLE_LEN]);

/// All nodes, as they are or as a view keeps them.
#[derive(Clone, Default)]
pub(crate) struct Nodes {
    tables: Vec<Arc<Table>>,
}

fn split(id: NodeId) -> (usize, usize, usize) {
    (
        (id >> (PAGE_BITS + TABLE_BITS)) as usize,
        (id >> PAGE_BITS) as usize % TABLE_LEN,
        id as usize % PAGE_LEN,
    )
}

impl Nodes {
    /// # Panics
    /// If there is no such node: an id must not outlive its node.
    pub fn get(&self, id: NodeId) -> &Node {
        let (table, page, at) = split(id);
        let page = self.tables.get(table).and_then(|table| table.0[page].as_ref());
        page.and_then(|page| page.0[at].as_ref()).expect("a node behind every id")
    }

    /// # Panics
    /// As [`Nodes::get`].
    pub fn get_mut(&mut self, id: NodeId) -> &mut Node {
        self.slot(id).as_mut().expect("a node behind every id")
    }

    pub fn name(&self, id: NodeId) -> &[u8] {
        self.get(id).text.name()
    }

    /// # Panics
    /// If it is not a directory.
    pub fn dir(&self, id: NodeId) -> &Directory {
        self.get(id).dir.as_ref().expect("a directory")
    }

    /// # Panics
    /// If it is not a directory.
    pub fn dir_mut(&mut self, id: NodeId) -> &mut Directory {
        Arc::make_mut(self.get_mut(id).dir.as_mut().expect("a directory"))
    }

    fn slot(&mut self, id: NodeId) -> &mut Option<Node> {
        let (table, page, at) = split(id);
        while self.tables.len() <= table {
            self.tables.push(Arc::new(Table([const { None }; TABLE_LEN])));
        }
        let page = Arc::make_mut(&mut self.tables[table]).0[page]
            .get_or_insert_with(|| Arc::new(Page([const { None }; PAGE_LEN])));
        &mut Arc::make_mut(page).0[at]
    }
}

/// The nodes and the places that are free.
#[derive(Default)]
pub(crate) struct Arena {
    pub nodes: Nodes,
    free: Vec<NodeId>,
    next: NodeId,
}

impl Arena {
    /// # Panics
    /// At 2^32 nodes.
    pub fn add(&mut self, node: Node) -> NodeId {
        let id = self.free.pop().unwrap_or_else(|| {
            let id = self.next;
            self.next = id.checked_add(1).expect("fewer than 2^32 nodes");
            id
        });
        *self.nodes.slot(id) = Some(node);
        id
    }

    /// # Panics
    /// If there is no such node.
    pub fn remove(&mut self, id: NodeId) -> Node {
        let node = self.nodes.slot(id).take().expect("a node behind every id");
        self.free.push(id);
        node
    }
}

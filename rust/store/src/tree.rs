//! The tree: nodes in the arena, found by parent and name, and their deadlines.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::arena::{Arena, Directory, Node, NodeId, Nodes, ROOT};
use crate::deadlines::Deadlines;
use crate::path;
use crate::text::Text;

/// Paths of a removed directory that its event remembers (8 bytes each).
const PATHS_INSIDE_MAX: usize = 1 << 16;

/// Where the way down a path ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// `path[..end]` does not exist; `above` is its parent.
    Missing { above: NodeId, end: usize },
    /// `path[..end]` is a file, and the path goes on.
    File { id: NodeId, end: usize },
}

/// What a new or changed node gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    /// A file's value; none makes a directory.
    pub value: Option<&'a [u8]>,
    pub index: u64,
    pub deadline_ns: u64,
}

/// The tree as it is now.
pub(crate) struct Tree {
    arena: Arena,
    /// Not part of views, so it is one flat table. Seeded at random: names come from clients.
    by_name: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
    pub deadlines: Deadlines,
}

impl Tree {
    pub fn new() -> Self {
        let mut arena = Arena::default();
        let root = arena.add(Node {
            text: Text::new(b"", b""),
            created_index: 0,
            modified_index: 0,
            deadline_ns: 0,
            parent: ROOT,
            depth: 0,
            dir: Some(Arc::default()),
        });
        assert_eq!(root, ROOT, "the first place is the root's");
        Self {
            arena,
            by_name: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            deadlines: Deadlines::default(),
        }
    }

    pub fn nodes(&self) -> &Nodes {
        &self.arena.nodes
    }

    pub fn get(&self, id: NodeId) -> &Node {
        self.arena.nodes.get(id)
    }

    /// Nodes without the root.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    fn hash(&self, parent: NodeId, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let is_it = |id: &NodeId| {
            let node = self.arena.nodes.get(*id);
            node.parent == parent && node.text.name() == name
        };
        self.by_name.find(self.hash(parent, name), is_it).copied()
    }

    /// The node of a clean path.
    pub fn find(&self, path: &[u8]) -> Result<NodeId, Lost> {
        walk(path, &self.arena.nodes, |parent, name| self.child(parent, name))
    }

    pub fn path_of(&self, id: NodeId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = id;
        while at != ROOT {
            let node = self.get(at);
            names.push(node.text.name());
            at = node.parent;
        }
        let mut path = Vec::new();
        for name in names.into_iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        path
    }

    /// Add the node `path`, whose part after `path[..from]` (which is `above`) does not exist yet.
    /// Directories on the way are made with the same index and live for ever.
    pub fn add_path(
        &mut self,
        above: NodeId,
        path: &[u8],
        from: usize,
        content: Content<'_>,
    ) -> NodeId {
        let mut parent = above;
        let mut rest = &path[from + 1..];
        while let Some(end) = memchr::memchr(b'/', rest) {
            let made = Content { value: None, deadline_ns: 0, ..content };
            parent = self.add(parent, &rest[..end], made);
            rest = &rest[end + 1..];
        }
        self.add(parent, rest, content)
    }

    /// Add a child that does not exist yet.
    pub fn add(&mut self, parent: NodeId, name: &[u8], content: Content<'_>) -> NodeId {
        let place = self.nodes().dir(parent).children.find(self.nodes(), name);
        let place = match place {
            Ok(place) | Err(place) => place,
        };
        let node = Node {
            text: Text::new(name, content.value.unwrap_or(b"")),
            created_index: content.index,
            modified_index: content.index,
            deadline_ns: content.deadline_ns,
            parent,
            depth: self.get(parent).depth + 1,
            dir: content.value.is_none().then(|| new_directory(content.index)),
        };
        let id = self.arena.add(node);
        self.arena.nodes.dir_mut(parent).children.insert(place, id);
        let (hash, nodes, hasher) = (self.hash(parent, name), &self.arena.nodes, &self.hasher);
        self.by_name.insert_unique(hash, id, |id| {
            let node = nodes.get(*id);
            hasher.hash_one((node.parent, node.text.name()))
        });
        self.deadlines.add(id, self.arena.nodes.get(id));
        id
    }

    /// Put a new node in the place of a file.
    pub fn replace(&mut self, id: NodeId, text: Option<Text>, index: u64, deadline_ns: u64) {
        let (deadlines, node) = (&mut self.deadlines, self.arena.nodes.get_mut(id));
        deadlines.remove(id, node);
        match text {
            Some(text) => node.text = text,
            None => {
                node.text = Text::new(node.text.name(), b"");
                node.dir = Some(new_directory(index));
            }
        }
        node.created_index = index;
        node.modified_index = index;
        node.deadline_ns = deadline_ns;
        deadlines.add(id, node);
    }

    /// Change a file's value, index and deadline; it stays the same node.
    pub fn change(&mut self, id: NodeId, text: Text, index: u64, deadline_ns: u64) {
        let (deadlines, node) = (&mut self.deadlines, self.arena.nodes.get_mut(id));
        deadlines.remove(id, node);
        node.text = text;
        node.modified_index = index;
        node.deadline_ns = deadline_ns;
        deadlines.add(id, node);
    }

    pub fn set_deadline(&mut self, id: NodeId, deadline_ns: u64) {
        let (deadlines, node) = (&mut self.deadlines, self.arena.nodes.get_mut(id));
        deadlines.remove(id, node);
        node.deadline_ns = deadline_ns;
        deadlines.add(id, node);
    }

    /// Something that watchers can see happened at `id`: note it there and in all directories above.
    pub fn touch(&mut self, id: NodeId, index: u64) {
        let mut at = id;
        loop {
            if self.get(at).is_dir() {
                self.arena.nodes.dir_mut(at).subtree_index = index;
            }
            if at == ROOT {
                return;
            }
            at = self.get(at).parent;
        }
    }

    /// Remove a node with everything in it.
    ///
    /// # Panics
    /// For the root.
    pub fn remove(&mut self, id: NodeId) {
        assert_ne!(id, ROOT, "the root stays");
        let node = self.get(id);
        let (parent, name) = (node.parent, node.text.name());
        if let Ok(place) = self.nodes().dir(parent).children.find(self.nodes(), name) {
            self.arena.nodes.dir_mut(parent).children.remove(place);
        }
        // Not by recursion: a path may have thousands of segments.
        let mut doomed = vec![id];
        while let Some(id) = doomed.pop() {
            let node = self.arena.nodes.get(id);
            self.deadlines.remove(id, node);
            if let Some(dir) = &node.dir {
                doomed.extend(dir.children.iter());
            }
            let hash = self.hash(node.parent, node.text.name());
            if let Ok(entry) = self.by_name.find_entry(hash, |other| *other == id) {
                entry.remove();
            }
            self.arena.remove(id);
        }
    }

    /// Sorted hashes of the paths below a directory, relative to it; none if they are too many to be kept.
    pub fn paths_inside(&self, top: NodeId) -> Option<Box<[u64]>> {
        let mut hashes = Vec::new();
        let mut dirs = vec![(top, path::hash(b""))];
        while let Some((id, above)) = dirs.pop() {
            let Some(dir) = &self.get(id).dir else { continue };
            for child in dir.children.iter() {
                if hashes.len() == PATHS_INSIDE_MAX {
                    return None;
                }
                let hash = path::hash_on(path::hash_on(above, b"/"), self.get(child).text.name());
                hashes.push(hash);
                dirs.push((child, hash));
            }
        }
        hashes.sort_unstable();
        Some(hashes.into_boxed_slice())
    }

    /// Make room for nodes that are about to come.
    pub fn reserve(&mut self, count: usize) {
        let (nodes, hasher) = (&self.arena.nodes, &self.hasher);
        self.by_name.reserve(count, |id| {
            let node = nodes.get(*id);
            hasher.hash_one((node.parent, node.text.name()))
        });
    }

    pub fn set_root_subtree_index(&mut self, index: u64) {
        self.arena.nodes.dir_mut(ROOT).subtree_index = index;
    }

    /// Give a restored node what [`Tree::add`] does not.
    pub fn set_indexes(&mut self, id: NodeId, modified_index: u64, subtree_index: u64) {
        let node = self.arena.nodes.get_mut(id);
        node.modified_index = modified_index;
        if node.is_dir() {
            self.arena.nodes.dir_mut(id).subtree_index = subtree_index;
        }
    }
}

fn new_directory(index: u64) -> Arc<Directory> {
    Arc::new(Directory { subtree_index: index, ..Directory::default() })
}

/// Go down a clean path with any way to find a child.
pub(crate) fn walk(
    path: &[u8],
    nodes: &Nodes,
    child: impl Fn(NodeId, &[u8]) -> Option<NodeId>,
) -> Result<NodeId, Lost> {
    let mut at = ROOT;
    let mut end = 0;
    if path.len() <= 1 {
        return Ok(ROOT);
    }
    while end < path.len() {
        if at != ROOT && !nodes.get(at).is_dir() {
            return Err(Lost::File { id: at, end });
        }
        let start = end + 1;
        end = memchr::memchr(b'/', &path[start..]).map_or(path.len(), |length| start + length);
        at = child(at, &path[start..end]).ok_or(Lost::Missing { above: at, end })?;
    }
    Ok(at)
}

impl Nodes {
    /// The node of a clean path, by searching the sorted children: views have no table.
    pub fn find(&self, path: &[u8]) -> Result<NodeId, Lost> {
        walk(path, self, |parent, name| {
            let children = &self.dir(parent).children;
            let place = children.find(self, name).ok()?;
            children.next(place).map(|(id, _)| id)
        })
    }
}

/// Where to begin making what is missing: the end of the part of `path` that exists.
pub(crate) fn existing_end(path: &[u8], missing_end: usize) -> usize {
    path::parent_len(&path[..missing_end])
}

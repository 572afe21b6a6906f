//! The children of a directory, in the order of their names.
//!
//! Ids in chunks, each behind a counted pointer: a write to a directory of a million children while a
//! view exists copies one chunk and the list of chunks, not a million ids.

use std::sync::Arc;

use crate::arena::{NodeId, Nodes};

const CHUNK_LEN: usize = 256;
/// Neighbours that together are no longer than this become one.
const MERGED_LEN: usize = CHUNK_LEN / 2;

/// Sorted ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    chunks: Vec<Arc<Vec<NodeId>>>,
}

/// Where a child is, or belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub chunk: usize,
    pub at: usize,
}

impl Place {
    /// The first child's.
    pub const START: Place = Place { chunk: 0, at: 0 };
}

impl Children {
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The child at a place, and the place after it.
    pub fn next(&self, place: Place) -> Option<(NodeId, Place)> {
        let chunk = self.chunks.get(place.chunk)?;
        let id = *chunk.get(place.at)?;
        let at = place.at + 1;
        let after = if at < chunk.len() {
            Place { at, ..place }
        } else {
            Place { chunk: place.chunk + 1, at: 0 }
        };
        Some((id, after))
    }

    pub fn iter(&self) -> impl Iterator<Item = NodeId> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().copied())
    }

    pub fn last(&self) -> Option<NodeId> {
        self.chunks.last()?.last().copied()
    }

    /// Where the child called `name` is, or else where it would have to be.
    pub fn find(&self, nodes: &Nodes, name: &[u8]) -> Result<Place, Place> {
        let Some(last) = self.chunks.last() else { return Err(Place { chunk: 0, at: 0 }) };
        // Keys often come in order.
        if last.last().is_some_and(|id| nodes.name(*id) < name) {
            return Err(Place { chunk: self.chunks.len() - 1, at: last.len() });
        }
        let after = self.chunks.partition_point(|chunk| nodes.name(chunk[0]) <= name);
        let chunk = after.saturating_sub(1);
        match self.chunks[chunk].binary_search_by(|id| nodes.name(*id).cmp(name)) {
            Ok(at) => Ok(Place { chunk, at }),
            Err(at) => Err(Place { chunk, at }),
        }
    }

    /// Where the first child stands whose name is not below `name`, to go on from with `next`.
    pub fn seek(&self, nodes: &Nodes, name: &[u8]) -> Place {
        let (Ok(place) | Err(place)) = self.find(nodes, name);
        match self.chunks.get(place.chunk) {
            Some(chunk) if place.at == chunk.len() => Place { chunk: place.chunk + 1, at: 0 },
            _ => place,
        }
    }

    /// Insert at a place that `find` gave.
    pub fn insert(&mut self, Place { mut chunk, mut at }: Place, id: NodeId) {
        if self.chunks.is_empty() {
            return self.chunks.push(Arc::new(vec![id]));
        }
        let len = self.chunks[chunk].len();
        if len >= CHUNK_LEN {
            if at == len && chunk + 1 == self.chunks.len() {
                return self.chunks.push(Arc::new(vec![id]));
            }
            let upper = Arc::make_mut(&mut self.chunks[chunk]).split_off(len / 2);
            self.chunks.insert(chunk + 1, Arc::new(upper));
            if at > len / 2 {
                chunk += 1;
                at -= len / 2;
            }
        }
        Arc::make_mut(&mut self.chunks[chunk]).insert(at, id);
    }

    /// Remove the child at a place that `find` gave.
    pub fn remove(&mut self, Place { chunk, at }: Place) {
        let ids = Arc::make_mut(&mut self.chunks[chunk]);
        ids.remove(at);
        if ids.is_empty() {
            self.chunks.remove(chunk);
        } else if let Some(next) = self.chunks.get(chunk + 1)
            && self.chunks[chunk].len() + next.len() <= MERGED_LEN
        {
            let next = self.chunks.remove(chunk + 1);
            Arc::make_mut(&mut self.chunks[chunk]).extend_from_slice(&next);
        }
    }
}

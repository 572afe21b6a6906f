//! Reads of the store as it is now.

use crate::error::Error;
use crate::path;
use crate::render::{Look, Rendering};
use crate::stats::Stat;
use crate::store::{Store, lost_error};
use crate::view::TreeView;

impl Store {
    /// Append the JSON of a read to `out`, with its final newline.
    ///
    /// `now_ns` is the cluster time that the `ttl` fields count from. `Ok(false)`: it would take a look
    /// at more than `max_nodes` nodes (hidden ones count), `out` is as before, and the reader is served
    /// from a [`Store::tree_view`]; it has been counted as served.
    ///
    /// # Errors
    /// 100 or 104, whose cause is where the path ended.
    pub fn get(
        &mut self,
        path: &[u8],
        recursive: bool,
        now_ns: u64,
        max_nodes: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let path = path::cleaned(path);
        let found = self.tree.find(&path);
        self.stats.count(Stat::Get, found.is_ok());
        let id = found.map_err(|lost| lost_error(&path, lost, self.etcd_index))?;
        let look = self.look(now_ns, recursive);
        let before = out.len();
        let mut rendering = Rendering::begin(self.tree.nodes(), id, &path, look, out);
        while rendering.visited <= max_nodes {
            if !rendering.step(out) {
                return Ok(true);
            }
        }
        out.truncate(before);
        Ok(false)
    }

    /// The tree as it is now, to be read elsewhere while the store goes on.
    pub fn tree_view(&mut self) -> TreeView {
        TreeView {
            nodes: self.tree.nodes().clone(),
            etcd_index: self.etcd_index,
            look: self.look(self.time_ns, false),
        }
    }

    fn look(&self, now_ns: u64, recursive: bool) -> Look {
        Look {
            now_ns: now_ns.max(self.time_ns),
            offset_ns: self.offset_ns,
            upstream: self.config.upstream,
            recursive,
        }
    }
}

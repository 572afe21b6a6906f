//! Reads of the store as it is now.

use crate::error::Error;
use crate::listing::{Listing, ReadSpec};
use crate::path;
use crate::render::{Look, Step};
use crate::stats::Stat;
use crate::store::{Store, lost_error};
use crate::view::TreeView;

/// What a read may append for each node that it may look at: a read costs its bytes as much as its nodes.
const NODE_BYTES: usize = 512;

impl Store {
    /// Append the JSON of a read to `out`, with its final newline.
    ///
    /// `now_ns` is the cluster time that the `ttl` fields count from. `Ok(false)`: it would take a look at more than
    /// `max_nodes` nodes (hidden ones count), or append more than 512 bytes for each of these, `out` is as before, and
    /// the reader is served from a [`Store::tree_view`]; it has been counted as served. One file alone is always
    /// served, as a view would give it in one piece too.
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
        let spec = ReadSpec { recursive, ..ReadSpec::default() };
        self.list(path, &spec, now_ns, max_nodes, out)
    }

    /// As [`Store::get`], with a choice of what is shown.
    ///
    /// # Errors
    /// As there.
    pub fn list(
        &mut self,
        path: &[u8],
        spec: &ReadSpec,
        now_ns: u64,
        max_nodes: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let path = path::cleaned(path);
        let found = self.tree.find(&path);
        self.stats.count(Stat::Get, found.is_ok());
        let id = found.map_err(|lost| lost_error(&path, lost, self.etcd_index))?;
        let look = spec.on(self.look(now_ns));
        let before = out.len();
        let out_max = before.saturating_add(max_nodes.saturating_mul(NODE_BYTES));
        let mut listing = Listing::begin(self.tree.nodes(), id, &path, look, spec, out);
        while listing.visited() <= max_nodes {
            match listing.step(out, out_max) {
                Step::More => {}
                Step::Complete => return Ok(true),
                Step::NoRoom => break,
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
            look: self.look(self.time_ns),
        }
    }

    fn look(&self, now_ns: u64) -> Look {
        Look {
            now_ns: now_ns.max(self.time_ns),
            offset_ns: self.offset_ns,
            upstream: self.config.upstream,
            recursive: false,
            keys_only: false,
        }
    }
}

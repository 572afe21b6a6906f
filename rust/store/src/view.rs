//! The store as it was at one index, for readers on other threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::arena::Nodes;
use crate::auth::Auth;
use crate::command::RequestId;
use crate::error::Error;
use crate::history::History;
use crate::listing::{Listing, ReadSpec};
use crate::members::Members;
use crate::path;
use crate::queue::Queue;
use crate::render::{Look, Step};
use crate::stats::Stats;
use crate::store::{Store, lost_error};
use crate::window::Outcome;

/// The tree as it was when the view was taken.
#[derive(Clone)]
pub struct TreeView {
    pub(crate) nodes: Nodes,
    pub(crate) etcd_index: u64,
    pub(crate) look: Look,
}

/// Bytes that make a piece.
const PIECE_BYTES: usize = 32 << 10;

impl TreeView {
    /// The bytes of [`Store::get`], in pieces of about 32 KiB, more only for a node that is larger. `piece` returns
    /// false to stop.
    ///
    /// # Errors
    /// 100 or 104, before any piece.
    pub fn get(
        &self,
        path: &[u8],
        recursive: bool,
        now_ns: u64,
        piece: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        self.list(path, &ReadSpec { recursive, ..ReadSpec::default() }, now_ns, piece)
    }

    /// The bytes of [`Store::list`], as [`TreeView::get`] gives them.
    ///
    /// # Errors
    /// As there.
    pub fn list(
        &self,
        path: &[u8],
        spec: &ReadSpec,
        now_ns: u64,
        piece: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let path = path::cleaned(path);
        let id = self.nodes.find(&path).map_err(|lost| lost_error(&path, lost, self.etcd_index))?;
        let look = spec.on(Look { now_ns: now_ns.max(self.look.now_ns), ..self.look });
        let mut out = Vec::with_capacity(PIECE_BYTES + (4 << 10));
        let mut listing = Listing::begin(&self.nodes, id, &path, look, spec, &mut out);
        while listing.step(&mut out, usize::MAX) == Step::More {
            if out.len() >= PIECE_BYTES {
                if !piece(&out) {
                    return Ok(());
                }
                out.clear();
            }
        }
        if !out.is_empty() {
            piece(&out);
        }
        Ok(())
    }
}

/// Everything that a snapshot holds, as it was when the view was taken.
pub struct StoreView {
    pub(crate) nodes: Nodes,
    pub(crate) node_count: usize,
    pub(crate) etcd_index: u64,
    pub(crate) time_ns: u64,
    pub(crate) offset_ns: i64,
    pub(crate) members: Members,
    pub(crate) cluster_version: Option<String>,
    pub(crate) shows_machine_keys: bool,
    pub(crate) auth: Arc<Auth>,
    pub(crate) requests: Queue<(RequestId, Outcome)>,
    pub(crate) marks: BTreeMap<u64, (u64, u64)>,
    pub(crate) history: History,
    pub(crate) stats: Stats,
}

impl StoreView {
    /// Index of the last change in it.
    #[must_use]
    pub fn etcd_index(&self) -> u64 {
        self.etcd_index
    }

    /// Cluster time of the last command in it.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }
}

impl Store {
    /// The whole state as it is now, for a snapshot or a digest. Copies pointers to pages, no nodes.
    pub fn view(&mut self) -> StoreView {
        StoreView {
            nodes: self.tree.nodes().clone(),
            node_count: self.tree.len(),
            etcd_index: self.etcd_index,
            time_ns: self.time_ns,
            offset_ns: self.offset_ns,
            members: self.members.clone(),
            cluster_version: self.cluster_version.clone(),
            shows_machine_keys: self.shows_machine_keys,
            auth: self.auth.clone(),
            requests: self.window.entries.clone(),
            marks: self.window.marks.clone(),
            history: self.history.clone(),
            stats: self.stats.clone(),
        }
    }
}

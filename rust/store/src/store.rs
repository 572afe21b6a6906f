//! The store: its parts, and what can be asked of it without changing it.

use std::sync::Arc;

use crate::auth::Auth;
use crate::error::{Code, Error};
use crate::event::{Event, Image};
use crate::history::History;
use crate::hub::{Hub, Notice};
use crate::members::{MemberInfo, Members};
use crate::stats::{NAMES, Stats, WATCHERS};
use crate::tree::{Lost, Tree};
use crate::window::Window;

/// Settings. `request_window` must be the same on every member: what is forgotten is part of the digest.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Events kept for watches from an old index, in bytes (about; keys, values and JSON counted).
    pub history_bytes: usize,
    /// So many events are kept even if they are larger than that, but not beyond 128 MiB.
    pub history_events_min: usize,
    /// Request ids whose outcome is kept. Their events are bounded too, at 8 MiB.
    pub request_window: usize,
    /// Show the flaws of the original that clients can see: a history of 1000 events (if they
    /// fit into 128 MiB) that a busy key empties for all, shows hidden keys and compares paths as text; one event for a
    /// stream from an old index; overdue keys with a `ttl` of 0 or less.
    pub upstream: bool,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            history_bytes: 16 << 20,
            history_events_min: 1000,
            request_window: 16 << 10,
            upstream: false,
        }
    }
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The event, none for a command that is not a client's write, or why it was not carried out.
    pub outcome: Result<Option<Arc<Event>>, Error>,
    /// `etcd_index` after it.
    pub etcd_index: u64,
    /// The request id was known: this is the first outcome again, and nothing was changed.
    pub repeated: bool,
}

/// Sizes, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Events kept in the history.
    pub history_events: usize,
    /// About how many bytes they take.
    pub history_bytes: usize,
    /// Request ids whose outcome is known.
    pub request_ids: usize,
    /// Nodes with a time to live.
    pub deadlines: usize,
}

/// The state machine. One per member; it is `Send`.
pub struct Store {
    pub(crate) config: StoreConfig,
    pub(crate) tree: Tree,
    pub(crate) etcd_index: u64,
    pub(crate) time_ns: u64,
    pub(crate) offset_ns: i64,
    pub(crate) members: Members,
    /// The version that all members have.
    pub(crate) cluster_version: Option<String>,
    /// Whether the last member or version that was published wants the machine keys of 0.4.
    pub(crate) shows_machine_keys: bool,
    pub(crate) auth: Arc<Auth>,
    pub(crate) auth_revision: u64,
    pub(crate) history: History,
    pub(crate) window: Window,
    pub(crate) stats: Stats,
    pub(crate) hub: Hub,
    pub(crate) notices: Vec<Notice>,
}

/// Events that the original keeps.
const UPSTREAM_EVENTS: usize = 1000;

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(config: StoreConfig) -> Store {
        let history = if config.upstream {
            History::new(0, UPSTREAM_EVENTS)
        } else {
            History::new(config.history_bytes, config.history_events_min)
        };
        Store {
            tree: Tree::new(),
            etcd_index: 0,
            time_ns: 0,
            offset_ns: 0,
            members: Members::default(),
            cluster_version: None,
            shows_machine_keys: false,
            auth: Arc::default(),
            auth_revision: 0,
            history,
            window: Window::new(config.request_window),
            stats: Stats::default(),
            hub: Hub::new(),
            notices: Vec::new(),
            config,
        }
    }

    /// Index of the last change.
    #[must_use]
    pub fn etcd_index(&self) -> u64 {
        self.etcd_index
    }

    /// Cluster time of the last command.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// Wall clock = cluster time + this.
    #[must_use]
    pub fn offset_ns(&self) -> i64 {
        self.offset_ns
    }

    /// When the next node is to go, if any has a time to live.
    #[must_use]
    pub fn next_deadline_ns(&self) -> Option<u64> {
        self.tree.deadlines.first_ns()
    }

    /// The oldest index from which every watch can be served.
    #[must_use]
    pub fn oldest_event_index(&self) -> u64 {
        self.history.oldest_index().unwrap_or(self.etcd_index + 1)
    }

    /// Watches that wait.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.hub.len()
    }

    /// Files and directories, without the root.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.tree.len()
    }

    /// The numbers of `/v2/stats/store` with their names, in the order of the reply.
    #[must_use]
    pub fn stats(&self) -> [(&'static str, u64); 16] {
        let mut counts = self.stats.0;
        counts[WATCHERS] = self.hub.len() as u64;
        std::array::from_fn(|at| (NAMES[at], counts[at]))
    }

    /// The members, by id.
    #[must_use]
    pub fn members(&self) -> Vec<MemberInfo> {
        self.members.iter().cloned().collect()
    }

    /// Ids that have left and cannot come back, in order.
    #[must_use]
    pub fn removed_members(&self) -> Vec<u64> {
        self.members.removed().collect()
    }

    /// Members, and ids that have left, with the rules by which they change.
    #[must_use]
    pub fn members_table(&self) -> Members {
        self.members.clone()
    }

    /// The version that every member has, once it is known.
    #[must_use]
    pub fn cluster_version(&self) -> Option<&str> {
        self.cluster_version.as_deref()
    }

    /// Sizes, for metrics.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            history_events: self.history.len(),
            history_bytes: self.history.bytes(),
            request_ids: self.window.len(),
            deadlines: self.tree.deadlines.len(),
        }
    }

    /// What watchers are to be told since the last call, in order, appended to `into`.
    pub fn take_notices(&mut self, into: &mut Vec<Notice>) {
        into.append(&mut self.notices);
    }

    /// The time that goes into an event.
    pub(crate) fn now(&self) -> (u64, i64) {
        (self.time_ns, self.offset_ns)
    }

    pub(crate) fn image(&self, id: crate::arena::NodeId) -> Image {
        let node = self.tree.get(id);
        Image {
            text: (!node.is_dir()).then(|| node.text.clone()),
            dir: node.is_dir(),
            created_index: node.created_index,
            modified_index: node.modified_index,
            deadline_ns: node.deadline_ns,
        }
    }

    pub(crate) fn fail(&self, code: Code, cause: &[u8]) -> Error {
        Error::new(code, cause.to_vec(), self.etcd_index)
    }
}

/// The error for a path that leads nowhere: its cause is where the way ended.
pub(crate) fn lost_error(path: &[u8], lost: Lost, etcd_index: u64) -> Error {
    let (code, end) = match lost {
        Lost::Missing { end, .. } => (Code::KeyNotFound, end),
        Lost::File { end, .. } => (Code::NotADirectory, end),
    };
    Error::new(code, path[..end].to_vec(), etcd_index)
}

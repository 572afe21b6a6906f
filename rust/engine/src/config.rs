//! What a member is told at its start.

use std::path::PathBuf;

use coreos_raft::Limits;
use coreos_store::StoreConfig;
use coreos_wal::WalOptions;

/// The token of a cluster that was not given one.
pub const DEFAULT_TOKEN: &str = "etcd-cluster";

/// What a cluster has told a member that joins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The member's id.
    pub member_id: u64,
    /// The cluster's.
    pub cluster_id: u64,
}

/// Settings of one member.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// Its data directory, made if missing.
    pub data_dir: PathBuf,
    /// Its name within the cluster.
    pub name: String,
    /// Names and peer URLs of the cluster's first members. An existing data directory does not look at it.
    pub initial_cluster: Vec<(String, Vec<String>)>,
    /// The member joins a cluster that exists, which has given it an id: `initial_cluster` is not looked at. An
    /// existing data directory does not look at it.
    pub joining: Option<Joining>,
    /// Make a cluster of one member from all that the data directory has: its other members are removed.
    pub force_new_cluster: bool,
    /// Between two heartbeats of a leader, in milliseconds.
    pub heartbeat_ms: u64,
    /// Without a word from the leader for this long, in milliseconds, a member asks for votes.
    pub election_ms: u64,
    /// The cluster's token. `None`: the default, and no check against the directory's own.
    pub token: Option<String>,
    /// Advertised peer URLs.
    pub peer_urls: Vec<String>,
    /// Advertised client URLs.
    pub client_urls: Vec<String>,
    /// Take a snapshot after this many entries. `None`: by the size of the log.
    pub snapshot_count: Option<u64>,
    /// Snapshot files kept; 0 = all.
    pub max_snapshots: usize,
    /// Bytes of the event history.
    pub history_bytes: usize,
    /// The wire-visible flaws of etcd 2.3 on purpose.
    pub upstream: bool,
    /// Bounds on what consensus keeps in memory and sends. What is in flight is bounded elsewhere.
    pub limits: Limits,
    /// Size and alignment of the log's files.
    pub wal: WalOptions,
    /// The newest version whose commands the member knows. Less than [`crate::COMMANDS_VERSION`] makes it one of an
    /// older program, as far as that goes: for tests.
    pub speaks: String,
}

impl MemberConfig {
    pub(crate) fn store(&self) -> StoreConfig {
        StoreConfig {
            history_bytes: self.history_bytes,
            upstream: self.upstream,
            ..StoreConfig::default()
        }
    }

    pub(crate) fn token_or_default(&self) -> &str {
        self.token.as_deref().unwrap_or(DEFAULT_TOKEN)
    }
}

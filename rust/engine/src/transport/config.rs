//! What a transport is told at its start.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use super::inbox::PeerVersions;

/// A bound socket of the peer port.
#[derive(Debug)]
pub struct PeerListener {
    /// Listening already.
    pub socket: TcpListener,
    /// Whether it speaks TLS; [`TransportConfig::tls`] is needed then.
    pub has_tls: bool,
}

/// Certificates of the peer port, PEM. They are read again when they have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerTls {
    /// This member's, shown to both who call and who are called.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// Whose certificates are believed. Without it no peer can be called by `https`.
    pub trusted_ca_file: Option<PathBuf>,
    /// Take connections only from those who show a certificate of that authority.
    pub client_cert_auth: bool,
    /// And only with this common name.
    pub allowed_cn: Option<String>,
}

/// What `GET /version` says, beside whether the cluster's version has been decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionTexts {
    /// As `etcdserver`.
    pub server: String,
    /// As `etcdcluster`, once it has been decided.
    pub cluster: String,
    /// As `coreos_py`, if it is shown at all.
    pub program: Option<String>,
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to be taken.
    pub connect: Duration,
    /// For a request, a hello or the reply to it to be complete.
    pub hello: Duration,
    /// Without a sign of life from the host of the other end, a link is broken. Whole seconds.
    pub dead: Duration,
    /// The same for a snapshot, whose receiver may wait for its disk.
    pub dead_snapshot: Duration,
    /// Longest pause between two attempts to connect.
    pub backoff: Duration,
    /// For all threads to end.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            hello: Duration::from_secs(5),
            dead: Duration::from_secs(4),
            dead_snapshot: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
            stop: Duration::from_secs(5),
        }
    }
}

/// Everything a transport has to know.
#[derive(Debug)]
pub struct TransportConfig {
    /// This member's cluster.
    pub cluster_id: u64,
    /// This member.
    pub member_id: u64,
    /// Its versions.
    pub versions: PeerVersions,
    /// For `GET /version`.
    pub texts: VersionTexts,
    /// The sockets of the peer port.
    pub listeners: Vec<PeerListener>,
    /// For listeners and peers with TLS.
    pub tls: Option<PeerTls>,
    /// Limits of patience.
    pub timeouts: Timeouts,
    /// Bytes that may wait for a peer in the lane of entries.
    pub bulk_bytes_max: usize,
    /// The same in the lane of what is urgent.
    pub fast_bytes_max: usize,
}

impl TransportConfig {
    /// With the usual limits, and neither versions, listeners nor TLS.
    #[must_use]
    pub fn new(cluster_id: u64, member_id: u64) -> Self {
        Self {
            cluster_id,
            member_id,
            versions: PeerVersions::default(),
            texts: VersionTexts::default(),
            listeners: Vec::new(),
            tls: None,
            timeouts: Timeouts::default(),
            bulk_bytes_max: 64 << 20,
            fast_bytes_max: 1 << 20,
        }
    }
}

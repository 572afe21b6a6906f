//! What the links of a member tell it.

use std::io::Write;

use coreos_store::{MemberInfo, StoreView};
use coreos_wal::SnapshotMeta;

use crate::peers::Frame;

/// The versions of a peer, as it says in its hello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerVersions {
    /// Of its program.
    pub program: String,
    /// The newest version whose commands it knows (`docs/formats.md`, section 1, "Gate").
    pub speaks: String,
}

/// What an id is to this member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Of a member of the cluster.
    Member,
    /// Of one that was removed. It never comes back.
    Removed,
    /// Not known. It may be a member that this one has not heard of yet.
    Unknown,
}

/// Where the data of a snapshot goes that a peer sends. Dropping it without an end throws the data away.
///
/// The data has been checked against its checksums before [`SnapshotSink::finish`].
pub trait SnapshotSink: Write + Send {
    /// Everything is there: make it durable and install it. May take as long as the disk needs.
    ///
    /// # Errors
    /// Why it cannot be installed, for the sender's log; another attempt begins from nothing.
    fn finish(self: Box<Self>) -> Result<(), String>;
}

/// A snapshot for a peer.
pub struct SnapshotSource {
    /// Term of the last entry in it.
    pub term: u64,
    /// The last entry in it.
    pub index: u64,
    /// The state after that entry.
    pub view: StoreView,
}

/// The member's side of its links. All methods are called on threads of the transport, several at once; none of them
/// may call [`super::Transport::stop`].
pub trait Inbox: Send + Sync {
    /// A frame from a peer. Those of one lane come in order. Its messages are from that peer and to this member.
    fn receive(&self, from: u64, frame: Frame);

    /// A link to a peer stands, or takes frames again after some had to be dropped. Told for each lane. What was sent
    /// since the last [`Inbox::unreachable`], and is not sent again by itself, may be sent again now.
    fn connected(&self, peer: u64, versions: PeerVersions);

    /// A link to a peer broke, or frames for it were dropped. Whatever was sent to it before this, and until
    /// [`Inbox::connected`], may be lost.
    fn unreachable(&self, peer: u64);

    /// After a link to a peer broke, connections to it are refused: its process has ended. Once for each such end.
    fn gone(&self, peer: u64);

    /// A peer says that this member was removed from the cluster.
    fn removed(&self, why: String);

    /// A peer begins to send a snapshot. `None`: it is of no use here.
    fn snapshot_offered(&self, from: u64, meta: SnapshotMeta) -> Option<Box<dyn SnapshotSink>>;

    /// A call of [`super::Transport::send_snapshot`] has come to an end: the peer has installed the state as of this
    /// entry, or it has not.
    fn snapshot_ended(&self, to: u64, installed: Option<u64>);

    /// What an id is, now.
    fn standing(&self, id: u64) -> Standing;

    /// The members, for `GET /members`.
    fn members(&self) -> Vec<MemberInfo>;

    /// What the cluster speaks, if that has been decided; for `GET /version`.
    fn cluster_version(&self) -> Option<String>;

    /// A line for the log.
    fn log(&self, line: &str);
}

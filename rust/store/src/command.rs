//! What the store applies. The bytes of a command are in `docs/formats.md`, section 1.

use crate::auth::AuthChange;

/// Names one proposal for ever: who made it, in which life, and the how manieth it was.
///
/// All zero means that the command needs no protection against being applied twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// Id of the proposing member.
    pub member: u64,
    /// How often that member had been started.
    pub incarnation: u64,
    /// A counter within that start.
    pub sequence: u64,
}

impl RequestId {
    /// Whether the command has no id.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// One replicated change, or one of the system's own entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The proposal's name, or none.
    pub request: RequestId,
    /// Cluster time at the leader when it proposed, in nanoseconds.
    pub time_ns: u64,
    /// What to do.
    pub body: Body,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing: the first entry of a term.
    Noop,
    /// A client's write.
    Write(Write),
    /// Remove the first 1000 nodes whose deadline has come; to be proposed again while some are left.
    Expire,
    /// Wall clock = cluster time + this.
    Clock {
        /// Nanoseconds, may be negative.
        offset_ns: i64,
    },
    /// A new member, not started yet.
    AddMember {
        /// Its id.
        id: u64,
        /// Where other members reach it.
        peer_urls: Vec<String>,
        /// It does not vote.
        is_learner: bool,
    },
    /// A member leaves for ever.
    RemoveMember {
        /// Its id.
        id: u64,
    },
    /// A member is reached elsewhere.
    UpdateMember {
        /// Its id.
        id: u64,
        /// Where other members reach it from now on.
        peer_urls: Vec<String>,
    },
    /// A member has started.
    Publish {
        /// Its id.
        id: u64,
        /// Its name.
        name: String,
        /// Where clients reach it.
        client_urls: Vec<String>,
        /// Keep `/_etcd/machines/<name>`.
        shows_machine_keys: bool,
    },
    /// The version that every member has.
    ClusterVersion {
        /// As text, for example `0.1.0`.
        text: String,
        /// Keep `/_etcd/config`.
        shows_machine_keys: bool,
    },
    /// A learner becomes a voter.
    PromoteMember {
        /// Its id.
        id: u64,
    },
    /// Users, roles, and whether requests are judged by them.
    Auth(AuthChange),
}

impl Body {
    /// Whether it changes who the members are, who votes, or where they are reached.
    #[must_use]
    pub fn changes_members(&self) -> bool {
        matches!(
            self,
            Self::AddMember { .. }
                | Self::RemoveMember { .. }
                | Self::UpdateMember { .. }
                | Self::PromoteMember { .. }
        )
    }
}

/// The seven ways to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Create or replace.
    Set,
    /// Create; must not exist.
    Create,
    /// Create a child whose name is this command's index.
    CreateInOrder,
    /// Change; must exist.
    Update,
    /// Change a file that is as expected.
    CompareAndSwap,
    /// Delete a file that is as expected.
    CompareAndDelete,
    /// Delete.
    Delete,
}

impl Op {
    /// Each once, in the order of their numbers in a command's bytes.
    pub const ALL: [Op; 7] = [
        Op::Set,
        Op::Create,
        Op::CreateInOrder,
        Op::Update,
        Op::CompareAndSwap,
        Op::CompareAndDelete,
        Op::Delete,
    ];
}

/// A client's write.
///
/// The conditions `prev_value` and `prev_index` count for the two compare operations. On a create
/// they contradict it: over an existing node it fails as every create, and on a missing one with
/// [`Code::CompareFailed`](crate::Code::CompareFailed), because there is nothing that could be equal.
/// The other operations ignore them.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which of the seven.
    pub op: Op,
    /// The key, clean (see [`clean_path`](crate::clean_path)).
    pub path: Vec<u8>,
    /// The new value of a file.
    pub value: Vec<u8>,
    /// Make, or delete, a directory. A refreshing set makes one of a file too, as the original does; whoever proposes
    /// it leaves this out unless that is wanted.
    pub dir: bool,
    /// Delete a directory with everything in it.
    pub recursive: bool,
    /// Change the time to live only, and tell no watcher.
    pub refresh: bool,
    /// Time to live from the command's time on; none = for ever.
    pub ttl_ns: Option<u64>,
    /// The value that the file must have. An empty one is a value.
    pub prev_value: Option<Vec<u8>>,
    /// The `modifiedIndex` that the file must have; 0 = not asked.
    pub prev_index: u64,
}

impl Write {
    /// A write with nothing but its operation and path.
    #[must_use]
    pub fn new(op: Op, path: impl Into<Vec<u8>>) -> Self {
        Self {
            op,
            path: path.into(),
            value: Vec::new(),
            dir: false,
            recursive: false,
            refresh: false,
            ttl_ns: None,
            prev_value: None,
            prev_index: 0,
        }
    }
}

//! One replica: log, consensus and store joined, the thread that drives them, and the HTTP front.
//!
//! The logic is a step function without threads: [`replica`] decides what is to be made durable and what that
//! decides, [`applier`] changes the store, [`boot`] rebuilds both from a data directory. [`member`] is a thin shell
//! of threads and locks around it; `rust/sim` is another one, of one thread, with a simulated disk and clock.
//!
//! Invariants:
//! - write, sync, apply, answer, in that order, also on one member;
//! - nothing waits for the disk while holding a lock that the front takes;
//! - the replica's lock and the store's lock are never held together;
//! - after a failed write or sync nothing is acknowledged any more.

pub mod applier;
pub mod boot;
pub mod chores;
mod clock;
mod completion;
mod config;
mod doorbell;
mod driving;
mod error;
mod execute;
pub mod front;
mod ids;
mod inbox;
mod links;
mod log_thread;
mod member;
mod membership;
mod metrics;
mod passwords;
mod peering;
pub mod peers;
pub mod replica;
pub mod snapshot;
mod status;
mod ticker;
pub mod transport;
mod versions;

pub use clock::{ClusterClock, Now};
pub use completion::{Completion, Sink};
pub use config::{DEFAULT_TOKEN, Joining, MemberConfig};
pub use coreos_raft::{Limits, Role as RaftRole};
pub use coreos_store::{
    AuthChange, Body, DOCUMENT_BYTES_MAX, DOCUMENTS_MAX, LIST_MAX, List, PasswordHash, Role, User,
};
pub use coreos_wal::{RealDisk, Report, SnapshotMeta, repair, verify};
pub use error::{EngineError, ErrorKind, Refused};
pub use execute::NotExecuted;
pub use ids::{cluster_id, member_id, new_member_id};
pub use links::Links;
pub use member::{Context, Member};
pub use metrics::{HistogramValue, Metrics};
pub use passwords::hash_password;
pub use status::Status;
pub use versions::NEWEST as COMMANDS_VERSION;

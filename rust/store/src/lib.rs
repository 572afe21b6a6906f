//! The etcd v2 state machine: a tree of nodes, its indexes, its events, and who is told of them.
//!
//! Nothing here reads a clock, does I/O or starts a thread. Time comes in with each [`Command`], so
//! that every member that applies the same commands reaches the same state, byte for byte; the
//! [digest](StoreView::digest) of two members can be compared.

mod apply;
mod arena;
mod auth;
mod auth_codec;
mod children;
mod codec;
mod command;
mod deadlines;
mod error;
mod event;
mod event_codec;
mod history;
mod hub;
mod json;
mod listing;
mod machine_keys;
mod members;
mod pack;
mod page;
mod path;
mod prefix_hash;
mod queue;
mod reading;
mod render;
mod replace;
mod restore;
mod rfc3339;
mod snapshot;
mod stats;
mod store;
mod text;
mod tree;
mod unpack;
mod view;
mod walk;
mod watching;
mod window;
mod write;

pub use auth::{
    Auth, AuthChange, DOCUMENT_BYTES_MAX, DOCUMENTS_MAX, GUEST_ROLE, LIST_MAX, List, PasswordHash,
    ROOT_NAME, Role, User,
};
pub use codec::{DecodeError, Unknown};
pub use command::{Body, Command, Op, RequestId, Write};
pub use error::{Code, Error};
pub use event::{Action, Event};
pub use hub::{Notice, Told, WatchId};
pub use listing::{Page, ReadSpec, parse_after};
pub use members::{MemberInfo, Members, MembershipError};
pub use path::{clean_path, is_hidden_below};
pub use restore::RestoreError;
pub use store::{Applied, Memory, Store, StoreConfig};
pub use view::{StoreView, TreeView};
pub use watching::{WatchSpec, Watching};

//! A member on a real directory: its life from start to stop, its threads, its snapshots.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/inbox.rs"]
mod inbox;

mod changes;
mod directory;
mod proposals;
mod snapshots;
mod stopping;
mod telling;
mod time;

//! The HTTP front over real sockets and over the fed transport.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod reply;
mod rig;

mod auth;
mod auth_watches;
mod ends;
mod limits;
mod listings;
mod pieces;
mod requests;
mod watches;

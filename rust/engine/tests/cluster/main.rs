//! Members of one cluster in one process: their real threads and files, and links that are channels.

#[path = "../common/mod.rs"]
mod common;
mod digests;
#[path = "../common/inbox.rs"]
mod inbox;
mod leading;
mod network;
mod versions;

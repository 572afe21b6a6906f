//! A member is brought up on a disk that refuses.

#[path = "../common/mod.rs"]
mod common;
mod faulty_disk;

mod full;
mod unreadable;

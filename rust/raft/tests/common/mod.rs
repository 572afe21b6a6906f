//! What the tests of several members share.

pub mod world;

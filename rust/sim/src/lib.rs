//! A deterministic simulator: the real engine on a simulated disk and clock, from one seed. Never shipped.
//!
//! One member so far. A run proposes writes, lets time pass, cuts the power in the middle of disk operations,
//! fills the disk, fails a sync, flips bits, jumps the wall clock, and starts the member again; after every start
//! and at every answer it [checks](checker) what the member promises. A failing run is one seed.
//!
//! [`Broken`] members are the controls: each breaks one rule and must be caught.

pub mod checker;
pub mod cluster;
pub mod disk;
mod rng;
mod run;
mod totals;
mod workload;
mod world;

pub use rng::Rng;
pub use run::{Failure, run};
pub use totals::Totals;

/// A member that breaks one rule on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its disk takes syncs for done without doing them.
    IgnoresSync,
    /// It applies and answers before the batch is on the disk.
    AnswersBeforeSync,
    /// It answers writes that the full disk refused as if they had been made.
    AnswersRefused,
    /// Its clock runs twice as fast as the world's, so that keys expire early.
    RunsFast,
}

/// All of them, for the control that each is caught.
pub const BROKEN: [Broken; 4] =
    [Broken::IgnoresSync, Broken::AnswersBeforeSync, Broken::AnswersRefused, Broken::RunsFast];

//! Rules that a simulator breaks on purpose, to see that it would notice. Each thread breaks its own; by default, and
//! always without the feature `broken`, none is broken.

/// A rule of consensus.
#[cfg_attr(not(feature = "broken"), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A vote is durable before it is told.
    VoteNotPersisted,
    /// Entries of older terms are never committed by counting.
    OlderTermCommitted,
    /// A leader asks a majority before it answers a read.
    ReadWithoutQuorum,
    /// A suffix that contradicts the leader's goes.
    SuffixKept,
    /// Term and vote are durable when a snapshot is.
    HardStateLost,
    /// The first change of the membership in a term waits for an entry of that term.
    ChangeTooEarly,
}

#[cfg(feature = "broken")]
mod switch {
    use std::cell::Cell;

    use super::Broken;

    thread_local! {
        static BROKEN: Cell<Option<Broken>> = const { Cell::new(None) };
    }

    /// Break this rule, and no other, on this thread from now on.
    pub fn break_rule(rule: Option<Broken>) {
        BROKEN.set(rule);
    }

    pub(crate) fn is_broken(rule: Broken) -> bool {
        BROKEN.get() == Some(rule)
    }
}

#[cfg(not(feature = "broken"))]
mod switch {
    pub(crate) const fn is_broken(_rule: super::Broken) -> bool {
        false
    }
}

#[cfg(feature = "broken")]
pub use switch::break_rule;
pub(crate) use switch::is_broken;

//! Cluster time: it never goes back, and never faster than any clock, so that no key goes before its time.

use std::collections::BTreeMap;

use crate::checker::Problem;

/// How much faster than the world a host's clock runs at most, in millionths.
pub(super) const FASTER_PPM_MAX: u64 = 200;

/// When the entries were made, in the world's time.
#[derive(Default)]
pub(super) struct Births {
    at_ns: BTreeMap<(u64, u64), u64>,
    last_time_ns: u64,
    /// Cluster time minus the world's, at the entry where that was least.
    least_ahead_ns: Option<i128>,
}

impl Births {
    /// A leader has just made the entry.
    pub fn born(&mut self, term: u64, index: u64, world_ns: u64) {
        self.at_ns.entry((term, index)).or_insert(world_ns);
    }

    /// Whoever decides alone has taken back what comes after the entry: its place and term may be given again.
    pub fn taken_back(&mut self, term: u64, index: u64) {
        self.at_ns.retain(|&(of, at), _| of != term || at <= index);
    }

    /// An entry was decided; those before it have been. Time runs no faster than the fastest clock from any entry to
    /// any later one: so no time to live is shorter than it should be, whoever led meanwhile.
    pub fn decide(&mut self, term: u64, index: u64, time_ns: u64) -> Result<(), Problem> {
        if time_ns == 0 {
            return Ok(());
        }
        if time_ns < self.last_time_ns {
            return Err(format!(
                "entry {index}: cluster time went back by {} ns",
                self.last_time_ns - time_ns
            ));
        }
        self.last_time_ns = time_ns;
        let Some(&born_ns) = self.at_ns.get(&(term, index)) else {
            return Err(format!("entry {index} of term {term} was made by nobody who leads"));
        };
        // The least that the fastest clock can show is what nobody may be ahead of.
        let allowed_ns = born_ns + born_ns / 1_000_000 * FASTER_PPM_MAX;
        let ahead_ns = i128::from(time_ns) - i128::from(allowed_ns);
        let least_ns = *self.least_ahead_ns.get_or_insert(ahead_ns);
        if ahead_ns > least_ns + 1_000 {
            return Err(format!(
                "entry {index}: cluster time has gained {} ns on every clock",
                ahead_ns - least_ns
            ));
        }
        self.least_ahead_ns = Some(least_ns.min(ahead_ns));
        Ok(())
    }
}

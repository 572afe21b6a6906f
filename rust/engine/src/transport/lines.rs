//! Log lines that would come again with every attempt, said once.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// More than there are sound reasons; whoever causes others can only cause repetition.
const LINES_MAX: usize = 64;

/// Lines that have been said.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<BTreeSet<String>>);

impl Lines {
    /// Whether this one has to be said now.
    pub fn is_new(&self, line: &str) -> bool {
        let mut said = self.0.lock();
        if said.contains(line) {
            return false;
        }
        if said.len() == LINES_MAX {
            said.clear();
        }
        said.insert(line.to_owned())
    }

    /// Things have changed: all of them are news again.
    pub fn forget(&self) {
        self.0.lock().clear();
    }
}

//! The counters of `/v2/stats/store`.

/// What is counted, in the order of the reply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stat {
    Get = 0,
    Set = 2,
    Delete = 4,
    Update = 6,
    Create = 8,
    CompareAndSwap = 10,
    CompareAndDelete = 12,
}

/// The names in the reply. The last one is no counter: it is how many watchers there are.
pub(crate) const NAMES: [&str; 16] = [
    "getsSuccess",
    "getsFail",
    "setsSuccess",
    "setsFail",
    "deleteSuccess",
    "deleteFail",
    "updateSuccess",
    "updateFail",
    "createSuccess",
    "createFail",
    "compareAndSwapSuccess",
    "compareAndSwapFail",
    "compareAndDeleteSuccess",
    "compareAndDeleteFail",
    "expireCount",
    "watchers",
];

const EXPIRED: usize = 14;
pub(crate) const WATCHERS: usize = 15;

/// Counts since the member's data directory was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats(pub [u64; 16]);

impl Stats {
    pub fn count(&mut self, what: Stat, succeeded: bool) {
        self.0[what as usize + usize::from(!succeeded)] += 1;
    }

    pub fn count_expired(&mut self) {
        self.0[EXPIRED] += 1;
    }
}

//! A store takes another one's place under those who watch: a member that was behind got a leader's snapshot.

use crate::error::{Code, Error};
use crate::stats::Stat;
use crate::store::Store;

impl Store {
    /// Become what `other` is, which was restored from a snapshot with this store's settings. What has already been
    /// told to watchers goes on to be theirs ([`Store::take_notices`]); then each is told that there is a gap, and its
    /// watch is over. Reads go on to be counted where they were; [`Store::auth_revision`] moves.
    pub fn replace(&mut self, other: Store) {
        let next_index = self.etcd_index + 1;
        let mut stats = other.stats;
        for gets in [Stat::Get as usize, Stat::Get as usize + 1] {
            stats.0[gets] = self.stats.0[gets];
        }
        self.tree = other.tree;
        self.etcd_index = other.etcd_index;
        self.time_ns = other.time_ns;
        self.offset_ns = other.offset_ns;
        self.members = other.members;
        self.cluster_version = other.cluster_version;
        self.shows_machine_keys = other.shows_machine_keys;
        self.auth = other.auth;
        self.auth_revision += 1;
        self.history = other.history;
        self.window = other.window;
        self.stats = stats;
        let (oldest, now) = (self.oldest_event_index(), self.etcd_index);
        let gap = |from: u64| {
            let cause = format!("the requested history has been cleared [{oldest}/{from}]");
            Error::new(Code::EventIndexCleared, cause.into_bytes(), now)
        };
        self.hub.end_all(next_index, gap, &mut self.notices);
    }
}

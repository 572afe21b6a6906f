//! What a run has seen: a run without faults proves nothing.

use super::{ALL_FAULTS, FaultKind};

macro_rules! totals {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts over one run, or added up over several.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct ClusterTotals {
            $($(#[$doc])* pub $name: u64,)*
            /// Faults by kind.
            pub faults: [u64; 18],
        }

        impl ClusterTotals {
            /// Add another run's.
            pub fn add(&mut self, other: &ClusterTotals) {
                $(self.$name += other.$name;)*
                for (sum, one) in self.faults.iter_mut().zip(other.faults) {
                    *sum += one;
                }
            }
        }
    };
}

totals! {
    /// Runs with at least 500 operations and at least 10 faults of at least 3 kinds.
    full_runs,
    /// Things that happened.
    steps,
    /// Simulated time, in milliseconds.
    ms,
    /// Writes and linearizable reads that clients have begun.
    asked,
    /// Writes with an outcome.
    answered,
    /// Linearizable reads.
    quorum_reads,
    /// Reads of whatever a member has.
    plain_reads,
    /// Operations whose client gave up.
    unknown,
    /// Operations that were refused.
    refused,
    /// Writes whose outcome came out of a snapshot.
    settled,
    /// Entries decided.
    decided,
    /// Entries that were a command's second.
    repeated,
    /// Keys that have expired.
    expiries,
    /// Events that watchers were told.
    events,
    /// Gaps that watchers were told of.
    gaps,
    /// Leaders elected.
    elections,
    /// Snapshots written beside the log.
    snapshots,
    /// Snapshots sent to another member.
    snapshots_sent,
    /// Snapshots from which a store was restored.
    snapshots_installed,
    /// Members added and removed.
    changes,
    /// Learners that have become voters.
    promotions,
    /// Frames sent.
    frames,
    /// Frames lost.
    lost,
    /// Frames doubled.
    doubled,
    /// Stores compared.
    compared,
    /// Starts.
    starts,
    /// Starts that the power cut short.
    interrupted_starts,
    /// Members that ended well.
    stops,
    /// Batches that a full disk refused.
    full_disks,
    /// Power cuts.
    crashes,
    /// Writes of which only some sectors arrived.
    torn,
    /// Starts refused because of damage.
    damage_found,
    /// Damage that did no harm.
    damage_harmless,
}

impl ClusterTotals {
    pub(super) fn fault(&mut self, kind: FaultKind) {
        self.faults[kind as usize] += 1;
    }

    pub(super) fn close(&mut self) {
        let (faults, kinds) = self.fault_count();
        self.full_runs = u64::from(self.asked >= 500 && faults >= 10 && kinds >= 3);
    }

    /// How often each kind of fault was, as text.
    #[must_use]
    pub fn faults_by_kind(&self) -> String {
        let of_kinds = ALL_FAULTS.into_iter().zip(self.faults);
        of_kinds.map(|(kind, count)| format!("{kind:?} {count}")).collect::<Vec<_>>().join(", ")
    }

    /// How many faults, and of how many kinds.
    #[must_use]
    pub fn fault_count(&self) -> (u64, usize) {
        (self.faults.iter().sum(), self.faults.iter().filter(|&&count| count > 0).count())
    }

    /// What `seeds` runs must have seen at least; gives the names of what fell short.
    #[must_use]
    pub fn missing(&self, seeds: u64) -> Vec<String> {
        let minimums = [
            ("runs with 500 operations and 10 faults of 3 kinds", self.full_runs, seeds),
            ("operations", self.asked, 500 * seeds),
            ("answered writes", self.answered, 200 * seeds),
            ("linearizable reads", self.quorum_reads, 50 * seeds),
            ("elections", self.elections, 3 * seeds),
            ("snapshot installs", self.snapshots_installed, seeds / 2),
            ("membership changes", self.changes, seeds),
            ("promotions", self.promotions, seeds / 4),
            ("torn writes", self.torn, seeds / 4),
            ("power cuts", self.crashes, 2 * seeds),
            ("commands decided twice", self.repeated, seeds / 4),
            ("watch gaps", self.gaps, seeds / 4),
            ("expiries", self.expiries, seeds),
            ("lost frames", self.lost, 20 * seeds),
            ("doubled frames", self.doubled, 20 * seeds),
            ("full disks", self.full_disks, seeds / 20),
            ("starts refused for damage", self.damage_found, seeds / 200),
        ];
        let of_kinds = ALL_FAULTS.into_iter().zip(self.faults);
        let of_kinds = of_kinds.map(|(kind, seen)| (format!("{kind:?}"), seen, seeds / 100));
        let minimums = minimums.map(|(name, seen, least)| (name.to_owned(), seen, least));
        let short = minimums.into_iter().chain(of_kinds).filter(|(_, seen, least)| seen < least);
        short.map(|(name, seen, least)| format!("{name}: {seen} of at least {least}")).collect()
    }
}

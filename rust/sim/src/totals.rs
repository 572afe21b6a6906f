//! What a run has seen: a run without faults proves nothing.

use crate::disk::DiskTotals;

/// Counts over one run, or added up over several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Proposals made.
    pub proposed: u64,
    /// Proposals answered with an outcome.
    pub answered: u64,
    /// Proposals refused because the disk was full.
    pub refused: u64,
    /// Starts of the member.
    pub starts: u64,
    /// Starts on a disk so full that the member could not even say that it has started.
    pub read_only_starts: u64,
    /// Starts that the power cut short.
    pub interrupted_starts: u64,
    /// Clean stops.
    pub stops: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Nodes expired.
    pub expiries: u64,
    /// Starts refused because of damage.
    pub damage_found: u64,
    /// Damage that a start could do without noticing: unused bytes, an older snapshot.
    pub damage_harmless: u64,
    /// Events that the watcher saw.
    pub events: u64,
    /// What happened to the disk.
    pub disk: DiskTotals,
}

impl Totals {
    /// Add another run's.
    pub fn add(&mut self, other: &Totals) {
        let Totals { disk, .. } = self;
        disk.crashes += other.disk.crashes;
        disk.lost += other.disk.lost;
        disk.torn += other.disk.torn;
        disk.refused += other.disk.refused;
        disk.failed_syncs += other.disk.failed_syncs;
        disk.flipped += other.disk.flipped;
        self.proposed += other.proposed;
        self.answered += other.answered;
        self.refused += other.refused;
        self.starts += other.starts;
        self.read_only_starts += other.read_only_starts;
        self.interrupted_starts += other.interrupted_starts;
        self.stops += other.stops;
        self.snapshots += other.snapshots;
        self.expiries += other.expiries;
        self.damage_found += other.damage_found;
        self.damage_harmless += other.damage_harmless;
        self.events += other.events;
    }

    /// What `seeds` runs must have seen at least, by name; gives the names of what fell short.
    #[must_use]
    pub fn missing(&self, seeds: u64) -> Vec<String> {
        let minimums = [
            ("answered proposals", self.answered, 200 * seeds),
            ("refused proposals", self.refused, seeds / 2),
            ("power cuts", self.disk.crashes, 4 * seeds),
            ("lost writes", self.disk.lost, seeds),
            ("torn writes", self.disk.torn, seeds),
            ("failed syncs", self.disk.failed_syncs, seeds / 4),
            ("flipped bits", self.disk.flipped, seeds / 4),
            ("starts refused for damage", self.damage_found, seeds / 20),
            ("read-only starts", self.read_only_starts, seeds / 20),
            ("interrupted starts", self.interrupted_starts, seeds / 20),
            ("clean stops", self.stops, seeds / 2),
            ("snapshots", self.snapshots, 2 * seeds),
            ("expiries", self.expiries, seeds),
            ("events", self.events, 50 * seeds),
        ];
        let short = minimums.iter().filter(|(_, seen, least)| seen < least);
        short.map(|(name, seen, least)| format!("{name}: {seen} of at least {least}")).collect()
    }
}

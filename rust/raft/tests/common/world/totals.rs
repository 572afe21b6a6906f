//! How much happened.

#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub elections: u64,
    pub decided: u64,
    pub snapshots: u64,
    pub changes: u64,
    pub reads: u64,
    pub crashes: u64,
    pub handovers: u64,
    pub refusals: u64,
    pub suspicions: u64,
    pub idle_ticks: u64,
    /// Members that ended because they had been taken out, and how many of them had left one voter.
    pub left: u64,
    pub left_one: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.decided += other.decided;
        self.snapshots += other.snapshots;
        self.changes += other.changes;
        self.reads += other.reads;
        self.crashes += other.crashes;
        self.handovers += other.handovers;
        self.refusals += other.refusals;
        self.suspicions += other.suspicions;
        self.idle_ticks += other.idle_ticks;
        self.left += other.left;
        self.left_one += other.left_one;
    }
}

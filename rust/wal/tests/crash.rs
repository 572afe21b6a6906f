//! Power cuts at any moment: what was acknowledged is there afterwards, nothing else is made up.

mod common;

use common::dice::Dice;
use common::sim::SimDisk;
use common::{Owned, batch, dir, entries, entry, identity, options, prepare, recover};
use coreos_wal::{DirState, SnapshotMeta, Wal};
use proptest::prelude::*;

/// What must be on the disk.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entries: Vec<Owned>,
    last: u64,
    /// Term, vote, commit.
    hard: (u64, u64, u64),
    incarnation: u64,
    clock_ns: u64,
    /// Indexes of snapshots, oldest first.
    snapshots: Vec<u64>,
}

impl Model {
    fn apply(&mut self, record: &Owned) {
        match *record {
            Owned::Entry { index, .. } => {
                self.entries.retain(|old| index_of(old) < index);
                self.entries.push(record.clone());
                self.last = index;
            }
            Owned::HardState { term, vote, commit } => self.hard = (term, vote, commit),
            Owned::Mark { term, index } => self.mark(term, index),
            // Another leader may have gone on from less than a record says.
            Owned::Clock { time_ns } => self.clock_ns = time_ns,
            Owned::Start { incarnation } => self.incarnation = incarnation,
        }
    }

    /// A snapshot is durable. What the log does not hold came from a leader.
    fn mark(&mut self, term: u64, index: u64) {
        let known = self.entries.iter().find(|entry| index_of(entry) == index).map(term_of);
        if index > self.last || known.is_some_and(|known| known != term) {
            self.entries.clear();
            self.last = index;
        }
    }

    fn with(&self, records: &[Owned]) -> Model {
        let mut model = self.clone();
        for record in records {
            model.apply(record);
        }
        model
    }

    fn matches(&self, from: u64, seen: &[Owned], recovery: &coreos_wal::Recovery) -> bool {
        let newer: Vec<_> = self.entries.iter().filter(|e| index_of(e) > from).cloned().collect();
        let mut recovered = entries(seen);
        recovered.retain(|entry| index_of(entry) <= recovery.last_index);
        recovered == newer
            && recovery.last_index == self.last.max(from)
            && (recovery.term, recovery.vote, recovery.commit) == self.hard
            && (recovery.incarnation, recovery.clock_ns) == (self.incarnation, self.clock_ns)
    }
}

fn index_of(record: &Owned) -> u64 {
    match record {
        Owned::Entry { index, .. } => *index,
        other => panic!("{other:?} is no entry"),
    }
}

fn term_of(record: &Owned) -> u64 {
    match record {
        Owned::Entry { term, .. } => *term,
        other => panic!("{other:?} is no entry"),
    }
}

struct Run {
    disk: SimDisk,
    dice: Dice,
    model: Model,
    /// A batch that was being written when the power went: it may be there or not.
    pending: Vec<Owned>,
    created: bool,
    term: u64,
}

/// How much was done, to know that a run was worth something.
#[derive(Default)]
struct Stats {
    acknowledged: u64,
    cut: u64,
    released: u64,
    /// Snapshots that replaced entries of another term.
    replaced: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        Run {
            disk: SimDisk::new(),
            dice: Dice::new(seed),
            model: Model::default(),
            pending: Vec::new(),
            created: false,
            term: 1,
        }
    }

    /// Open the log and compare; `None` when the power went meanwhile.
    fn open(&mut self) -> Result<Option<Wal>, String> {
        let shared = self.disk.shared();
        let data = dir(&shared);
        let state = data.state().map_err(|error| error.message)?;
        if !matches!(state, DirState::Member(_)) {
            if self.created {
                return Err(format!("a member became {state:?}"));
            }
            return match data.create(&identity(), &options()) {
                Ok(wal) => {
                    self.created = true;
                    Ok(Some(wal))
                }
                Err(_) if self.disk.crashed() => Ok(None),
                Err(error) => Err(error.message),
            };
        }
        self.created = true;
        let snapshots = data.snapshots().map_err(|error| error.message)?;
        for snapshot in &snapshots {
            let reader = data.open_snapshot(snapshot).map_err(|error| error.message)?;
            reader.finish().map_err(|error| error.to_string())?;
        }
        let from = snapshots.first().map_or(0, |snapshot| snapshot.index);
        if from < self.model.snapshots.last().copied().unwrap_or(0) {
            return Err("a durable snapshot is gone".to_owned());
        }
        let (wal, recovery, seen) = match recover(&shared, from) {
            Ok(recovered) => recovered,
            Err(_) if self.disk.crashed() => return Ok(None),
            Err(error) => return Err(error.message),
        };
        let mut with_pending = self.model.with(&self.pending);
        if let Some(snapshot) = snapshots.first() {
            // It may be durable while its mark in the log is not.
            self.model.mark(snapshot.term, from);
            with_pending.mark(snapshot.term, from);
        }
        if with_pending.matches(from, &seen, &recovery) {
            self.model = with_pending;
        } else if !self.model.matches(from, &seen, &recovery) {
            return Err(format!(
                "recovered {recovery:?} {seen:?}, expected {:?} and perhaps {:?}",
                self.model, self.pending
            ));
        }
        self.pending.clear();
        if self.model.snapshots.last().is_none_or(|&last| last < from) {
            // Durable just before the power went.
            self.model.snapshots.extend((from > 0).then_some(from));
        }
        Ok(Some(wal))
    }

    fn write(&mut self, wal: &mut Wal, records: Vec<Owned>) -> bool {
        let written = wal.write(&mut batch(&records));
        if written.is_ok() {
            self.model = self.model.with(&records);
        } else {
            self.pending = records;
        }
        written.is_ok()
    }

    /// Some records that fit what is there.
    fn records(&mut self) -> Vec<Owned> {
        let mut records = Vec::new();
        let mut last = self.model.last;
        for _ in 0..1 + self.dice.below(3) {
            let floor = self.model.hard.2.max(self.model.snapshots.last().copied().unwrap_or(0));
            match self.dice.below(10) {
                0 if last > floor => {
                    self.term += 1;
                    last = floor + self.dice.below(last - floor);
                }
                1 => records.push(Owned::Clock {
                    time_ns: self.model.clock_ns + 1 + self.dice.below(1000),
                }),
                2 => {
                    // Only what is durable already may be called committed.
                    let commit = floor + self.dice.below(last.min(self.model.last) - floor + 1);
                    let vote = self.dice.below(4);
                    records.push(Owned::HardState { term: self.term, vote, commit });
                    return records;
                }
                _ => {}
            }
            last += 1;
            records.push(entry(self.term, last, self.dice.below(900) as usize));
        }
        records
    }

    /// Take a snapshot of what is committed, or receive one from a leader; release what may go.
    fn snapshot(&mut self, wal: &mut Wal, stats: &mut Stats) -> Result<(), String> {
        let received = self.dice.below(2) == 0;
        let (_, vote, commit) = self.model.hard;
        let floor = commit.max(self.model.snapshots.last().copied().unwrap_or(0));
        let replaces = received && self.model.last > floor && self.dice.below(2) == 0;
        let index = match (received, replaces) {
            (false, _) => commit,
            (true, false) => self.model.last + 1 + self.dice.below(5),
            (true, true) => floor + 1 + self.dice.below(self.model.last - floor),
        };
        if index <= self.model.snapshots.last().copied().unwrap_or(0) {
            return Ok(());
        }
        self.term += u64::from(replaces);
        stats.replaced += u64::from(replaces);
        // A snapshot and its mark name the term of the entry at the index.
        let at_index = |e: &&Owned| index_of(e) == index;
        let term = match self.model.entries.iter().find(at_index) {
            Some(entry) if !received => term_of(entry),
            _ => self.term,
        };
        let data = dir(&self.disk.shared());
        let meta = SnapshotMeta { term, index, cluster_time_ns: 5 };
        let length = self.dice.below(3000) as usize;
        let written = data.write_snapshot(meta, &mut |out| out.write_all(&vec![3; length]));
        if let Err(error) = written {
            return if self.disk.crashed() { Ok(()) } else { Err(error.message) };
        }
        self.model.snapshots.push(index);
        let mut records = vec![Owned::Mark { term, index }];
        if received {
            records.push(Owned::HardState { term: self.term, vote, commit: index });
        }
        if !self.write(wal, records) {
            return Ok(());
        }
        let count = self.model.snapshots.len();
        if count >= 2 {
            match wal.release(self.model.snapshots[count - 2]) {
                Ok(released) => stats.released += released as u64,
                Err(_) if self.disk.crashed() => return Ok(()),
                Err(error) => return Err(error.message),
            }
        }
        match data.purge_snapshots(2) {
            Err(error) if !self.disk.crashed() => Err(error.message),
            _ => Ok(()),
        }
    }

    /// From start to power cut.
    fn live(&mut self, stats: &mut Stats) -> Result<(), String> {
        self.disk.crash_in(1 + self.dice.below(150));
        if let Some(mut wal) = self.open()? {
            let start = vec![Owned::Start { incarnation: self.model.incarnation + 1 }];
            let mut alive = self.write(&mut wal, start);
            while alive {
                if self.dice.below(3) == 0 {
                    prepare(&mut wal);
                }
                if self.dice.below(12) == 0 {
                    self.snapshot(&mut wal, stats)?;
                }
                // A write after the power went must not become acknowledged.
                if !self.pending.is_empty() {
                    break;
                }
                let records = self.records();
                alive = self.write(&mut wal, records);
                stats.acknowledged += u64::from(alive);
            }
        }
        stats.cut += 1;
        self.disk.power_on(self.dice.next());
        Ok(())
    }
}

fn run(seed: u64, ignore_syncs: bool, stats: &mut Stats) -> Result<(), String> {
    let mut run = Run::new(seed);
    if ignore_syncs {
        run.disk.ignore_syncs();
    }
    for _ in 0..5 {
        run.live(stats)?;
    }
    run.open().map(|_| ())
}

proptest! {
    #![proptest_config(common::cases(1500))]

    #[test]
    fn acknowledged_batches_survive(seed in any::<u64>()) {
        run(seed, false, &mut Stats::default()).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_disk_that_does_not_sync_is_found_out() {
    let mut stats = Stats::default();
    let lost = (0..100).filter(|&seed| run(seed, true, &mut stats).is_err()).count();
    assert!(lost > 50, "only {lost} of 100 runs lost something: the property proves nothing");
}

#[test]
fn the_runs_do_what_they_are_for() {
    let mut stats = Stats::default();
    for seed in 0..100 {
        run(seed, false, &mut stats).unwrap();
    }
    assert!(stats.acknowledged > 5000, "{} batches", stats.acknowledged);
    assert!(stats.replaced > 50, "{} snapshots replaced entries", stats.replaced);
    assert!(stats.released > 20, "{} segments released", stats.released);
    assert_eq!(stats.cut, 500);
}

//! The gate for clusters: a thousand seeds keep every promise and have seen enough; every cluster that breaks a rule is
//! caught, on both cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use coreos_sim::Failure;
use coreos_sim::cluster::{BROKEN_RULES, BrokenRule, ClusterTotals, Plan, run, shrink};

const SEEDS: u64 = 1_000;
const THREADS: usize = 2;

/// Run seeds until one fails: the least of those that did.
fn run_seeds(broken: Option<BrokenRule>) -> Result<ClusterTotals, Failure> {
    let (next, end) = (AtomicU64::new(0), AtomicU64::new(SEEDS));
    let (sum, failed) = (Mutex::new(ClusterTotals::default()), Mutex::new(None::<Failure>));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end.load(Ordering::Relaxed) {
                        return;
                    }
                    match run(seed, Plan::default(), broken) {
                        Ok(totals) => sum.lock().expect("sum").add(&totals),
                        Err(failure) => {
                            end.fetch_min(seed, Ordering::Relaxed);
                            let mut failed = failed.lock().expect("failure");
                            if failed.as_ref().is_none_or(|known| failure.seed < known.seed) {
                                *failed = Some(failure);
                            }
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().expect("failure") {
        Some(failure) => Err(failure),
        None => Ok(sum.into_inner().expect("sum")),
    }
}

#[test]
fn a_sound_cluster_keeps_its_promises() {
    match run_seeds(None) {
        Ok(totals) => {
            println!("{totals:?}\nfaults: {}", totals.faults_by_kind());
            assert_eq!(totals.missing(SEEDS), Vec::<String>::new());
        }
        Err(failure) => {
            let smallest = shrink(failure.seed, None);
            panic!("{failure}; smallest: {smallest:?}");
        }
    }
}

#[test]
fn every_broken_rule_is_noticed() {
    let mut missed = Vec::new();
    for rule in BROKEN_RULES {
        match run_seeds(Some(rule)) {
            Err(failure) => println!("{rule:?}: {failure}"),
            Ok(_) => missed.push(rule),
        }
    }
    assert!(missed.is_empty(), "not noticed within {SEEDS} seeds: {missed:?}");
}

#[test]
fn a_seed_is_one_run() {
    let describe = |seed| format!("{:?}", run(seed, Plan::default(), None));
    assert_eq!(describe(7), describe(7));
    assert_ne!(describe(7), describe(8));
}

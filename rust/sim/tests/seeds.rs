//! The gate: 200 seeds keep every promise and have seen enough; every broken member is caught.

use coreos_sim::{BROKEN, Totals, run};

const SEEDS: u64 = 200;

#[test]
fn a_sound_member_keeps_its_promises() {
    let mut totals = Totals::default();
    for seed in 0..SEEDS {
        match run(seed, None) {
            Ok(one) => totals.add(&one),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{totals:?}");
    assert_eq!(totals.missing(SEEDS), Vec::<String>::new());
}

#[test]
fn every_broken_member_is_caught() {
    for broken in BROKEN {
        let caught = (0..SEEDS).find_map(|seed| run(seed, Some(broken)).err());
        match caught {
            Some(failure) => println!("{broken:?}: {failure}"),
            None => panic!("{broken:?} was not caught within {SEEDS} seeds"),
        }
    }
}

#[test]
fn a_seed_is_one_run() {
    let describe = |seed| format!("{:?}", run(seed, None));
    assert_eq!(describe(7), describe(7));
    assert_ne!(describe(7), describe(8));
}

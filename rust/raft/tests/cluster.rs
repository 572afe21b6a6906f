//! Clusters under a hostile network and crashes, from one seed: the rules of consensus hold after every step, and
//! everybody agrees once the trouble is over.

mod common;

use common::world::{Rule, World};

/// How many seeds, if not the usual number.
fn seeds() -> u64 {
    std::env::var("COREOS_SEEDS").map_or(300, |text| text.parse().expect("a number"))
}

#[test]
fn the_rules_hold_whatever_happens() {
    for seed in 0..seeds() {
        if let Err(why) = World::run(seed, None) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// The control: a world that breaks a rule on the members' behalf is caught.
#[test]
fn a_broken_rule_is_caught() {
    for rule in Rule::ALL {
        let caught = (0..1_000).find_map(|seed| World::run(seed, Some(rule)).err());
        assert!(caught.is_some(), "{rule:?}");
    }
}

#[test]
fn enough_happens() {
    let mut sum = common::world::Totals::default();
    for seed in 0..100 {
        sum.add(&World::run(seed, None).expect("the rules hold"));
    }
    println!("{sum:?}");
    assert!(sum.elections > 300, "{sum:?}");
    assert!(sum.decided > 5_000, "{sum:?}");
    assert!(sum.snapshots > 20 && sum.changes > 50 && sum.reads > 300, "{sum:?}");
    assert!(sum.crashes > 300 && sum.handovers > 20 && sum.refusals > 300, "{sum:?}");
    assert!(sum.suspicions > 100 && sum.idle_ticks > 10_000, "{sum:?}");
    assert!(sum.left > 30 && sum.left_one > 5, "{sum:?}");
}

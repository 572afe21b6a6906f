//! The whole store against a naive model of it.

mod common;

use common::mistake::Mistake;
use common::steps::{run, steps};
use coreos_store::StoreConfig;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// So short that watches from an old index meet its end.
fn short_history() -> StoreConfig {
    StoreConfig { history_bytes: 0, history_events_min: 3, ..StoreConfig::default() }
}

/// So small that ids are forgotten.
fn small_window() -> StoreConfig {
    StoreConfig { request_window: 2, ..StoreConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn store_and_model_agree(steps in steps(120)) {
        run(&steps, Mistake::None, &StoreConfig::default()).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_short_history_loses_nothing_silently(steps in steps(120)) {
        run(&steps, Mistake::None, &short_history()).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_small_window_changes_nothing_for_new_commands(steps in steps(80)) {
        run(&steps, Mistake::None, &small_window()).map_err(TestCaseError::fail)?;
    }
}

/// The control: each of these wrong models is found out, by the same steps for ever.
#[test]
fn wrong_models_are_noticed() {
    for mistake in Mistake::ALL {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let noticed = (0..1000).find_map(|_| {
            let steps = steps(150).new_tree(&mut runner).expect("steps").current();
            run(&steps, mistake, &StoreConfig::default()).err()
        });
        assert!(noticed.is_some(), "{mistake:?} was not noticed");
    }
}

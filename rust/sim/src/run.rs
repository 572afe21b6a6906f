//! One run: a seed, its steps, its verdict.

use crate::Broken;
use crate::checker::Problem;
use crate::rng::Rng;
use crate::totals::Totals;
use crate::world::World;

/// Steps of a run. Most are requests.
const STEPS: u64 = 1_500;

/// A promise was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The run, to be repeated.
    pub seed: u64,
    /// After how many steps.
    pub step: u64,
    /// Which one, and how.
    pub problem: Problem,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {}, step {}: {}", self.seed, self.step, self.problem)
    }
}

/// Run one seed with a sound member, or with one that is broken on purpose.
///
/// # Errors
/// A promise was broken.
pub fn run(seed: u64, broken: Option<Broken>) -> Result<Totals, Failure> {
    let mut rng = Rng::new(seed);
    let mut world = World::new(&mut rng, broken);
    let failed = |step| move |problem| Failure { seed, step, problem };
    for step in 0..STEPS {
        world.step(&mut rng).map_err(failed(step))?;
    }
    world.finish(&mut rng).map_err(failed(STEPS))?;
    Ok(world.totals())
}

//! `sim [--clusters] --seeds N [--first S] [--threads T]`: run seeds, print what they saw, fail on the first broken
//! promise or if they saw too little. `sim --clusters --seeds 1 --first S --plan FAULTS,CLIENTS,WATCHERS,STEPS` repeats
//! a run that was shrunk; with COREOS_SIM_TRACE=1 it tells everything that happens. `--broken RULE` breaks a rule of
//! clusters.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use coreos_sim::cluster::{
    BROKEN_RULES, BrokenRule, ClusterTotals, Plan, run as run_cluster, shrink,
};
use coreos_sim::{Failure, Totals, run};

#[derive(Clone, Copy)]
struct Task {
    clusters: bool,
    seeds: u64,
    first: u64,
    threads: u64,
    plan: Option<Plan>,
    broken: Option<BrokenRule>,
}

fn parse() -> Option<Task> {
    let mut task =
        Task { clusters: false, seeds: 200, first: 0, threads: 2, plan: None, broken: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--clusters" {
            task.clusters = true;
            continue;
        }
        let value = words.next()?;
        match word.as_str() {
            "--seeds" => task.seeds = value.parse().ok()?,
            "--first" => task.first = value.parse().ok()?,
            "--threads" => task.threads = value.parse().ok()?,
            "--broken" => task.broken = Some(rule(&value)?),
            "--plan" => task.plan = Some(Plan::parse(&value)?),
            _ => return None,
        }
    }
    Some(task)
}

fn rule(name: &str) -> Option<BrokenRule> {
    BROKEN_RULES.into_iter().find(|rule| rule.to_string() == name)
}

/// Run all seeds on as many threads; the first failure ends it.
fn run_all<T: Send + Default>(
    task: Task,
    one: impl Fn(u64) -> Result<T, Failure> + Sync,
    add: impl Fn(&mut T, &T) + Sync,
) -> Result<T, Failure> {
    let (next, stop) = (AtomicU64::new(task.first), AtomicBool::new(false));
    let (sum, failed) = (Mutex::new(T::default()), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..task.threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= task.first + task.seeds {
                        return;
                    }
                    match one(seed) {
                        Ok(totals) => add(&mut sum.lock().expect("sum"), &totals),
                        Err(failure) => {
                            stop.store(true, Ordering::Relaxed);
                            failed.lock().expect("failure").get_or_insert(failure);
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

fn main() -> ExitCode {
    let Some(task) = parse() else {
        eprintln!(
            "usage: sim [--clusters] [--seeds N] [--first S] [--threads T] [--broken RULE] [--plan FAULTS,CLIENTS,WATCHERS,STEPS]"
        );
        return ExitCode::from(2);
    };
    let Task { seeds, first, .. } = task;
    let (said, missing) = if task.clusters {
        let plan = task.plan.unwrap_or_default();
        match run_all(task, |seed| run_cluster(seed, plan, task.broken), ClusterTotals::add) {
            Ok(totals) => {
                (format!("{totals:?}\nfaults: {}", totals.faults_by_kind()), totals.missing(seeds))
            }
            Err(failure) => return tell(&failure, &task),
        }
    } else {
        match run_all(task, |seed| run(seed, None), Totals::add) {
            Ok(totals) => (format!("{totals:#?}"), totals.missing(seeds)),
            Err(failure) => {
                eprintln!("sim: {failure}\nsim: repeat it with --seeds 1 --first {}", failure.seed);
                return ExitCode::FAILURE;
            }
        }
    };
    println!("{seeds} seeds from {first}: {said}");
    // A handful of seeds need not see everything.
    let missing = if seeds >= 100 { missing } else { Vec::new() };
    for line in &missing {
        eprintln!("sim: too little happened: {line}");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(failure: &Failure, task: &Task) -> ExitCode {
    eprintln!("sim: {failure}");
    if let Some((plan, failure)) =
        task.plan.is_none().then(|| shrink(failure.seed, task.broken)).flatten()
    {
        eprintln!("sim: smallest: {failure}");
        eprintln!(
            "sim: repeat it with COREOS_SIM_TRACE=1 sim --clusters --seeds 1 --first {} --plan {plan}",
            failure.seed
        );
    }
    ExitCode::FAILURE
}

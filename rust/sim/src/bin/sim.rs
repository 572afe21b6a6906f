//! `sim --seeds N [--first S]`: run seeds, print what they saw, fail on the first broken promise or if they saw too
//! little.

use std::process::ExitCode;

use coreos_sim::{Totals, run};

fn main() -> ExitCode {
    let (mut seeds, mut first) = (200, 0);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next().and_then(|text| text.parse().ok());
        match (word.as_str(), number) {
            ("--seeds", Some(number)) => seeds = number,
            ("--first", Some(number)) => first = number,
            _ => {
                eprintln!("usage: sim [--seeds N] [--first S]");
                return ExitCode::from(2);
            }
        }
    }
    let mut totals = Totals::default();
    for seed in first..first + seeds {
        match run(seed, None) {
            Ok(one) => totals.add(&one),
            Err(failure) => {
                eprintln!("sim: {failure}\nsim: repeat it with --seeds 1 --first {seed}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{seeds} seeds from {first}: {totals:#?}");
    // A handful of seeds need not see everything.
    let missing = if seeds >= 100 { totals.missing(seeds) } else { Vec::new() };
    for line in &missing {
        eprintln!("sim: too little happened: {line}");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! The load generator of `bench/`: the same closed-loop client for every server that is compared.
//!
//! `loadgen put|get|watch --address HOST:PORT [options]` talks to one server on this machine for a bounded time
//! and prints one JSON object: counts, bad replies, latency quantiles, its own CPU time.

mod closed_loop;
mod descriptors;
mod histogram;
mod options;
mod response;
mod watchers;

use options::{Mode, Options};

fn main() {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("loadgen: {message}\n{}", options::USAGE);
            std::process::exit(2);
        }
    };
    let result = descriptors::allow(options.connections).and_then(|()| match options.mode {
        Mode::Put | Mode::Get => closed_loop::run(&options),
        Mode::Watch => watchers::run(&options),
    });
    match result {
        Ok(json) => println!("{json}"),
        Err(error) => {
            eprintln!("loadgen: {error}");
            std::process::exit(1);
        }
    }
}

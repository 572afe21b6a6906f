//! Recovery of logs that have been hurt in any way. What is checked and how long it has run stands in CONTRIBUTING.md.
//!
//! Whatever the files hold: no panic, no reading without end, nothing made up, and nothing gone that was acknowledged
//! but what the damage itself has reached at the very end of the log.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::bytes::{self, Stands};
use common::damages::{Damage, damage};
use common::dice::Dice;
use common::sim::SimDisk;
use common::{Owned, batch, dir, entries, entry, identity, options, recover};
use coreos_wal::{Disk, ErrorKind, Recovery, WalError, repair, verify};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const CORPUS: &str = include_str!("corpus/damages.txt");
const CONTROL_TRIES: usize = 1500;
/// How often recovery may read the log: once, again to tell damage from a torn write, with two seeds each.
const READS_MAX: u64 = 8;

/// What must be on the disk after some batches.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    entries: Vec<Owned>,
    /// Term, vote, commit.
    hard: (u64, u64, u64),
    incarnation: u64,
    clock_ns: u64,
}

impl State {
    fn after(&self, records: &[Owned]) -> State {
        let mut state = self.clone();
        for record in records {
            match *record {
                Owned::Entry { index, .. } => {
                    state.entries.truncate(index as usize - 1);
                    state.entries.push(record.clone());
                }
                Owned::HardState { term, vote, commit } => state.hard = (term, vote, commit),
                Owned::Clock { time_ns } => state.clock_ns = time_ns,
                Owned::Start { incarnation } => state.incarnation = incarnation,
                Owned::Mark { .. } => {}
            }
        }
        state
    }
}

/// A log as it was written: the states after each batch, and where the batches stand.
struct Log {
    disk: SimDisk,
    /// One more than there are batches: the first is that of nothing.
    states: Vec<State>,
    stands: Vec<Stands>,
}

impl Log {
    fn new(seed: u64) -> Log {
        let disk = SimDisk::new();
        let mut dice = Dice::new(seed);
        let mut wal = dir(&disk.shared()).create(&identity(), &options()).unwrap();
        let mut states = vec![State::default()];
        let mut term = 1;
        for number in 0..2 + dice.below(25) {
            let state = states.last().expect("one").clone();
            let records = if number == 0 {
                vec![Owned::Start { incarnation: 1 }]
            } else {
                records(&mut dice, &state, &mut term)
            };
            wal.write(&mut batch(&records)).unwrap();
            states.push(state.after(&records));
        }
        // The first batch of every segment but the first is the log's own.
        let first_of_later = |stand: &Stands, before: Option<&Stands>| {
            before.is_some_and(|before| before.path != stand.path)
        };
        let all = bytes::batches(&disk);
        let written = all.iter().enumerate().filter(|(n, stand)| {
            !first_of_later(stand, n.checked_sub(1).map(|before| &all[before]))
        });
        let stands: Vec<Stands> = written.map(|(_, stand)| stand.clone()).collect();
        assert_eq!(stands.len() + 1, states.len());
        Log { disk, states, stands }
    }

    /// Whether the damage has reached a batch.
    fn is_hurt(&self, batch: usize, hurt: &SimDisk) -> bool {
        let Stands { path, offset, payload_end, .. } = &self.stands[batch];
        if !hurt.segments().contains(path) {
            return true;
        }
        // The zeroes behind the payload belong to it.
        let place = *offset..payload_end.next_multiple_of(8);
        hurt.bytes(path).get(place.clone()) != self.disk.bytes(path).get(place)
    }
}

fn records(dice: &mut Dice, state: &State, term: &mut u64) -> Vec<Owned> {
    let (last, commit) = (state.entries.len() as u64, state.hard.2);
    match dice.below(8) {
        0 => vec![Owned::Clock { time_ns: state.clock_ns + 1 + dice.below(1000) }],
        1 => {
            let commit = commit + dice.below(last - commit + 1);
            vec![Owned::HardState { term: *term, vote: dice.below(4), commit }]
        }
        kind => {
            let mut next = last + 1;
            if kind == 2 && last > commit {
                // A new leader replaces what was not committed.
                *term += 1;
                next = commit + 1 + dice.below(last - commit);
            }
            let count = 1 + dice.below(3);
            (0..count).map(|n| entry(*term, next + n, dice.below(700) as usize)).collect()
        }
    }
}

/// What a start came to: the state, and how much of an unfinished write was cut off.
type Start = Result<(State, u64), WalError>;
type Recover = fn(&Arc<dyn Disk>) -> Start;

fn ours(disk: &Arc<dyn Disk>) -> Start {
    let (_, recovery, seen) = recover(disk, 0)?;
    let Recovery { term, vote, commit, incarnation, clock_ns, torn_tail_bytes, .. } = recovery;
    let state =
        State { entries: entries(&seen), hard: (term, vote, commit), incarnation, clock_ns };
    assert_eq!(state.entries.len() as u64, recovery.last_index);
    Ok((state, torn_tail_bytes))
}

#[derive(Clone, Debug)]
struct Input {
    seed: u64,
    damages: Vec<Damage>,
}

fn inputs() -> impl Strategy<Value = Input> {
    let damages = vec(damage(), 0..4);
    (any::<u64>(), damages).prop_map(|(seed, damages)| Input { seed, damages })
}

fn check(start: Recover, input: &Input) -> Result<(), String> {
    let log = Log::new(input.seed);
    let disk = log.disk.copy();
    input.damages.iter().for_each(|damage| damage.inflict(&disk));
    let hurt = disk.copy();
    let total: u64 = hurt.segments().iter().map(|path| hurt.bytes(path).len() as u64).sum();
    let report = verify(disk.shared(), Path::new(common::ROOT)).map_err(|error| error.message)?;
    let read_before = disk.read_bytes();
    let started = start(&disk.shared());
    let read_bytes = disk.read_bytes() - read_before;
    if read_bytes > READS_MAX * total + (64 << 10) {
        return Err(format!("read {read_bytes} of {total} bytes"));
    }
    let (state, _) = match started {
        Err(error) => {
            let is_said =
                matches!(error.kind, ErrorKind::Damaged | ErrorKind::Newer | ErrorKind::Mismatch);
            return if is_said && !report.ok {
                Ok(())
            } else {
                Err(format!("{:?} {error}, but verify says {report:?}", error.kind))
            };
        }
        Ok(started) => started,
    };
    // Bytes in the unused rest of a finished segment are worth a sentence, and nothing else is.
    let is_harmless = |problem: &String| problem.contains("nothing is missing");
    if report.would_lose > 0 || !report.problems.iter().all(is_harmless) {
        return Err(format!("it started, but verify says {report:?}"));
    }
    let kept = log.states.iter().rposition(|known| *known == state);
    let Some(kept) = kept else {
        return Err(format!("made up: {state:?}, known: {:?}", log.states.last()));
    };
    if let Some(whole) = (kept..log.stands.len()).find(|&n| !log.is_hurt(n, &hurt)) {
        return Err(format!("batch {whole} is gone, and was whole: {:?}", log.stands[whole]));
    }
    again(start, &disk, &state)
}

/// A second start finds the same, and nothing to cut.
fn again(start: Recover, disk: &SimDisk, state: &State) -> Result<(), String> {
    match start(&disk.shared()) {
        Ok((second, 0)) if second == *state => Ok(()),
        other => Err(format!("the second start: {other:?}, the first: {state:?}")),
    }
}

fn run_all(usual: u32) {
    let cases =
        std::env::var("COREOS_FUZZ_CASES").map_or(usual, |text| text.parse().expect("a number"));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = match std::env::var("COREOS_SEED") {
        Ok(text) => {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&text.parse::<u64>().expect("a number").to_le_bytes());
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
        }
        Err(_) => TestRunner::new(config),
    };
    runner
        .run(&inputs(), |input| check(ours, &input).map_err(TestCaseError::fail))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_hurt_log_is_refused_or_is_what_was_written() {
    run_all(1500);
}

/// `SEED: DAMAGE, DAMAGE ...`
fn corpus() -> Vec<Input> {
    let lines = CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let input = |line: &str| {
        let (seed, damages) = line.split_once(':')?;
        let damages =
            damages.split(',').map(|one| one.trim().parse().ok()).collect::<Option<_>>()?;
        Some(Input { seed: seed.parse().ok()?, damages })
    };
    lines.map(|line| input(line).unwrap_or_else(|| panic!("not understood: {line}"))).collect()
}

#[test]
fn the_corpus_of_damages() {
    for input in corpus() {
        let words: Vec<String> = input.damages.iter().map(ToString::to_string).collect();
        check(ours, &input)
            .unwrap_or_else(|why| panic!("{}: {}: {why}", input.seed, words.join(", ")));
        let again: Vec<Damage> = words.iter().map(|word| word.parse().expect("words")).collect();
        assert_eq!(again, input.damages);
    }
}

/// The inputs do reach every kind of outcome, or the property would prove little.
#[test]
fn the_damages_reach_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let (mut refused, mut cut, mut whole) = (0, 0, 0);
    for _ in 0..400 {
        let input = inputs().new_tree(&mut runner).expect("an input").current();
        let log = Log::new(input.seed);
        input.damages.iter().for_each(|damage| damage.inflict(&log.disk));
        match ours(&log.disk.shared()) {
            Err(_) => refused += 1,
            Ok((state, _)) if Some(&state) == log.states.last() => whole += 1,
            Ok(_) => cut += 1,
        }
    }
    assert!(refused > 50 && cut > 20 && whole > 20, "{refused} {cut} {whole}");
}

/// The controls: recoveries that are wrong on purpose.
#[test]
fn wrong_recoveries_are_found() {
    let mends_silently: Recover = |disk| match ours(disk) {
        Err(_) => {
            repair(Arc::clone(disk), Path::new(common::ROOT))?;
            ours(disk)
        }
        started => started,
    };
    let forgets_the_last: Recover = |disk| {
        let (mut state, torn_bytes) = ours(disk)?;
        if torn_bytes > 0 {
            state.entries.pop();
        }
        Ok((state, torn_bytes))
    };
    let makes_one_up: Recover = |disk| {
        let (mut state, torn_bytes) = ours(disk)?;
        if torn_bytes > 0 {
            state.entries.push(entry(9, state.entries.len() as u64 + 1, 3));
        }
        Ok((state, torn_bytes))
    };
    let reads_for_ever: Recover = |disk| {
        for _ in 0..40 {
            let _ = verify(Arc::clone(disk), Path::new(common::ROOT))?;
        }
        ours(disk)
    };
    for (name, wrong) in [
        ("mends silently", mends_silently),
        ("forgets the last", forgets_the_last),
        ("makes one up", makes_one_up),
        ("reads for ever", reads_for_ever),
    ] {
        let mut runner = TestRunner::deterministic();
        let is_found = (0..CONTROL_TRIES).any(|_| {
            let input = inputs().new_tree(&mut runner).expect("an input").current();
            check(wrong, &input).is_err()
        });
        assert!(is_found, "{name} was not found");
    }
}

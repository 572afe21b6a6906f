//! Fuzzing on the stable toolchain: inputs of a committed corpus, mutated, for as many cases as asked for.
//!
//! `COREOS_FUZZ_CASES` says how many (`make test-long` asks for millions) and `COREOS_SEED` from which seed. What a
//! failure prints is shrunk and goes into the corpus as a line.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Bytes that mean something to one of the parsers, alone or together.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\0",
    b"\xff",
    b"%",
    b"%2",
    b"%41",
    b"%%",
    b"+",
    b"&",
    b"=",
    b"0",
    b"ffffffffffffffff",
    b"18446744073709551616",
    b"-1",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: h\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"0\r\n\r\n",
    b" HTTP/1.0",
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
];

/// How many cases a property gets: as many as the environment says, or so many.
fn cases(usual: u32) -> u32 {
    match std::env::var("COREOS_FUZZ_CASES") {
        Ok(text) => text.parse().expect("COREOS_FUZZ_CASES is a number"),
        Err(_) => usual,
    }
}

/// A runner with the seed of the environment, or one of its own for each run.
pub fn runner(usual: u32) -> TestRunner {
    let config = Config { cases: cases(usual), failure_persistence: None, ..Config::default() };
    match std::env::var("COREOS_SEED") {
        Ok(text) => {
            let number: u64 = text.parse().expect("COREOS_SEED is a number");
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
        }
        Err(_) => TestRunner::new(config),
    }
}

/// Whether the check fails for one of so many inputs: the control of a property that holds for all.
pub fn is_found<S: Strategy>(
    strategy: &S,
    tries: usize,
    is_wrong: impl Fn(S::Value) -> bool,
) -> bool {
    let mut runner = TestRunner::deterministic();
    (0..tries).any(|_| is_wrong(strategy.new_tree(&mut runner).expect("an input").current()))
}

/// The inputs of a corpus: a line each, escaped as in a Rust string; `#` begins a comment.
pub fn corpus(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| unescape(line.as_bytes())).collect()
}

fn unescape(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first().expect("something after a backslash");
        rest = after;
        out.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                let digits = std::str::from_utf8(digits).expect("digits");
                u8::from_str_radix(digits, 16).expect("two digits")
            }
            other => panic!("an unknown escape: {}", char::from(other)),
        });
    }
    out
}

#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// The rest is that of another input, from the same place on.
    Cross(Vec<u8>),
}

fn edit(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Edit> {
    let token = select(TOKENS).prop_map(<[u8]>::to_vec);
    prop_oneof![
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        4 => (any::<Index>(), token).prop_map(|(at, token)| Edit::Insert(at, token)),
        3 => (any::<Index>(), 1..20_usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        1 => (any::<Index>(), 1..40_usize, 1..4_usize)
            .prop_map(|(at, len, times)| Edit::Repeat(at, len, times)),
        1 => select(seeds).prop_map(Edit::Cross),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: Edit) {
    let place = |at: Index, bytes: &[u8]| at.index(bytes.len() + 1);
    match edit {
        Edit::Set(at, byte) => {
            let at = place(at, bytes);
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        Edit::Insert(at, token) => {
            let at = place(at, bytes);
            bytes.splice(at..at, token);
        }
        Edit::Remove(at, len) => {
            let at = place(at, bytes);
            bytes.drain(at..bytes.len().min(at + len));
        }
        Edit::Repeat(at, len, times) => {
            let at = place(at, bytes);
            let piece = bytes[at..bytes.len().min(at + len)].repeat(times);
            bytes.splice(at..at, piece);
        }
        Edit::Cross(other) => {
            bytes.truncate(bytes.len() / 2);
            bytes.extend_from_slice(&other[other.len() / 2..]);
        }
    }
}

/// One to three inputs of the corpus in a row, as they are or mutated.
pub fn mutated(seeds: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let row = vec(select(seeds.to_vec()), 1..4);
    (row, vec(edit(seeds.to_vec()), 0..8)).prop_map(|(row, edits)| {
        let mut bytes = row.concat();
        edits.into_iter().for_each(|edit| apply(&mut bytes, edit));
        bytes
    })
}

//! The verdict depends on the bytes, never on the pieces in which they come.

mod common;

use common::{Outcome, Owned, at_once, run, small};
use coreos_http::{Connection, Limits, Next};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A legal request and what a parser has to make of it.
#[derive(Clone, Debug)]
struct Sample {
    bytes: Vec<u8>,
    meaning: Owned,
}

#[derive(Clone, Debug)]
enum Sending {
    Nothing,
    Length,
    /// Chunk sizes (the rest goes into a last chunk), an extension, trailers.
    Chunks(Vec<usize>, &'static str, Vec<&'static str>),
}

fn sending() -> impl Strategy<Value = Sending> {
    let extension = select(vec!["", ";a", " ; b=\"c d\"", "  "]);
    let trailers = vec(select(vec!["A: b", "Sum:", "C: d\te"]), 0..3);
    prop_oneof![
        Just(Sending::Nothing),
        Just(Sending::Length),
        (vec(1usize..9, 0..6), extension, trailers).prop_map(|(a, b, c)| Sending::Chunks(a, b, c)),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let method = select(vec!["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "BREW"]);
    let header = ("X-[A-Za-z0-9]{1,6}", "([!-~\u{e9}]([ -~]{0,10}[!-~])?)?");
    let parts = (
        method,
        "/[!->@-~]{0,12}",
        proptest::option::of("[!-~]{0,12}"),
        vec(header, 0..4),
        vec(any::<u8>(), 0..40),
        sending(),
        select(vec!["\r\n", "\n"]),
        select(vec!["", "\r\n", "\n\r\n"]),
        select(vec![" ", "", "\t ", " \t"]),
    );
    parts.prop_map(|(method, path, query, headers, body, sending, eol, lead, blank)| {
        let target = query.as_ref().map_or(path.clone(), |query| format!("{path}?{query}"));
        let mut all: Vec<(String, String)> = headers;
        all.insert(0, ("Host".into(), "h".into()));
        match sending {
            Sending::Nothing => {}
            Sending::Length => all.push(("Content-Length".into(), body.len().to_string())),
            Sending::Chunks(..) => all.push(("Transfer-Encoding".into(), "chunked".into())),
        }
        let mut bytes = format!("{lead}{method} {target} HTTP/1.1{eol}").into_bytes();
        for (name, value) in &all {
            bytes.extend(format!("{name}:{blank}{value}{blank}{eol}").bytes());
        }
        bytes.extend(eol.bytes());
        let body = if matches!(sending, Sending::Nothing) { Vec::new() } else { body };
        match &sending {
            Sending::Nothing => {}
            Sending::Length => bytes.extend(&body),
            Sending::Chunks(sizes, extension, trailers) => {
                chunk(&mut bytes, &body, sizes, extension, trailers);
            }
        }
        let meaning = Owned {
            method: method.into(),
            target: target.into(),
            path: path.into(),
            query: query.unwrap_or_default().into(),
            minor: 1,
            keep_alive: true,
            headers: all.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
            body,
        };
        Sample { bytes, meaning }
    })
}

fn chunk(out: &mut Vec<u8>, body: &[u8], sizes: &[usize], extension: &str, trailers: &[&str]) {
    let mut rest = body;
    for size in sizes.iter().copied().chain([body.len()]) {
        let (now, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        if !now.is_empty() {
            out.extend(format!("{:X}{extension}\r\n", now.len()).bytes());
            out.extend(now);
            out.extend(b"\r\n");
        }
    }
    out.extend(format!("0{extension}\r\n").bytes());
    for trailer in trailers {
        out.extend(format!("{trailer}\r\n").bytes());
    }
    out.extend(b"\r\n");
}

/// Legal requests in a row, some bytes of which may have been replaced, taken out or put in.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(b"\r\n :;,\0\t/0159afHGx%-+".to_vec()), any::<u8>(),];
    let edit = (any::<prop::sample::Index>(), 0..3u8, byte);
    (vec(sample(), 1..4), vec(edit, 0..4)).prop_map(|(samples, edits)| {
        let mut bytes: Vec<u8> = samples.into_iter().flat_map(|sample| sample.bytes).collect();
        for (index, kind, byte) in edits {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    (40usize..300, 0usize..50, 1usize..40, 1usize..6, any::<bool>()).prop_map(
        |(head_bytes, body_bytes, target_bytes, headers, default)| match default {
            true => Limits::default(),
            false => Limits { head_bytes, body_bytes, target_bytes, headers },
        },
    )
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    at.push(bytes.len());
    let mut start = 0;
    at.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(
        bytes in stream(),
        limits in limits(),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = at_once(&bytes, &limits);
        prop_assert_eq!(&run(cut(&bytes, &cuts), &limits).0, &whole);
        prop_assert_eq!(&run(bytes.chunks(1), &limits).0, &whole);
    }

    #[test]
    fn legal_requests_mean_what_was_meant(
        samples in vec(sample(), 1..5),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.bytes.clone()).collect();
        let expected = Outcome {
            requests: samples.into_iter().map(|sample| sample.meaning).collect(),
            ..Outcome::default()
        };
        prop_assert_eq!(run(cut(&bytes, &cuts), &Limits::default()).0, expected);
    }

    /// Neither a panic nor an endless loop, and nothing is accepted beyond the limits.
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), head in "(GET|PUT) /[ -~\r\n]{0,80}") {
        let mut after_head = head.clone().into_bytes();
        after_head.extend(&bytes);
        let chunked = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut in_body = chunked.to_vec();
        in_body.extend(&bytes);
        for input in [bytes, after_head, in_body] {
            let outcome = at_once(&input, &small());
            for request in &outcome.requests {
                prop_assert!(request.body.len() <= small().body_bytes);
                prop_assert!(request.headers.len() <= small().headers);
                prop_assert!(request.target.len() <= small().target_bytes);
            }
        }
    }
}

/// The control of the property above: its inputs do reach every kind of verdict.
#[test]
fn the_generated_streams_reach_every_verdict() {
    let mut runner = TestRunner::deterministic();
    let strategy = (stream(), limits());
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();
    let (mut left, mut accepted) = (0, 0);
    for _ in 0..4000 {
        let tree = strategy.new_tree(&mut runner).expect("a value");
        let (bytes, limits) = tree.current();
        let outcome = at_once(&bytes, &limits);
        accepted += outcome.requests.len();
        left += usize::from(outcome.left > 0);
        if let Some(reject) = outcome.reject {
            *seen.entry(reject.status).or_default() += 1;
        }
    }
    assert!(accepted > 1000 && left > 50, "{accepted} {left}");
    for status in [400, 413, 414, 431] {
        let count = seen.get(&status).copied().unwrap_or(0);
        assert!(count > 0, "{status} was never reached: {seen:?}");
    }
}

/// The parser looks at nothing but the request at the front until it is dropped.
#[test]
fn a_pipelined_request_waits_for_its_turn() {
    let limits = Limits::default();
    let mut connection = Connection::new();
    connection.receive(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nxGARBAGE\r\n");
    for _ in 0..2 {
        let Next::Request(request) = connection.next(&limits) else { panic!("no request") };
        assert_eq!(request.body, b"x");
    }
    assert!(!connection.at_boundary());
    connection.advance();
    assert_eq!(connection.buffered(), 9);
    assert!(matches!(connection.next(&limits), Next::Bad(_)));
}

//! The parser of requests and the decoder of forms under inputs that nobody would write. What is checked and how long
//! it has run stands in CONTRIBUTING.md.

mod common;

use common::fuzz::{corpus, is_found, mutated, runner};
use common::{Outcome, Owned, run};
use coreos_http::{Limits, Pairs, parse_bool, parse_uint};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const REQUESTS: &str = include_str!("corpus/requests.txt");
const FORMS: &str = include_str!("corpus/forms.txt");
/// Inputs in which a control has to be found: fewer than a run of the property has.
const CONTROL_TRIES: usize = 3000;
/// What one byte may cost, and what one input may cost besides.
const WORK_PER_BYTE: u64 = 8;
const WORK_FREE: u64 = 256;

/// A parser of requests: pieces in, what came out and the work that it took.
type Parser = fn(&[&[u8]], &Limits) -> (Outcome, u64);

fn ours(pieces: &[&[u8]], limits: &Limits) -> (Outcome, u64) {
    let (outcome, _, connection) = run(pieces.iter().copied(), limits);
    (outcome, connection.work())
}

#[derive(Clone, Debug)]
struct Input {
    bytes: Vec<u8>,
    cuts: Vec<Index>,
    limits: Limits,
}

fn requests() -> impl Strategy<Value = Input> {
    let limits = prop_oneof![
        2 => Just(Limits::default()),
        1 => (40..300_usize, 0..50_usize, 1..40_usize, 1..6_usize).prop_map(
            |(head_bytes, body_bytes, target_bytes, headers)| {
                Limits { head_bytes, body_bytes, target_bytes, headers }
            }
        ),
    ];
    let cuts = vec(any::<Index>(), 0..8);
    (mutated(&corpus(REQUESTS)), cuts, limits).prop_map(|(bytes, cuts, limits)| Input {
        bytes,
        cuts,
        limits,
    })
}

fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    let mut start = 0;
    ends.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

/// A request as plainly as it can be sent.
fn encode(request: &Owned) -> Vec<u8> {
    let mut out = request.method.clone();
    out.push(b' ');
    out.extend_from_slice(&request.target);
    out.extend_from_slice(format!(" HTTP/1.{}\r\n", request.minor).as_bytes());
    for (name, value) in &request.headers {
        out.extend_from_slice(format!("{name}: ").as_bytes());
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    let is_chunked =
        request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    if !is_chunked {
        out.extend_from_slice(&request.body);
        return out;
    }
    if !request.body.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", request.body.len()).as_bytes());
        out.extend_from_slice(&request.body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Everything that has to hold for any input; the first thing that does not.
fn check(parse: Parser, input: &Input) -> Result<(), String> {
    let Input { bytes, cuts, limits } = input;
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    let (whole, _) = parse(&[bytes], limits);
    for pieces in [cut(bytes, cuts), single] {
        let (outcome, work) = parse(&pieces, limits);
        if outcome != whole {
            return Err(format!("pieces: {outcome:?}, at once: {whole:?}"));
        }
        let most = WORK_PER_BYTE * bytes.len() as u64 + WORK_FREE;
        if work > most {
            return Err(format!("work of {work} for {} bytes", bytes.len()));
        }
    }
    for request in &whole.requests {
        if request.body.len() > limits.body_bytes
            || request.target.len() > limits.target_bytes
            || request.headers.len() > limits.headers
        {
            return Err(format!("beyond the limits: {request:?}"));
        }
        let again = parse(&[&encode(request)], &Limits::default()).0;
        let expected = Outcome { requests: vec![request.clone()], ..Outcome::default() };
        if again != expected {
            return Err(format!("sent again it is {again:?}, not {request:?}"));
        }
    }
    Ok(())
}

#[test]
fn requests_mean_the_same_however_they_come() {
    runner(3000)
        .run(&requests(), |input| check(ours, &input).map_err(TestCaseError::fail))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// The corpus itself, which holds what was found once.
#[test]
fn the_corpus_of_requests() {
    let limits = Limits::default();
    let mut accepted = 0;
    for bytes in corpus(REQUESTS) {
        accepted += ours(&[&bytes], &limits).0.requests.len();
        let input = Input { bytes, cuts: Vec::new(), limits };
        check(ours, &input).unwrap_or_else(|why| panic!("{input:?}: {why}"));
    }
    assert!(accepted >= 10, "only {accepted} requests of the corpus are legal");
}

/// The controls: parsers that are wrong on purpose, in ways that have been seen in the wild.
#[test]
fn wrong_parsers_are_found() {
    let loses_a_split_line_end: Parser = |pieces, limits| {
        let mut seen_cr = false;
        let mut kept = Vec::new();
        for piece in pieces.iter().copied() {
            let cut = usize::from(seen_cr && piece.first() == Some(&b'\n'));
            seen_cr = piece.last() == Some(&b'\r');
            kept.push(&piece[cut..]);
        }
        ours(&kept, limits)
    };
    let begins_again: Parser = |pieces, limits| {
        let bytes = pieces.concat();
        let work = (0..pieces.len()).map(|_| ours(&[&bytes], limits).1).sum();
        (ours(&[&bytes], limits).0, work)
    };
    let takes_folded_lines: Parser = |pieces, limits| {
        let (mut outcome, work) = ours(pieces, limits);
        let values = outcome.requests.iter_mut().flat_map(|request| &mut request.headers);
        for (_, value) in values {
            value.iter_mut().filter(|byte| **byte == b'\t').for_each(|byte| *byte = b'\n');
        }
        (outcome, work)
    };
    let forgets_the_limit: Parser =
        |pieces, limits| ours(pieces, &Limits { body_bytes: limits.body_bytes + 9, ..*limits });
    for (name, parser) in [
        ("loses a split line end", loses_a_split_line_end),
        ("begins again", begins_again),
        ("takes folded lines", takes_folded_lines),
        ("forgets the limit", forgets_the_limit),
    ] {
        let is_wrong = |input| check(parser, &input).is_err();
        assert!(is_found(&requests(), CONTROL_TRIES, is_wrong), "{name} was not found");
    }
}

/// All pairs of a form, or the escape that spoils it.
type Decoded = Result<Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>>;

fn decoded(input: &[u8]) -> Decoded {
    Pairs::new(input)
        .map(|pair| match pair {
            Ok((name, value)) => Ok((name.into_owned(), value.into_owned())),
            Err(bad) => Err(bad.as_bytes().to_vec()),
        })
        .collect()
}

/// How the reference may be wrong, for the controls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slip {
    None,
    PlusStays,
    DecodesTwice,
    SemicolonSeparates,
    LastEqualsSign,
    BadEscapeStays,
}

/// A byte at a time, from the description of the format.
fn unescaped(text: &[u8], slip: Slip) -> Result<Vec<u8>, Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escape = &text[at..text.len().min(at + 3)];
        let digits = std::str::from_utf8(&escape[1..]).unwrap_or("");
        let is_escape = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        match text[at] {
            b'%' if is_escape => {
                out.push(u8::from_str_radix(digits, 16).expect("two digits"));
                at += 2;
            }
            b'%' if slip != Slip::BadEscapeStays => return Err(escape.to_vec()),
            b'+' if slip != Slip::PlusStays => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(out)
}

fn reference(input: &[u8], slip: Slip) -> Decoded {
    let mut pairs = Vec::new();
    let separates = |b: &u8| *b == b'&' || (slip == Slip::SemicolonSeparates && *b == b';');
    for piece in input.split(separates).filter(|piece| !piece.is_empty()) {
        let equals = |b: &u8| *b == b'=';
        let at = match slip {
            Slip::LastEqualsSign => piece.iter().rposition(equals),
            _ => piece.iter().position(equals),
        };
        let (name, value) = at.map_or((piece, &b""[..]), |at| (&piece[..at], &piece[at + 1..]));
        let (mut name, mut value) = (unescaped(name, slip)?, unescaped(value, slip)?);
        if slip == Slip::DecodesTwice {
            (name, value) = (unescaped(&name, slip)?, unescaped(&value, slip)?);
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn check_form(input: &[u8], slip: Slip) -> Result<(), String> {
    let (found, expected) = (decoded(input), reference(input, slip));
    if found != expected {
        return Err(format!("{found:?}, expected {expected:?}"));
    }
    let Ok(pairs) = found else { return Ok(()) };
    let escape = |text: &[u8]| text.iter().map(|b| format!("%{b:02X}")).collect::<String>();
    let sent: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    if decoded(sent.join("&").as_bytes()).as_ref() != Ok(&pairs) {
        return Err(format!("sent again it is not {pairs:?}"));
    }
    for (_, value) in &pairs {
        let text = std::str::from_utf8(value).unwrap_or("x");
        let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let word = match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" => Some(true),
            "0" | "f" | "false" => Some(false),
            _ => None,
        };
        let odd_capitals =
            text.len() > 1 && !["true", "True", "TRUE", "false", "False", "FALSE"].contains(&text);
        if parse_uint(value) != number || parse_bool(value) != word.filter(|_| !odd_capitals) {
            return Err(format!("{text:?} is {:?} and {:?}", parse_uint(value), parse_bool(value)));
        }
    }
    Ok(())
}

#[test]
fn forms_are_read_as_the_reference_reads_them() {
    runner(5000)
        .run(&mutated(&corpus(FORMS)), |input| {
            check_form(&input, Slip::None).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn wrong_readings_of_forms_are_found() {
    for slip in [
        Slip::PlusStays,
        Slip::DecodesTwice,
        Slip::SemicolonSeparates,
        Slip::LastEqualsSign,
        Slip::BadEscapeStays,
    ] {
        let is_wrong = |input: Vec<u8>| check_form(&input, slip).is_err();
        let found = is_found(&mutated(&corpus(FORMS)), CONTROL_TRIES, is_wrong);
        assert!(found, "{slip:?} was not found");
    }
}

//! Decoding against models that are too slow and too simple to be wrong in the same way.

use coreos_http::{Pairs, parse_bool, parse_uint, percent_decode};
use proptest::collection::vec;
use proptest::prelude::*;

/// Byte by byte; the error is what Go would quote.
fn naive_decode(input: &[u8], plus_is_space: bool) -> Result<Vec<u8>, Vec<u8>> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < input.len() {
        match input[i] {
            b'%' => {
                let text = input[i..].iter().take(3).copied().collect::<Vec<u8>>();
                let hex = std::str::from_utf8(&text[1..]).unwrap_or("");
                if hex.len() != 2 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(text);
                }
                out.push(u8::from_str_radix(hex, 16).expect("two digits"));
                i += 3;
            }
            b'+' if plus_is_space => {
                out.push(b' ');
                i += 1;
            }
            byte => {
                out.push(byte);
                i += 1;
            }
        }
    }
    Ok(out)
}

type OwnedPair = (Vec<u8>, Vec<u8>);

/// Split everything first, then decode.
fn naive_pairs(input: &[u8]) -> Result<Vec<OwnedPair>, Vec<u8>> {
    let pieces = input.split(|&b| b == b'&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let mut sides = piece.splitn(2, |&b| b == b'=');
            let name = naive_decode(sides.next().unwrap_or(b""), true)?;
            Ok((name, naive_decode(sides.next().unwrap_or(b""), true)?))
        })
        .collect()
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"%%%0aFg+&=;/x".to_vec()),
        1 => any::<u8>(),
    ];
    vec(byte, 0..24)
}

/// Mostly decodable text.
fn escaped() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        any::<u8>().prop_map(|byte| format!("%{byte:02X}")),
        "[a-z+=&;]{1,3}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn decoding_is_that_of_the_model(
        input in prop_oneof![text(), escaped()],
        plus in any::<bool>(),
    ) {
        let decoded = percent_decode(&input, plus)
            .map(|text| text.into_owned())
            .map_err(|bad| bad.as_bytes().to_vec());
        prop_assert_eq!(decoded, naive_decode(&input, plus));
    }

    #[test]
    fn pairs_are_those_of_the_model(input in prop_oneof![text(), escaped()]) {
        let pairs = Pairs::new(&input)
            .map(|pair| pair.map(|(name, value)| (name.into_owned(), value.into_owned())))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|bad| bad.as_bytes().to_vec());
        prop_assert_eq!(pairs, naive_pairs(&input));
    }

    #[test]
    fn encoding_everything_round_trips(input in vec(any::<u8>(), 0..40)) {
        let encoded: String = input.iter().map(|byte| format!("%{byte:02x}")).collect();
        let decoded = percent_decode(encoded.as_bytes(), true).map(|text| text.into_owned());
        prop_assert_eq!(decoded, Ok(input));
    }

    #[test]
    fn numbers_are_those_of_the_standard_library(
        text in "[0-9]{0,22}|[+-]?[0-9_]{1,4}|[ -~]{0,3}",
    ) {
        let digits_only = text.bytes().all(|b| b.is_ascii_digit());
        let expected = text.parse::<u64>().ok().filter(|_| digits_only);
        prop_assert_eq!(parse_uint(text.as_bytes()), expected);
    }
}

fn pairs(input: &str) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Pairs::new(input.as_bytes())
        .map(|pair| pair.expect("decodable"))
        .map(|(name, value)| (text(&name), text(&value)))
        .collect()
}

#[test]
fn pairs_by_example() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("&&", &[]),
        ("a", &[("a", "")]),
        ("a=", &[("a", "")]),
        ("=", &[("", "")]),
        ("=v", &[("", "v")]),
        ("a=b=c&d", &[("a", "b=c"), ("d", "")]),
        ("value=x;y", &[("value", "x;y")]),
        ("a+b=c+d&a%26=%3d", &[("a b", "c d"), ("a&", "=")]),
    ];
    for (input, expected) in table {
        let expected: Vec<_> =
            expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(pairs(input), expected, "{input}");
    }
}

#[test]
fn an_error_names_the_first_bad_escape() {
    let first = Pairs::new(b"a=1&b%=%zz").find_map(Result::err).expect("an error");
    assert_eq!(first.to_string(), "invalid URL escape \"%\"");
    let value = Pairs::new(b"value=%zz").find_map(Result::err).expect("an error");
    assert_eq!(value.to_string(), "invalid URL escape \"%zz\"");
}

#[test]
fn booleans() {
    for yes in ["1", "t", "T", "TRUE", "true", "True"] {
        assert_eq!(parse_bool(yes.as_bytes()), Some(true));
    }
    for no in ["0", "f", "F", "FALSE", "false", "False"] {
        assert_eq!(parse_bool(no.as_bytes()), Some(false));
    }
    for neither in ["", "tRue", "yes", "no", "2", " true", "on", "tr"] {
        assert_eq!(parse_bool(neither.as_bytes()), None);
    }
}

#[test]
fn numbers() {
    let table = [
        ("0", Some(0)),
        ("007", Some(7)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("", None),
        ("+1", None),
        ("-1", None),
        ("1.5", None),
        ("1_0", None),
        ("0x1", None),
        (" 1", None),
    ];
    for (text, expected) in table {
        assert_eq!(parse_uint(text.as_bytes()), expected, "{text:?}");
    }
}

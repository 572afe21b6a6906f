//! Forms and queries: `name=value` pairs and the values that etcd reads out of them.

use std::borrow::Cow;

use memchr::memchr;

use crate::escape::{BadEscape, percent_decode};

/// A decoded name and its decoded value, borrowed where nothing had to be decoded.
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Iterator over the pairs of a query or of an `application/x-www-form-urlencoded` body, both sides
/// decoded. Empty pieces are skipped, and a missing `=` means an empty value.
///
/// A `;` is data. Go took it for a separator first and for an error later; clients that send it
/// unescaped mean neither.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// The pairs of `input`, which is not decoded yet.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, BadEscape>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (piece, rest) = cut(self.rest, b'&');
            self.rest = rest;
            if !piece.is_empty() {
                let (name, value) = cut(piece, b'=');
                return Some(decode(name, value));
            }
        }
    }
}

fn decode<'a>(name: &'a [u8], value: &'a [u8]) -> Result<Pair<'a>, BadEscape> {
    Ok((percent_decode(name, true)?, percent_decode(value, true)?))
}

/// What stands before and after the first `separator`.
fn cut(input: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr(separator, input) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, b""),
    }
}

/// The words that Go's `ParseBool` takes; `None` for any other, the empty one included.
#[must_use]
pub fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => Some(false),
        _ => None,
    }
}

/// A decimal number as Go's `ParseUint` takes it: digits only, no sign. `None` also when 64 bits
/// are too few.
#[must_use]
pub fn parse_uint(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

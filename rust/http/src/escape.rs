//! Percent decoding with Go's verdicts, which etcd's clients see in error 210.

use std::borrow::Cow;
use std::fmt::{self, Write};

use memchr::{memchr, memchr2};

/// A `%` that two hexadecimal digits do not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEscape {
    text: [u8; 3],
    len: u8,
}

impl BadEscape {
    fn at(rest: &[u8]) -> Self {
        let mut text = [0; 3];
        let len = rest.len().min(text.len());
        text[..len].copy_from_slice(&rest[..len]);
        Self { text, len: len as u8 }
    }

    /// The `%` and up to two bytes after it, as sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

impl fmt::Display for BadEscape {
    /// As Go words it, quoting included: `invalid URL escape "%zz"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid URL escape \"")?;
        for piece in self.as_bytes().utf8_chunks() {
            for c in piece.valid().chars() {
                write_quoted(f, c)?;
            }
            for byte in piece.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str("\"")
    }
}

impl std::error::Error for BadEscape {}

/// One character of a Go string literal.
fn write_quoted(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '"' | '\\' => write!(f, "\\{c}"),
        '\x07' => f.write_str("\\a"),
        '\x08' => f.write_str("\\b"),
        '\x0b' => f.write_str("\\v"),
        '\x0c' => f.write_str("\\f"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        _ if is_printable(c) => f.write_char(c),
        _ if c.is_ascii() => write!(f, "\\x{:02x}", u32::from(c)),
        // Two bytes after the `%` make at most U+07FF.
        _ => write!(f, "\\u{:04x}", u32::from(c)),
    }
}

fn is_printable(c: char) -> bool {
    // Inside a string the library leaves combining marks alone, as Go does, hence the letter
    // before.
    !c.is_control() && !String::from_iter(['a', c]).escape_debug().to_string().contains("\\u")
}

/// Decode `%XX`, and `+` as a blank if asked to, as forms and queries do but paths do not. Borrows
/// when there is nothing to decode.
///
/// # Errors
/// The first `%` without two hexadecimal digits after it spoils the whole input, as in Go.
pub fn percent_decode(input: &[u8], plus_is_space: bool) -> Result<Cow<'_, [u8]>, BadEscape> {
    let special = |bytes: &[u8]| {
        if plus_is_space { memchr2(b'%', b'+', bytes) } else { memchr(b'%', bytes) }
    };
    let Some(first) = special(input) else { return Ok(Cow::Borrowed(input)) };
    let mut decoded = Vec::with_capacity(input.len());
    let (plain, mut rest) = input.split_at(first);
    decoded.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] => return Ok(Cow::Owned(decoded)),
            [b'%', after @ ..] => {
                let byte = decode_pair(after).ok_or_else(|| BadEscape::at(rest))?;
                decoded.push(byte);
                &after[2..]
            }
            [b'+', after @ ..] if plus_is_space => {
                decoded.push(b' ');
                after
            }
            _ => {
                let (plain, after) = rest.split_at(special(rest).unwrap_or(rest.len()));
                decoded.extend_from_slice(plain);
                after
            }
        };
    }
}

fn decode_pair(after: &[u8]) -> Option<u8> {
    let [high, low, ..] = after else { return None };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    u8::try_from(high << 4 | low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(input: &[u8]) -> String {
        match percent_decode(input, true) {
            Ok(text) => format!("decoded to {}", text.escape_ascii()),
            Err(bad) => bad.to_string(),
        }
    }

    /// The expectations are what strconv.Quote prints.
    #[test]
    fn messages_are_those_of_go() {
        let table: &[(&[u8], &str)] = &[
            (b"%zz", "%zz"),
            (b"a=%zzz", "%zz"),
            (b"%", "%"),
            (b"x%4", "%4"),
            (b"%4g1", "%4g"),
            (b"%\"x", "%\\\"x"),
            (b"%\\x", "%\\\\x"),
            (b"%%41", "%%4"),
            (b"%\n\x01", "%\\n\\x01"),
            (b"%\x7f ", "%\\x7f "),
            (b"%\xff\xfe", "%\\xff\\xfe"),
            ("%\u{e9}".as_bytes(), "%\u{e9}"),
            ("%a\u{e9}".as_bytes(), "%a\\xc3"),
            ("%\u{4f60}".as_bytes(), "%\\xe4\\xbd"),
            ("%\u{85}".as_bytes(), "%\\u0085"),
            ("%\u{a0}".as_bytes(), "%\\u00a0"),
            ("%\u{ad}".as_bytes(), "%\\u00ad"),
            ("%\u{301}".as_bytes(), "%\u{301}"),
            (b"%'x", "%'x"),
            (b"%\0\x07", "%\\x00\\a"),
        ];
        for (input, text) in table {
            assert_eq!(message(input), format!("invalid URL escape \"{text}\""));
        }
    }

    #[test]
    fn borrows_what_needs_no_decoding() {
        assert!(matches!(percent_decode(b"/v2/keys/a+b", false), Ok(Cow::Borrowed(_))));
        assert!(matches!(percent_decode(b"/v2/keys/a+b", true), Ok(Cow::Owned(_))));
    }
}

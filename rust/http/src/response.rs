//! Reply bytes, appended to a buffer of the caller's.

use crate::date::Date;
use crate::names::{is_framing, write_name, write_value};
use crate::reason::reason;

/// What a client that sent "Expect: 100-continue" waits for.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How the client finds the end of a reply's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// This many bytes follow, or would follow if it were not for HEAD.
    Length(usize),
    /// Chunks follow. HTTP/1.0 does not know them: there, [`BodyKind::UntilClose`] is announced,
    /// and the caller has to send the body bare and close.
    Chunked,
    /// The status allows no body (1xx, 204, 304): nothing is said about one.
    None,
    /// The body ends with the connection, which is announced as closing whatever `keep_alive` says.
    UntilClose,
}

/// Append the head of a reply, blank line included.
///
/// `version_minor` is the request's: it decides what has to be said about keeping the connection,
/// while the reply is always one of HTTP/1.1. Names are spelled canonically; values lose what
/// could end a line. Date, Connection, Content-Length and Transfer-Encoding follow from the other
/// arguments and are left out of `headers`. A status without three digits becomes 500.
pub fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    date: &Date,
    keep_alive: bool,
    version_minor: u8,
    headers: &[(&str, &[u8])],
    body: BodyKind,
) {
    let status = if (100..=999).contains(&status) { status } else { 500 };
    out.reserve(
        128 + headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>(),
    );
    out.extend_from_slice(b"HTTP/1.1 ");
    write_number(out, usize::from(status));
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
    write_headers(out, headers);
    write_end_of_head(out, date, keep_alive, version_minor, body);
}

/// Append header lines, as [`write_head`] does.
pub fn write_headers(out: &mut Vec<u8>, headers: &[(&str, &[u8])]) {
    for (name, value) in headers.iter().filter(|(name, _)| !is_framing(name)) {
        write_name(out, name);
        out.extend_from_slice(b": ");
        write_value(out, value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Append what ends every head: the headers that [`write_head`] adds of itself, and the blank line.
pub fn write_end_of_head(
    out: &mut Vec<u8>,
    date: &Date,
    keep_alive: bool,
    version_minor: u8,
    body: BodyKind,
) {
    let body = match body {
        BodyKind::Chunked if version_minor == 0 => BodyKind::UntilClose,
        other => other,
    };
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(date.as_bytes());
    match body {
        BodyKind::Length(length) => {
            out.extend_from_slice(b"\r\nContent-Length: ");
            write_number(out, length);
        }
        BodyKind::Chunked => out.extend_from_slice(b"\r\nTransfer-Encoding: chunked"),
        BodyKind::None | BodyKind::UntilClose => {}
    }
    if !keep_alive || body == BodyKind::UntilClose {
        out.extend_from_slice(b"\r\nConnection: close");
    } else if version_minor == 0 {
        out.extend_from_slice(b"\r\nConnection: keep-alive");
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// Append one chunk. Without data nothing is written, because an empty chunk would end the body.
pub fn write_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    write_hex(out, data.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Append what ends a chunked body.
pub fn write_last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

fn write_number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn write_hex(out: &mut Vec<u8>, number: usize) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|digit| b"0123456789abcdef"[number >> (digit * 4) & 0xf]));
}

//! One complete head: the request line and the headers, judged.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use crate::framing::Framing;
use crate::limits::Limits;
use crate::reject::Reject;
use crate::target::Target;

/// Headers whose slots fit on the stack; more are legal if the limit says so, and cost an
/// allocation.
const STACK_HEADERS: usize = 128;
/// Longest request line, apart from its target, that is waited for.
const LINE_BYTES_BESIDES_TARGET: usize = 64;

/// A judged head, in offsets from its first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// Bytes of the whole head, blank line included.
    pub len: usize,
    /// Bytes of the request line, line feed included.
    pub line_len: usize,
    pub method_len: usize,
    pub target_len: usize,
    pub minor: u8,
    pub framing: Framing,
}

impl Head {
    /// Judge the complete head `head`, whose first line has `line_len` bytes and which has `lines`
    /// lines.
    pub(crate) fn parse(
        head: &[u8],
        line_len: usize,
        lines: usize,
        limits: &Limits,
    ) -> Result<Self, Reject> {
        if line_len > line_bytes_max(limits) {
            return Err(Reject::target_too_long(limits.target_bytes));
        }
        let mut stack = [const { MaybeUninit::<Header<'_>>::uninit() }; STACK_HEADERS];
        let mut heap = Vec::new();
        let slots = if lines <= STACK_HEADERS {
            &mut stack[..lines]
        } else {
            heap.resize_with(lines, MaybeUninit::uninit);
            &mut heap[..]
        };
        let mut request = httparse::Request::new(&mut []);
        let status = request.parse_with_uninit_headers(head, slots);
        let (Ok(Status::Complete(len)), Some(method), Some(target), Some(minor)) =
            (status, request.method, request.path, request.version)
        else {
            check_request_line(&head[..line_len], limits)?;
            return Err(header_error(status.err()));
        };
        check_target(method.as_bytes(), target.as_bytes(), limits)?;
        if len != head.len() {
            return Err(Reject::malformed("headers"));
        }
        let headers = request.headers.iter().map(|header| (header.name.as_bytes(), header.value));
        let framing = Framing::of(headers, minor, limits)?;
        let (method_len, target_len) = (method.len(), target.len());
        Ok(Self { len, line_len, method_len, target_len, minor, framing })
    }
}

/// Bytes within which the request line has to end.
pub(crate) fn line_bytes_max(limits: &Limits) -> usize {
    limits.target_bytes.saturating_add(LINE_BYTES_BESIDES_TARGET)
}

/// Judge the first byte of a request: what is not HTTP at all may never send a line feed.
pub(crate) fn check_first_byte(byte: u8) -> Result<(), Reject> {
    const TLS_HANDSHAKE: u8 = 0x16;
    match byte {
        TLS_HANDSHAKE => {
            Err(Reject::new(400, "client sent a TLS handshake, but this port speaks plain HTTP"))
        }
        b'!'..=b'~' => Ok(()),
        _ => Err(Reject::malformed("request line")),
    }
}

/// Judge a complete request line, line feed included, before the headers are there.
pub(crate) fn check_request_line(line: &[u8], limits: &Limits) -> Result<(), Reject> {
    if line.len() > line_bytes_max(limits) {
        return Err(Reject::target_too_long(limits.target_bytes));
    }
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse(line);
    if let Err(error) = parsed {
        return Err(line_error(error, line));
    }
    match (request.method, request.path, request.version) {
        (Some(method), Some(target), Some(_)) => {
            check_target(method.as_bytes(), target.as_bytes(), limits)
        }
        _ => Err(Reject::malformed("request line")),
    }
}

/// Judge a trailer section, blank line included: it is dropped, but it must not hide anything.
pub(crate) fn check_trailers(section: &[u8], lines: usize) -> Result<(), Reject> {
    if lines == 0 {
        return Ok(());
    }
    let mut slots = vec![httparse::EMPTY_HEADER; lines];
    match httparse::parse_headers(section, &mut slots) {
        Ok(Status::Complete((len, _))) if len == section.len() => Ok(()),
        _ => Err(Reject::malformed("trailers")),
    }
}

fn check_target(method: &[u8], target: &[u8], limits: &Limits) -> Result<(), Reject> {
    if target.len() > limits.target_bytes {
        return Err(Reject::target_too_long(limits.target_bytes));
    }
    match Target::parse(method, target) {
        Some(_) => Ok(()),
        None => Err(Reject::malformed("request target")),
    }
}

fn line_error(error: httparse::Error, line: &[u8]) -> Reject {
    let version = line.trim_ascii_end().splitn(3, |&b| b == b' ').nth(2).unwrap_or(b"");
    if error == httparse::Error::Version && is_version(version) {
        let version = String::from_utf8_lossy(version);
        return Reject::new(400, format!("{version} is not supported: use HTTP/1.1"));
    }
    Reject::malformed("request line")
}

fn is_version(text: &[u8]) -> bool {
    match text.strip_prefix(b"HTTP/") {
        Some(number) => {
            !number.is_empty()
                && number.len() <= 8
                && number.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        }
        None => false,
    }
}

fn header_error(error: Option<httparse::Error>) -> Reject {
    Reject::malformed(match error {
        Some(httparse::Error::HeaderName) => "invalid header name",
        Some(httparse::Error::HeaderValue) => "invalid header value",
        _ => "headers",
    })
}

//! Joining the chunks of a body in place, as they arrive.
//!
//! Chunk data is moved down to follow what is joined already, so that the finished body is one
//! slice of the connection's buffer and every byte is moved at most once. Framing is taken
//! strictly (CR LF, digits only): a server that reads it loosely can be made to see other requests
//! than the proxy before it.

use memchr::memchr;

use crate::head::check_trailers;
use crate::limits::Limits;
use crate::reject::Reject;
use crate::scan::{Scan, SectionScan};

/// Bytes of one chunk-size line, extensions included.
const LINE_BYTES_MAX: usize = 4096;
/// A 64-bit size in hexadecimal digits.
const DIGITS_MAX: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// In a chunk-size line, of which `searched` bytes hold no line feed.
    Size { searched: usize },
    /// In chunk data, of which `left` bytes are missing.
    Data { left: usize },
    /// Before the CR LF that ends chunk data.
    DataEnd,
    /// After the last chunk.
    Trailers(SectionScan),
}

/// Progress through one chunked body, in offsets from the start of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    phase: Phase,
    body_start: usize,
    /// End of the joined body.
    joined: usize,
    /// First byte that is not understood yet; what lies between `joined` and this is waste.
    raw: usize,
    /// Bytes of the body announced so far.
    announced: usize,
    /// Bytes of the head and of chunk extensions, which share one limit with the trailers.
    overhead: usize,
}

/// Where a complete body lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub body_len: usize,
    /// First byte after the request.
    pub end: usize,
}

impl Chunks {
    /// The body starts after a head of `head_len` bytes.
    pub(crate) fn new(head_len: usize) -> Self {
        Self {
            phase: Phase::Size { searched: 0 },
            body_start: head_len,
            joined: head_len,
            raw: head_len,
            announced: 0,
            overhead: head_len,
        }
    }

    /// Understand as much as has arrived. `request` starts at the head's first byte; `work` grows
    /// by the number of bytes searched or moved. `None`: more bytes are needed.
    pub(crate) fn run(
        &mut self,
        request: &mut [u8],
        limits: &Limits,
        work: &mut u64,
    ) -> Result<Option<Joined>, Reject> {
        loop {
            let more = match self.phase {
                Phase::Size { searched } => self.size_line(request, searched, limits, work)?,
                Phase::Data { left } => self.data(request, left, work),
                Phase::DataEnd => self.data_end(request)?,
                Phase::Trailers(scan) => return self.trailers(request, scan, limits, work),
            };
            if !more {
                return Ok(None);
            }
        }
    }

    /// The waste that may be cut out of the request: from where to where. Calling this promises to
    /// cut it.
    pub(crate) fn take_gap(&mut self) -> std::ops::Range<usize> {
        let gap = self.joined..self.raw;
        self.raw = self.joined;
        gap
    }

    fn size_line(
        &mut self,
        request: &[u8],
        searched: usize,
        limits: &Limits,
        work: &mut u64,
    ) -> Result<bool, Reject> {
        let line = &request[self.raw..request.len().min(self.raw + LINE_BYTES_MAX)];
        let Some(offset) = memchr(b'\n', &line[searched..]) else {
            *work += (line.len() - searched) as u64;
            if line.len() == LINE_BYTES_MAX {
                return Err(Reject::malformed("chunk size line too long"));
            }
            self.phase = Phase::Size { searched: line.len() };
            return Ok(false);
        };
        *work += offset as u64 + 1;
        let end = searched + offset;
        let SizeLine { size, extension } = parse_size_line(&line[..end])
            .ok_or_else(|| Reject::malformed("invalid chunk size line"))?;
        let overhead = self.overhead + extension;
        if overhead > limits.head_bytes {
            return Err(Reject::head_too_long(limits.head_bytes));
        }
        let left = limits.body_bytes.saturating_sub(self.announced);
        let size = match size.and_then(|size| usize::try_from(size).ok()) {
            Some(size) if size <= left => size,
            _ => return Err(Reject::body_too_long(limits.body_bytes)),
        };
        self.overhead = overhead;
        self.announced += size;
        self.raw += end + 1;
        self.phase = match size {
            0 => Phase::Trailers(SectionScan::default()),
            left => Phase::Data { left },
        };
        Ok(true)
    }

    fn data(&mut self, request: &mut [u8], left: usize, work: &mut u64) -> bool {
        let here = left.min(request.len() - self.raw);
        request.copy_within(self.raw..self.raw + here, self.joined);
        *work += here as u64;
        self.joined += here;
        self.raw += here;
        if here < left {
            self.phase = Phase::Data { left: left - here };
            return false;
        }
        self.phase = Phase::DataEnd;
        true
    }

    fn data_end(&mut self, request: &[u8]) -> Result<bool, Reject> {
        match &request[self.raw..] {
            [b'\r', b'\n', ..] => {
                self.raw += 2;
                self.phase = Phase::Size { searched: 0 };
                Ok(true)
            }
            [] | [b'\r'] => Ok(false),
            _ => Err(Reject::malformed("chunk data longer than its size")),
        }
    }

    fn trailers(
        &mut self,
        request: &[u8],
        mut scan: SectionScan,
        limits: &Limits,
        work: &mut u64,
    ) -> Result<Option<Joined>, Reject> {
        let section = &request[self.raw..];
        // The blank line is part of every body and is not held against the client.
        let bytes_max = limits.head_bytes.saturating_sub(self.overhead).saturating_add(3);
        match scan.run(section, bytes_max, limits.headers, work) {
            Scan::End(len) => {
                check_trailers(&section[..len], scan.lines())?;
                let body_len = self.joined - self.body_start;
                Ok(Some(Joined { body_len, end: self.raw + len }))
            }
            Scan::More => {
                self.phase = Phase::Trailers(scan);
                Ok(None)
            }
            Scan::TooLong => Err(Reject::head_too_long(limits.head_bytes)),
            Scan::TooManyLines => Err(Reject::too_many_headers(limits.headers)),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct SizeLine {
    /// `None`: more than 64 bits.
    size: Option<u64>,
    /// Bytes that are neither the size nor the line's end.
    extension: usize,
}

/// Read a chunk-size line without its line feed; `None` when it is malformed.
fn parse_size_line(line: &[u8]) -> Option<SizeLine> {
    let line = line.strip_suffix(b"\r")?;
    let count = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, extension) = line.split_at(count);
    let size = parse_hex(digits)?;
    let blank = |b: &&u8| matches!(**b, b' ' | b'\t');
    let start = extension.iter().take_while(blank).count();
    let legal = match extension.get(start) {
        None => true,
        Some(b';') => extension.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)),
        Some(_) => false,
    };
    legal.then_some(SizeLine { size, extension: extension.len() })
}

/// Outer `None`: no digits at all; inner `None`: more than 64 bits.
fn parse_hex(digits: &[u8]) -> Option<Option<u64>> {
    if digits.is_empty() {
        return None;
    }
    let zeros = digits.iter().take_while(|&&b| b == b'0').count();
    let significant = &digits[zeros..];
    if significant.len() > DIGITS_MAX {
        return Some(None);
    }
    let fold = |value: u64, &b: &u8| {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            _ => (b | 0x20) - b'a' + 10,
        };
        value << 4 | u64::from(digit)
    };
    Some(Some(significant.iter().fold(0, fold)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_lines() {
        let ok = |size, extension| Some(SizeLine { size: Some(size), extension });
        let table: &[(&[u8], Option<SizeLine>)] = &[
            (b"0\r", ok(0, 0)),
            (b"fF\r", ok(255, 0)),
            (b"000000000000000000001\r", ok(1, 0)),
            (b"ffffffffffffffff\r", ok(u64::MAX, 0)),
            (b"10000000000000000\r", Some(SizeLine { size: None, extension: 0 })),
            (b"5 \r", ok(5, 1)),
            (b"5;a=b\r", ok(5, 4)),
            (b"5 ;a=\"b c\"\r", ok(5, 9)),
            (b"5", None),
            (b"\r", None),
            (b";a\r", None),
            (b" 5\r", None),
            (b"+5\r", None),
            (b"0x5\r", None),
            (b"5 5\r", None),
            (b"5,\r", None),
            (b"5;a\rb\r", None),
            (b"5;\0\r", None),
        ];
        for (line, expected) in table {
            assert_eq!(&parse_size_line(line), expected, "{}", line.escape_ascii());
        }
    }
}

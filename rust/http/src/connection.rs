//! The parsing half of one connection: its buffer, and how far the request at the front is
//! understood.
//!
//! Each step remembers where it stopped, so a request that arrives byte by byte costs as much
//! searching as one that arrives at once, and the verdict never depends on the pieces.

use crate::chunked::Chunks;
use crate::framing::BodyLength;
use crate::head::{Head, check_first_byte, check_request_line, line_bytes_max};
use crate::limits::Limits;
use crate::method::Method;
use crate::reject::Reject;
use crate::request::Request;
use crate::scan::{Scan, SectionScan};
use crate::target::Target;

/// A buffer of at most this many bytes is kept while nothing is buffered: thousands of connections
/// do nothing most of the time, but a busy one should not allocate for every request.
const KEPT_BYTES: usize = 512;
/// Empty lines that are skipped before a request line: some old clients send one after a body.
const EMPTY_LINES_MAX: u8 = 8;

/// Bytes of one client connection, taken apart into requests.
#[derive(Debug, Default)]
pub struct Connection {
    buffer: Vec<u8>,
    /// Offset of the request at the front; what lies before it is done with.
    start: usize,
    stage: Stage,
    work: u64,
}

/// How far the request at the front is understood. Offsets count from its first byte.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Head { scan: SectionScan, empty_lines: u8, line_checked: bool },
    Body { head: Head, continue_due: bool, chunks: Option<Chunks> },
    Ready { head: Head, body_len: usize, end: usize },
}

impl Default for Stage {
    fn default() -> Self {
        Self::Head { scan: SectionScan::default(), empty_lines: 0, line_checked: false }
    }
}

/// What is at the front of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Nothing, or not all of a request: more bytes are needed.
    Incomplete,
    /// The head is complete and the client waits for "100 Continue" before it sends the body.
    /// Reported once for a request, and not at all when the body has begun to arrive.
    Continue,
    /// A whole request. It stays at the front until [`Connection::advance`].
    Request(Request<'a>),
    /// What is there is not acceptable. Reply with this, then close.
    Bad(Reject),
}

impl Connection {
    /// A connection on which nothing has been received. It holds no buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The buffer to append received bytes to, with room for `at_least` more without growing.
    /// Bytes that are in it already must be left alone.
    pub fn receive_buffer(&mut self, at_least: usize) -> &mut Vec<u8> {
        let rest = self.buffered();
        // Moving what is left is paid for by what was consumed before it.
        if self.start > 0 && rest <= self.start {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(rest);
            self.start = 0;
            self.work += rest as u64;
        }
        self.buffer.reserve(at_least);
        &mut self.buffer
    }

    /// Append received bytes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.receive_buffer(bytes.len()).extend_from_slice(bytes);
    }

    /// Look at the front. Cheap when nothing has come since the last call.
    pub fn next(&mut self, limits: &Limits) -> Next<'_> {
        loop {
            let step = match self.stage {
                Stage::Head { .. } => self.read_head(limits),
                Stage::Body { .. } => self.read_body(limits),
                Stage::Ready { head, body_len, .. } => {
                    return self.request(&head, body_len).map_or_else(
                        || Next::Bad(Reject::malformed("request target")),
                        Next::Request,
                    );
                }
            };
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Wait) => return Next::Incomplete,
                Ok(Step::Continue) => return Next::Continue,
                Err(reject) => return Next::Bad(reject),
            }
        }
    }

    /// Drop the request that the last [`Connection::next`] returned. Without one, nothing happens.
    pub fn advance(&mut self) {
        let Stage::Ready { end, .. } = self.stage else { return };
        self.start += end;
        self.stage = Stage::default();
        self.release();
    }

    /// Bytes received that no [`Connection::advance`] has dropped yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether the client could close here without leaving a request half sent.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.buffered() == 0
    }

    /// Bytes held for this connection, used or not.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes searched, parsed or moved since the connection began: the cost of what was received,
    /// which has to stay proportional to its length.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    fn read_head(&mut self, limits: &Limits) -> Result<Step, Reject> {
        if self.skip_empty_lines()? == Step::Wait {
            return Ok(Step::Wait);
        }
        let Stage::Head { scan, line_checked, .. } = &mut self.stage else {
            return Ok(Step::Again);
        };
        let request = &self.buffer[self.start..];
        let scanned =
            scan.run(request, limits.head_bytes, limits.headers.saturating_add(1), &mut self.work);
        if let (Scan::End(len), Some(line_len)) = (scanned, scan.first_line()) {
            self.work += len as u64;
            let head = Head::parse(&request[..len], line_len, scan.lines(), limits)?;
            self.enter_body(head);
            return Ok(Step::Again);
        }
        // A wrong request line is answered at once, and before anything that is wrong after it.
        if !*line_checked {
            match scan.first_line() {
                Some(len) => {
                    self.work += len as u64;
                    check_request_line(&request[..len], limits)?;
                    *line_checked = true;
                }
                None if scanned != Scan::More || request.len() >= line_bytes_max(limits) => {
                    return Err(Reject::target_too_long(limits.target_bytes));
                }
                None => {}
            }
        }
        match scanned {
            Scan::TooLong => Err(Reject::head_too_long(limits.head_bytes)),
            Scan::TooManyLines => Err(Reject::too_many_headers(limits.headers)),
            Scan::More | Scan::End(_) => Ok(Step::Wait),
        }
    }

    /// Skip empty lines before the request line, and judge the first byte after them.
    fn skip_empty_lines(&mut self) -> Result<Step, Reject> {
        let Stage::Head { empty_lines, .. } = &mut self.stage else { return Ok(Step::Again) };
        loop {
            let skipped = match &self.buffer[self.start..] {
                [] | [b'\r'] => {
                    self.release();
                    return Ok(Step::Wait);
                }
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [first, ..] => return check_first_byte(*first).map(|()| Step::Again),
            };
            if *empty_lines == EMPTY_LINES_MAX {
                return Err(Reject::malformed("empty lines instead of a request"));
            }
            *empty_lines += 1;
            self.start += skipped;
        }
    }

    /// Give the buffer back if there is nothing in it.
    fn release(&mut self) {
        if self.buffered() > 0 {
            return;
        }
        self.start = 0;
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }

    fn enter_body(&mut self, head: Head) {
        self.stage = match head.framing.body {
            BodyLength::Bytes(0) => Stage::Ready { head, body_len: 0, end: head.len },
            BodyLength::Bytes(_) => {
                Stage::Body { head, continue_due: head.framing.expects_continue, chunks: None }
            }
            BodyLength::Chunked => Stage::Body {
                head,
                continue_due: head.framing.expects_continue,
                chunks: Some(Chunks::new(head.len)),
            },
        };
    }

    fn read_body(&mut self, limits: &Limits) -> Result<Step, Reject> {
        let begun = self.buffered();
        let Stage::Body { head, continue_due, chunks } = &mut self.stage else {
            return Ok(Step::Again);
        };
        let head = *head;
        if std::mem::take(continue_due) && begun == head.len {
            return Ok(Step::Continue);
        }
        let Some(chunks) = chunks else {
            let BodyLength::Bytes(body_len) = head.framing.body else { return Ok(Step::Wait) };
            let end = head.len.saturating_add(body_len);
            if begun < end {
                return Ok(Step::Wait);
            }
            self.stage = Stage::Ready { head, body_len, end };
            return Ok(Step::Again);
        };
        let request = &mut self.buffer[self.start..];
        if let Some(joined) = chunks.run(request, limits, &mut self.work)? {
            self.stage = Stage::Ready { head, body_len: joined.body_len, end: joined.end };
            return Ok(Step::Again);
        }
        // What is left behind the gap is at most an unfinished line.
        let gap = chunks.take_gap();
        if !gap.is_empty() {
            let (from, to) = (self.start + gap.end, self.start + gap.start);
            let tail = self.buffer.len() - from;
            self.buffer.copy_within(from.., to);
            self.buffer.truncate(to + tail);
            self.work += tail as u64;
        }
        Ok(Step::Wait)
    }

    /// `None` cannot happen: the target was taken apart before, when the head was judged.
    fn request(&self, head: &Head, body_len: usize) -> Option<Request<'_>> {
        let bytes = &self.buffer[self.start..];
        let method = &bytes[..head.method_len];
        let target = &bytes[head.method_len + 1..head.method_len + 1 + head.target_len];
        let Target { authority, path, query } = Target::parse(method, target)?;
        Some(Request {
            method: Method::from_bytes(method),
            target,
            path,
            query,
            authority,
            version_minor: head.minor,
            keep_alive: head.framing.keep_alive,
            body: &bytes[head.len..head.len + body_len],
            lines: &bytes[head.line_len..head.len],
        })
    }
}

/// What one step of understanding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The stage has changed or may go on.
    Again,
    /// More bytes are needed.
    Wait,
    /// The client has to be told to go on.
    Continue,
}

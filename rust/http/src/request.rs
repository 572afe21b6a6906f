//! One complete request, borrowed from the connection's buffer.

use memchr::memchr;

use crate::method::Method;

/// A request with its whole body. Nothing in it is decoded or copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What to do.
    pub method: Method<'a>,
    /// The target as sent.
    pub target: &'a [u8],
    /// The target's path, not decoded: what stands before the first `?`, without scheme and host.
    pub path: &'a [u8],
    /// What stands after the first `?`; empty also when there is none.
    pub query: &'a [u8],
    /// Host and port of a target in absolute form; it outranks the Host header.
    pub authority: Option<&'a [u8]>,
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub version_minor: u8,
    /// Whether the client wants to use the connection again.
    pub keep_alive: bool,
    /// The whole body, chunks joined.
    pub body: &'a [u8],
    /// The header lines, checked before, up to and without the blank line.
    pub(crate) lines: &'a [u8],
}

impl<'a> Request<'a> {
    /// The value of the first header called `name` (in any case), without blanks around it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let name = name.as_bytes();
        let mut rest = self.lines;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            // The colon is looked for where it has to be: most lines fall out without a search.
            if line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name)
            {
                return Some(trim(&line[name.len() + 1..]));
            }
            rest = after;
        }
        None
    }

    /// All headers in the order sent, names as sent.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        Headers { rest: self.lines }
    }

    /// The Content-Type header with its parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.header("Content-Type")
    }

    /// The host that the client addressed, with its port if it gave one.
    #[must_use]
    pub fn host(&self) -> Option<&'a [u8]> {
        self.authority.or_else(|| self.header("Host"))
    }
}

/// Iterator over a request's headers: name and value.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr(b'\n', self.rest)?;
        let (line, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        let colon = memchr(b':', line)?;
        self.rest = rest;
        // Names were checked to be tokens, which are ASCII.
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name, trim(&line[colon + 1..])))
    }
}

/// Without the blanks and the carriage return around it. Other white space belongs to the value.
fn trim(value: &[u8]) -> &[u8] {
    let is_inner = |b: &u8| !matches!(b, b' ' | b'\t' | b'\r');
    let Some(start) = value.iter().position(is_inner) else { return b"" };
    let end = value.iter().rposition(is_inner).map_or(start, |last| last + 1);
    &value[start..end]
}

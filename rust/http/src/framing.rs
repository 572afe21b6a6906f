//! What the headers say about the message itself: where its body ends and what happens after it.
//!
//! Two readings of one length are how requests are smuggled past a proxy, so every doubt is a 400.

use crate::limits::Limits;
use crate::reject::Reject;

/// How the end of a request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// This many bytes; 0 also when nothing is said.
    Bytes(usize),
    /// The chunks tell.
    Chunked,
}

/// The verdict on all headers of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub body: BodyLength,
    pub keep_alive: bool,
    pub expects_continue: bool,
}

/// What has been gathered while going through the headers.
#[derive(Default)]
struct Gathered<'a> {
    length: Option<&'a [u8]>,
    chunked: bool,
    hosts: usize,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Framing {
    /// Judge the headers of a request of HTTP/1.`minor`.
    pub(crate) fn of<'a>(
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        minor: u8,
        limits: &Limits,
    ) -> Result<Self, Reject> {
        let mut gathered = Gathered::default();
        let mut unknown_coding = false;
        for (name, value) in headers {
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => gathered.host(value)?,
                6 if minor > 0 && name.eq_ignore_ascii_case(b"expect") => gathered.expect(value)?,
                10 if name.eq_ignore_ascii_case(b"connection") => gathered.connection(value),
                14 if name.eq_ignore_ascii_case(b"content-length") => gathered.length(value)?,
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    if !value.eq_ignore_ascii_case(b"chunked") {
                        unknown_coding = true;
                    } else if std::mem::replace(&mut gathered.chunked, true) {
                        return Err(Reject::malformed("Transfer-Encoding is given twice"));
                    }
                }
                _ => {}
            }
        }
        if gathered.hosts == 0 && minor > 0 {
            return Err(Reject::malformed("the Host header is missing"));
        }
        let body = gathered.body(unknown_coding, minor, limits)?;
        Ok(Self {
            body,
            keep_alive: !gathered.close && (minor > 0 || gathered.keep_alive),
            expects_continue: gathered.expects_continue,
        })
    }
}

impl<'a> Gathered<'a> {
    fn host(&mut self, value: &[u8]) -> Result<(), Reject> {
        self.hosts += 1;
        if self.hosts > 1 {
            return Err(Reject::malformed("the Host header is given twice"));
        }
        if !is_authority(value) {
            return Err(Reject::malformed("invalid Host header"));
        }
        Ok(())
    }

    fn expect(&mut self, value: &[u8]) -> Result<(), Reject> {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Reject::new(417, "unknown expectation: only 100-continue is supported"));
        }
        self.expects_continue = true;
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn length(&mut self, value: &'a [u8]) -> Result<(), Reject> {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Reject::malformed("Content-Length is not a number"));
        }
        if self.length.is_some_and(|first| first != value) {
            return Err(Reject::malformed("Content-Length is given twice with different values"));
        }
        self.length = Some(value);
        Ok(())
    }

    fn body(&self, unknown: bool, minor: u8, limits: &Limits) -> Result<BodyLength, Reject> {
        let transfer_coding = self.chunked || unknown;
        if transfer_coding && self.length.is_some() {
            return Err(Reject::malformed("both Content-Length and Transfer-Encoding are given"));
        }
        if transfer_coding && minor == 0 {
            return Err(Reject::malformed("HTTP/1.0 has no Transfer-Encoding"));
        }
        if unknown {
            return Err(Reject::new(400, "unknown transfer coding: only chunked is supported"));
        }
        if self.chunked {
            return Ok(BodyLength::Chunked);
        }
        let Some(digits) = self.length else { return Ok(BodyLength::Bytes(0)) };
        match crate::form::parse_uint(digits).and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length <= limits.body_bytes => Ok(BodyLength::Bytes(length)),
            // A number too big for 64 bits is too big for the limit as well.
            _ => Err(Reject::body_too_long(limits.body_bytes)),
        }
    }
}

/// Whether `text` can be a host with an optional port: nothing that ends or structures an address,
/// and no list. Empty is legal: a client says so that it knows no host.
pub(crate) fn is_authority(text: &[u8]) -> bool {
    text.iter().all(|&b| b > b' ' && b < 0x7f && !b"\"#,/;<>?@\\^`{|}".contains(&b))
}

//! Why a request is refused before anybody looks at what it asks for.

use std::fmt;

/// A refusal. After it the position in the byte stream is not known any more, so the connection
/// has to be closed once the reply is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// 400 malformed, or a version or transfer coding that is not spoken (a client's mistake is never a
    /// 5xx here), 413 body, 414 target, 417 expectation, 431 headers.
    pub status: u16,
    /// One sentence for the client, without a full stop.
    pub message: String,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

impl std::error::Error for Reject {}

impl Reject {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn malformed(what: &str) -> Self {
        Self::new(400, format!("malformed request: {what}"))
    }

    pub(crate) fn target_too_long(limit: usize) -> Self {
        Self::new(414, format!("request target too long: the limit is {limit} bytes"))
    }

    pub(crate) fn head_too_long(limit: usize) -> Self {
        Self::new(431, format!("request headers too long: the limit is {limit} bytes"))
    }

    pub(crate) fn too_many_headers(limit: usize) -> Self {
        Self::new(431, format!("too many request headers: the limit is {limit}"))
    }

    pub(crate) fn body_too_long(limit: usize) -> Self {
        Self::new(413, format!("request body too long: the limit is {limit} bytes"))
    }
}

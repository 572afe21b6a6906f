//! How much a client may send before it is refused.

/// Bounds on one request. What exceeds one is refused with a status and a message that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line, headers and the blank line, in bytes (431). A chunked body's extensions and
    /// trailers count too, so that they cannot be used to get around it.
    pub head_bytes: usize,
    /// Body after joining chunks, in bytes (413).
    pub body_bytes: usize,
    /// Target of the request line, in bytes (414).
    pub target_bytes: usize,
    /// Number of header fields (431).
    pub headers: usize,
}

impl Default for Limits {
    /// What etcd allows: a head of 1 MiB and a body of 10 MiB.
    fn default() -> Self {
        Self { head_bytes: 1 << 20, body_bytes: 10 << 20, target_bytes: 1 << 20, headers: 128 }
    }
}

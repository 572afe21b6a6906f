//! What all connections together hold of requests that have not arrived in full.

use super::connection::Connection;

/// So much may be buffered by one connection without counting.
const FREE_BYTES: usize = 16 << 10;
/// Bytes of bodies in progress in the whole server; who exceeds it is refused.
pub(super) const BYTES_MAX: usize = 256 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct Uploads {
    bytes: usize,
}

impl Uploads {
    /// Look at a connection again after its buffer has changed. False: with it there is too much.
    pub fn count(&mut self, conn: &mut Connection) -> bool {
        let held = conn.parser.buffered();
        let counted = if held > FREE_BYTES { held } else { 0 };
        self.bytes = self.bytes - conn.upload_bytes + counted;
        let has_grown = counted > conn.upload_bytes;
        conn.upload_bytes = counted;
        !has_grown || self.bytes <= BYTES_MAX
    }

    /// A connection is closed.
    pub fn forget(&mut self, conn: &Connection) {
        self.bytes -= conn.upload_bytes;
    }
}

//! Connections whose bytes a Trio task carries: TLS.

use super::connection::{Connection, Link};
use super::{Front, socket};

impl Front {
    /// A connection whose transport is elsewhere (TLS); its bytes come through [`Front::feed`]. `certificate` is the
    /// client's name in its certificate, if that may stand for a user. `None` at the connection limit.
    pub fn open_fed(&mut self, remote: &str, certificate: Option<&str>) -> Option<u64> {
        self.clock();
        if !self.wants_accept() {
            self.counters.refused += 1;
            return None;
        }
        self.counters.accepted += 1;
        self.fed_connections += 1;
        let mut conn = Connection::new(Link::Fed, remote, self.now_ms);
        // The original of that time does not look at it.
        conn.certificate = certificate.filter(|_| !self.config.upstream).map(Box::from);
        Some(self.connections.insert(conn) as u64)
    }

    /// Bytes from a fed connection's client; none = it has finished sending. Followed by `turn`.
    pub fn feed(&mut self, connection: u64, data: &[u8]) {
        let now_ms = self.now_ms;
        let Some(conn) = self.fed(connection) else { return };
        if conn.is_idle() && conn.parser.at_boundary() {
            conn.touched_ms = now_ms;
        }
        if data.is_empty() {
            conn.eof = true;
        } else {
            conn.parser.receive(data);
        }
        self.ready.push_back(connection as usize);
    }

    /// Whether a fed connection has room for more input.
    pub fn takes_input(&self, connection: u64) -> bool {
        let conn = usize::try_from(connection).ok().and_then(|slot| self.connections.get(slot));
        conn.is_some_and(|conn| conn.parser.buffered() < socket::input_limit(conn, &self.limits))
    }

    /// What a fed connection has to send, and whether to close it afterwards.
    pub fn take_output(&mut self, connection: u64) -> (Vec<u8>, bool) {
        let now_ms = self.now_ms;
        let Some(conn) = self.fed(connection) else { return (Vec::new(), true) };
        conn.sent = 0;
        conn.is_offered = false;
        let out = std::mem::take(&mut conn.out);
        if !out.is_empty() && (conn.is_idle() || conn.has_source()) {
            conn.touched_ms = now_ms;
        }
        let closing = conn.closing;
        if closing {
            return (out, true);
        }
        if conn.has_source() {
            self.pull(connection as usize);
            self.settle();
        } else if !out.is_empty() && conn.is_idle() && (conn.eof || conn.parser.buffered() > 0) {
            // What was pipelined behind the reply, or the end of input, waited for the output to be taken.
            self.ready.push_back(connection as usize);
            self.settle();
        }
        (out, false)
    }

    /// A fed connection's transport is gone.
    pub fn close_fed(&mut self, connection: u64) {
        if self.fed(connection).is_some() {
            self.close(connection as usize);
        }
    }

    fn fed(&mut self, connection: u64) -> Option<&mut Connection> {
        self.connections
            .get_mut(usize::try_from(connection).ok()?)
            .filter(|conn| matches!(conn.link, Link::Fed))
    }
}

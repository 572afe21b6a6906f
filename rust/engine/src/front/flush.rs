//! Sending what connections have to say.

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::Front;
use super::connection::{Connection, Link};

/// From so many connections on, their output is sent by several threads.
const MANY: usize = 512;
/// Threads for that, this one included.
const CORES_MAX: usize = 4;

impl Front {
    /// Send the output of every dirty connection.
    pub(super) fn flush(&mut self) {
        if self.dirty.len() >= MANY {
            self.transmit_many();
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Some(conn) = self.connections.get_mut(slot) else { continue };
            conn.dirty = false;
            match &conn.link {
                Link::Fed => {
                    self.turn.fed_ready.push(slot as u64);
                    if std::mem::replace(&mut conn.is_offered, true) {
                        // Its task has not come back for what there was before.
                        self.end_slow_stream(slot);
                    }
                }
                Link::Socket(_) => self.flush_socket(slot),
            }
        }
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Send on all dirty sockets, each core its share: most of what telling thousands of watchers takes is spent in the
    /// kernel's `send`. What cannot be sent now is found again by the caller.
    fn transmit_many(&mut self) {
        let now_ms = self.now_ms;
        let mut dirty: Vec<&mut Connection> =
            self.connections.iter_mut().map(|(_, conn)| conn).filter(|conn| conn.dirty).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(CORES_MAX);
        let send_all = |share: &mut [&mut Connection]| {
            for conn in share {
                transmit(conn, now_ms);
            }
        };
        let share = dirty.len().div_ceil(cores).max(1);
        std::thread::scope(|scope| {
            let mut shares = dirty.chunks_mut(share);
            let own = shares.next();
            for share in shares {
                let helper = std::thread::Builder::new().name("fan-out".into());
                // Without a thread for it, the share is left to the caller.
                let _ = helper.spawn_scoped(scope, move || send_all(share));
            }
            own.into_iter().for_each(send_all);
        });
    }

    fn flush_socket(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if !transmit(conn, self.now_ms) {
            return self.close(slot);
        }
        if conn.unsent() > 0 {
            return self.end_slow_stream(slot);
        }
        conn.sent = 0;
        let buffer = std::mem::take(&mut conn.out);
        self.give_back(buffer);
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if conn.closing || (conn.eof && conn.is_idle() && conn.parser.at_boundary()) {
            return self.close_politely(slot);
        }
        if conn.has_source() {
            self.pull(slot);
        } else if conn.is_idle() && (conn.unread || conn.parser.buffered() > 0) {
            self.ready.push_back(slot);
        }
    }
}

/// Send as much as the socket takes. False: the connection is broken.
fn transmit(conn: &mut Connection, now_ms: u64) -> bool {
    let Link::Socket(socket) = &conn.link else { return true };
    let sent_before = conn.sent;
    while conn.sent < conn.out.len() {
        match send(socket, &conn.out[conn.sent..], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => conn.sent += count,
            Err(Errno::AGAIN) => break,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    // Not while a write is on its way, whose time counts from its start.
    if conn.sent > sent_before && (conn.is_idle() || conn.has_source()) {
        conn.touched_ms = now_ms;
    }
    true
}

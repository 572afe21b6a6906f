//! Reading sockets, edge-triggered (until short), and closing them.

use std::os::fd::OwnedFd;

use coreos_http::Limits;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::Front;
use super::connection::{Connection, Framing, Link, State};
use super::reply::Identity;

/// Bytes that may be buffered behind a request in execution before reading stops.
const PIPELINED_BYTES_MAX: usize = 64 << 10;
/// Unsent output above which no further request of the connection is read.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Reads that throw a refused client's input away before others get their turn.
const LINGER_READS_MAX: usize = 16;
/// Buffers larger than this are given back instead of being kept for the next reply.
const SPARE_BYTES_MAX: usize = 16 << 10;
const SPARES_MAX: usize = 256;

/// What reading a socket came to.
#[derive(PartialEq, Eq)]
enum Received {
    /// Everything that was there, or as much as may be buffered.
    Bytes,
    /// The connection is broken.
    Gone,
}

/// Tell a client over the connection limit why it is refused. Best effort: it is closed anyway.
pub(super) fn refuse(socket: &OwnedFd, identity: &Identity, limit: usize) {
    let mut out = Vec::new();
    let framing = Framing { minor: 1, ..Framing::default() };
    let text = format!("too many connections: the limit is {limit} (--max-connections)\n");
    identity.text(&mut out, &framing, 503, &text);
    let _ = send(socket, &out, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Write);
    // Closing with unread bytes would reset the connection and the message with it.
    let mut sink = [0u8; 4096];
    let _ = recv(socket, &mut sink[..], RecvFlags::DONTWAIT);
}

impl Front {
    pub(super) fn socket_event(&mut self, slot: usize, flags: EventFlags) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let hangup = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        conn.hung_up |= hangup;
        if flags.contains(EventFlags::OUT) && conn.unsent() > 0 {
            self.mark_dirty(slot);
        }
        if hangup || flags.contains(EventFlags::IN) {
            self.read(slot, hangup);
        }
        // With much pipelined behind a watch, reading stops before the end of the stream is seen.
        if hangup && self.connections.get(slot).is_some_and(|conn| conn.unread) {
            self.end_watch(slot);
        }
    }

    /// Read what the socket has, then serve what is complete. `hangup`: read on to the end of the stream.
    pub(super) fn read(&mut self, slot: usize, hangup: bool) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if matches!(conn.state, State::Lingering) {
            return self.linger(slot);
        }
        // A request counts from its first byte: one that drips in for ever is slow, not alive.
        if conn.is_idle() && conn.parser.at_boundary() {
            conn.touched_ms = self.now_ms;
        }
        if receive(conn, &mut self.scratch, &self.limits, hangup) == Received::Gone {
            return self.close(slot);
        }
        if conn.is_idle() {
            self.serve(slot);
        } else if conn.eof {
            // A watcher that has finished sending has gone: there is nothing else it could want to say.
            self.end_watch(slot);
        }
    }

    /// Close so that the last reply arrives: closing with unread input would reset the connection and lose
    /// the reply, so our side is shut first and input is thrown away until the client closes too.
    pub(super) fn close_politely(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if let (Link::Socket(socket), false) = (&conn.link, conn.eof)
            && rustix::net::shutdown(socket, rustix::net::Shutdown::Write).is_ok()
        {
            conn.state = State::Lingering;
            conn.touched_ms = self.now_ms;
            return self.linger(slot);
        }
        self.close(slot);
    }

    fn linger(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let Link::Socket(socket) = &conn.link else { return self.close(slot) };
        conn.unread = false;
        for _ in 0..LINGER_READS_MAX {
            match recv(socket, &mut self.scratch[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return self.close(slot),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => return self.close(slot),
            }
        }
        // It sends as fast as it is read: the others come first.
        conn.unread = true;
        self.ready.push_back(slot);
    }

    /// Keep a buffer for the next reply, unless it is big or there are enough.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= SPARE_BYTES_MAX && self.spare_buffers.len() < SPARES_MAX {
            buffer.clear();
            self.spare_buffers.push(buffer);
        }
    }

    /// A buffer to write a reply into.
    pub(super) fn output(&mut self, slot: usize) -> Option<&mut Connection> {
        let conn = self.connections.get_mut(slot)?;
        if conn.out.capacity() == 0 {
            conn.out = self.spare_buffers.pop().unwrap_or_default();
        }
        Some(conn)
    }
}

/// Bytes that a connection may have buffered before it is read no more.
pub(super) fn input_limit(conn: &Connection, limits: &Limits) -> usize {
    let request_bytes_max = if conn.is_idle() { limits.head_bytes + limits.body_bytes } else { 0 };
    request_bytes_max + PIPELINED_BYTES_MAX
}

fn receive(conn: &mut Connection, scratch: &mut [u8], limits: &Limits, hangup: bool) -> Received {
    let Link::Socket(socket) = &conn.link else { return Received::Bytes };
    conn.unread = false;
    loop {
        if conn.parser.buffered() >= input_limit(conn, limits) || conn.closing {
            conn.unread = true;
            return Received::Bytes;
        }
        match recv(socket, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                conn.eof = true;
                return Received::Bytes;
            }
            Ok((count, _)) => {
                conn.parser.receive(&scratch[..count]);
                // A short read has emptied the socket, and new bytes raise a new edge; an end of stream
                // that came with this edge raises none, so then reading goes on to see it.
                if count < scratch.len() && !hangup {
                    return Received::Bytes;
                }
            }
            Err(Errno::AGAIN) => return Received::Bytes,
            Err(Errno::INTR) => {}
            Err(_) => return Received::Gone,
        }
    }
}

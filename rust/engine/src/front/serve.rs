//! From buffered bytes to the start of an answer: parsing, and doing what the request is routed to.

use coreos_http::{Method, Next};
use coreos_store::{Code, Error};

use super::auth::Permit;
use super::call::{Call, Refusal};
use super::connection::{Framing, State};
use super::moved::Moved;
use super::params::refuse;
use super::route::{Action, PYTHON_BODY_BYTES_MAX, route};
use super::socket::OUTPUT_BYTES_MAX;
use super::{Front, socket, uploads};

/// Pipelined requests that one connection may have served before others get their turn.
const PIPELINED_MAX: usize = 16;

impl Front {
    /// Serve connections that may have a buffered request. True if there were any.
    pub(super) fn serve_ready(&mut self) -> bool {
        let count = self.ready.len();
        for _ in 0..count {
            let Some(slot) = self.ready.pop_front() else { break };
            match self.connections.get(slot) {
                Some(conn) if conn.unread => self.read(slot, true),
                Some(conn) if conn.is_idle() => self.serve(slot),
                // A TLS client that left its watch.
                Some(conn) if conn.eof => self.end_watch(slot),
                _ => {}
            }
        }
        count > 0
    }

    /// Parse and execute what the connection has buffered, until one request has to wait.
    pub(super) fn serve(&mut self, slot: usize) {
        self.serve_some(slot);
        self.count_upload(slot);
    }

    fn serve_some(&mut self, slot: usize) {
        for _ in 0..PIPELINED_MAX {
            let Some(conn) = self.output(slot) else { return };
            if !conn.is_idle() || conn.closing {
                return;
            }
            if conn.unsent() > OUTPUT_BYTES_MAX {
                return self.mark_dirty(slot);
            }
            if !self.serve_one(slot) {
                return;
            }
        }
        self.ready.push_back(slot);
    }

    /// After parsing: does what is left of the connection's input fit beside that of all others?
    fn count_upload(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if self.uploads.count(conn) || !conn.is_idle() || conn.closing {
            return;
        }
        self.counters.rejected += 1;
        conn.framing = Framing { minor: 1, ..Framing::default() };
        self.answer(slot, |identity, out, framing| {
            let limit = uploads::BYTES_MAX;
            let text = format!("too much is being sent at once: the limit is {limit} bytes\n");
            identity.text(out, framing, 503, &text);
        });
    }

    /// One request. False: nothing complete is buffered.
    fn serve_one(&mut self, slot: usize) -> bool {
        let draining = self.draining;
        self.guard.refresh(&self.member);
        let Some(conn) = self.connections.get_mut(slot) else { return false };
        match conn.parser.next(&self.limits) {
            Next::Incomplete => {
                if conn.eof {
                    conn.closing = true;
                    self.mark_dirty(slot);
                } else if conn.unread
                    && conn.parser.buffered() < socket::input_limit(conn, &self.limits)
                {
                    // Joining chunks has made room, and the rest is in the socket already.
                    self.ready.push_back(slot);
                }
                false
            }
            Next::Continue => {
                conn.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                self.mark_dirty(slot);
                true
            }
            Next::Bad(reject) => {
                self.counters.rejected += 1;
                conn.framing = Framing { minor: 1, ..Framing::default() };
                if self.config.upstream && reject.status == 413 {
                    let error = refuse(Code::InvalidForm, "http: POST too large");
                    self.identity.error(&mut conn.out, &conn.framing, &error, None);
                } else {
                    let text = format!("{}\n", reject.message);
                    self.identity.text(&mut conn.out, &conn.framing, reject.status, &text);
                }
                conn.closing = true;
                self.mark_dirty(slot);
                false
            }
            Next::Request(request) => {
                self.counters.requests += 1;
                conn.framing = Framing {
                    head_only: matches!(request.method, Method::Head),
                    keep_alive: request.keep_alive && !draining,
                    minor: request.version_minor,
                    cors: self.config.cors_origin(|| request.header("Origin")),
                };
                let now_ns = self.unix_seconds.saturating_mul(1_000_000_000);
                let action = route(&request, &self.config, now_ns, &conn.remote);
                let asking = self.guard.asking(&request, &action, conn.certificate.as_deref());
                conn.parser.advance();
                conn.touched_ms = self.now_ms;
                self.admit(slot, action, asking);
                true
            }
        }
    }

    /// Carry out what is allowed. `permit` is that of a watch.
    pub(super) fn execute(&mut self, slot: usize, action: Action, permit: Option<Box<Permit>>) {
        match action {
            Action::Call { call, .. } => match call {
                Call::Write { write, no_value } => self.write(slot, write, no_value),
                Call::Get { path, spec, .. } => self.get(slot, path, spec),
                Call::Watch { spec, progress_s, .. } => self.watch(slot, spec, progress_s, permit),
            },
            Action::Refuse(refusal) => self.refuse(slot, refusal),
            Action::Options => self.answer(slot, |identity, out, framing| {
                identity.whole(out, framing, 200, &[], b"");
            }),
            Action::Forbidden => self.answer(slot, |identity, out, framing| {
                let text = "the Host header names no host of this server (--host-whitelist)\n";
                identity.text(out, framing, 403, text);
            }),
            Action::TooLarge(bytes) => self.answer(slot, |identity, out, framing| {
                let text = format!(
                    "body of {bytes} bytes: the limit for this path is {PYTHON_BODY_BYTES_MAX}\n"
                );
                identity.text(out, framing, 413, &text);
            }),
            Action::Python(mut request) => {
                let ticket = self.next_ticket(slot);
                let Some(conn) = self.connections.get_mut(slot) else { return };
                conn.ticket = ticket;
                conn.state = State::Python;
                request.ticket = ticket;
                self.turn.requests.push(*request);
            }
        }
    }

    /// Write a whole answer and finish the request.
    pub(super) fn answer(
        &mut self,
        slot: usize,
        write: impl FnOnce(&super::reply::Identity, &mut Vec<u8>, &Framing),
    ) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        write(&self.identity, &mut conn.out, &conn.framing);
        conn.finish();
        conn.touched_ms = self.now_ms;
        self.mark_dirty(slot);
    }

    pub(super) fn answer_error(&mut self, slot: usize, error: &Error, oldest: Option<u64>) {
        self.answer(slot, |identity, out, framing| identity.error(out, framing, error, oldest));
    }

    fn refuse(&mut self, slot: usize, refusal: Refusal) {
        self.counters.rejected += 1;
        let limit = self.config.max_key_bytes;
        match refusal {
            Refusal::Error(error) => self.answer_error(slot, &error, None),
            Refusal::Method => self.answer(slot, |identity, out, framing| {
                let headers: [(&str, &[u8]); 2] = [
                    ("Allow", b"HEAD,GET,PUT,POST,DELETE"),
                    ("Content-Type", b"text/plain; charset=utf-8"),
                ];
                identity.whole(out, framing, 405, &headers, b"Method Not Allowed\n");
            }),
            Refusal::KeyTooLong(length) => self.answer(slot, |identity, out, framing| {
                let text =
                    format!("key of {length} bytes: the limit is {limit} (--max-key-bytes)\n");
                identity.text(out, framing, 414, &text);
            }),
            Refusal::Moved(Moved { location, page }) => {
                self.answer(slot, |identity, out, framing| {
                    let mut headers: Vec<(&str, &[u8])> = vec![("Location", &location)];
                    if page.is_some() {
                        headers.push(("Content-Type", b"text/html; charset=utf-8"));
                    }
                    let page = page.as_deref().unwrap_or_default();
                    identity.whole(out, framing, 301, &headers, page);
                })
            }
        }
    }
}

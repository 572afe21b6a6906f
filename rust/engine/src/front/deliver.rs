//! What comes back: durable writes, watch events, pieces of listings, answers from Python.

use std::sync::Arc;

use coreos_http as http;
use coreos_store::{Applied, Error, Notice, Told};

use super::Front;
use super::connection::{Connection, State};
use super::mailbox::Mail;
use super::pipe::Taken;
use super::reply::{Indexes, raft_error};
use crate::Completion;

/// Capacity that the buffer for bodies keeps.
const BODY_BYTES_KEPT: usize = 64 << 10;
/// Bytes of a listing or a stream that may wait in a connection's output; the rest waits where it comes from.
const SOURCE_BYTES_MAX: usize = 256 << 10;

impl Connection {
    /// One piece of a body of unknown length.
    pub(super) fn piece(&mut self, bytes: &[u8]) {
        if self.framing.minor == 0 {
            self.out.extend_from_slice(bytes);
        } else {
            http::write_chunk(&mut self.out, bytes);
        }
    }

    /// The end of such a body, and of the request.
    pub(super) fn end_body(&mut self) {
        if self.framing.minor != 0 {
            http::write_last_chunk(&mut self.out);
        }
        self.finish();
    }
}

impl Front {
    /// Act on everything the other threads have posted. True if there was anything.
    pub(super) fn receive_mail(&mut self) -> bool {
        let mut mail = std::mem::take(&mut self.mail);
        self.mailbox.take(&mut mail);
        let any = !mail.is_empty();
        for item in mail.drain(..) {
            match item {
                Mail::Completion(Completion::Applied { ticket, applied, raft_index, term }) => {
                    // Also for what somebody else has proposed and no longer waits for.
                    self.undecided = self.undecided.saturating_sub(1);
                    self.applied(ticket, &applied, raft_index, term);
                }
                Mail::Completion(Completion::Notices(notices)) => {
                    for notice in notices {
                        self.notice(&notice);
                    }
                }
                Mail::Completion(Completion::AuthChanged) => self.auth_changed(),
                Mail::Completion(Completion::Poisoned(reason)) => self.poison(&reason),
                Mail::Checked { key, fits } => self.checked(key, fits),
                Mail::Listing(ticket) => {
                    if let Some(slot) = self.slot_of(ticket) {
                        self.pull(slot);
                    }
                }
            }
        }
        self.mail = mail;
        any
    }

    fn applied(&mut self, ticket: u64, applied: &Applied, raft_index: u64, term: u64) {
        // A request that timed out or whose client has left: it was carried out all the same.
        let Some(slot) = self.slot_of(ticket) else { return };
        let Some(conn) = self.output(slot) else { return };
        let State::Proposed { no_value } = conn.state else { return };
        match &applied.outcome {
            Ok(Some(event)) => {
                let status = if event.created() { 201 } else { 200 };
                let indexes = Indexes { etcd_index: applied.etcd_index, raft_index, term };
                let mut body = std::mem::take(&mut self.body);
                body.clear();
                if no_value {
                    let action = event.action().as_str();
                    body.extend_from_slice(format!("{{\"action\":\"{action}\"}}\n").as_bytes());
                } else {
                    event.write_json(&mut body);
                }
                self.answer(slot, |identity, out, framing| {
                    identity.keys(out, framing, status, indexes, &body);
                });
                body.shrink_to(BODY_BYTES_KEPT);
                self.body = body;
            }
            Ok(None) => {
                let error = raft_error("etcdserver: a write was applied without an event");
                self.answer_error(slot, &error, None);
            }
            Err(error) => self.answer_error(slot, error, None),
        }
        self.serve(slot);
    }

    fn notice(&mut self, notice: &Notice) {
        let now_ms = self.now_ms;
        let Some(slot) = self.slot_of(notice.token) else { return };
        let Some(conn) = self.output(slot) else { return };
        let State::Watching { stream, .. } = &mut conn.state else { return };
        conn.touched_ms = now_ms;
        let event = match &notice.what {
            Told::Event(event) => event,
            Told::Gap(error) => return self.end_with_gap(slot, error),
        };
        if let Some(stream) = stream {
            stream.push(event.clone(), notice.ended);
            return self.pull(slot);
        }
        conn.piece(event.json());
        conn.end_body();
        self.mark_dirty(slot);
        self.serve(slot);
    }

    /// The watch is over, because nobody knows what it has missed. Its answer's head went out when it began, so the
    /// error is the rest of it. A stream's connection is closed, as behind every end that its client has not asked for.
    fn end_with_gap(&mut self, slot: usize, error: &Error) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let State::Watching { stream, .. } = &conn.state else { return };
        let is_stream = stream.is_some();
        conn.piece(&error.json());
        if is_stream {
            conn.framing.keep_alive = false;
        }
        conn.end_body();
        self.mark_dirty(slot);
        self.serve(slot);
    }

    /// End a watch, if the connection has one, without a further event, and its connection after it. The client has
    /// finished sending, which means that it has gone, or may not watch any longer, or the server stops.
    pub(super) fn end_watch(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let State::Watching { id, stream, permit, .. } = &mut conn.state else { return };
        self.member.with_store(|store, _| store.cancel(*id));
        // It is not to end again.
        *permit = None;
        conn.framing.keep_alive = false;
        if stream.as_mut().is_some_and(|stream| stream.end()) {
            // What has happened is still told.
            return self.pull(slot);
        }
        conn.end_body();
        self.mark_dirty(slot);
    }

    /// End the stream of a client that does not read: say from which index to go on, and close.
    pub(super) fn end_slow_stream(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let State::Watching { stream: Some(stream), .. } = &conn.state else { return };
        let Some(next_index) = stream.too_slow() else { return };
        self.counters.slow_watches += 1;
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if let State::Watching { id, .. } = conn.state {
            self.member.with_store(|store, _| store.cancel(id));
        }
        let cause = format!("the watcher reads too slowly: watch again from {next_index}");
        // The error's index is that of what it has seen: everything of its watch up to there.
        let code = coreos_store::Code::WatcherCleared;
        let error = coreos_store::Error::new(code, cause.into_bytes(), next_index - 1);
        conn.piece(&error.json());
        conn.framing.keep_alive = false;
        conn.end_body();
        self.mark_dirty(slot);
    }

    fn poison(&mut self, reason: &str) {
        self.poisoned = Some(reason.to_owned());
        let error = raft_error(&format!("etcdserver: server stopped: {reason}"));
        let waiting: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, conn)| matches!(conn.state, State::Proposed { .. } | State::Checking(_)))
            .map(|(slot, _)| slot)
            .collect();
        for slot in waiting {
            self.answer_error(slot, &error, None);
        }
    }

    /// Move what a listing or a stream has ready into the connection's output, as much as that may hold.
    pub(super) fn pull(&mut self, slot: usize) {
        match self.output(slot).map(|conn| &conn.state) {
            Some(State::Listing(_)) => self.pull_listing(slot),
            Some(State::Watching { .. }) => self.pull_stream(slot),
            _ => {}
        }
    }

    fn pull_stream(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        while conn.unsent() < SOURCE_BYTES_MAX {
            let State::Watching { stream: Some(stream), .. } = &mut conn.state else { return };
            let Some(event) = stream.pop() else { break };
            let is_finished = stream.is_finished();
            conn.piece(event.json());
            if is_finished {
                conn.end_body();
                self.mark_dirty(slot);
                return self.serve(slot);
            }
        }
        if conn.unsent() > 0 {
            self.mark_dirty(slot);
        }
    }

    fn pull_listing(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let State::Listing(pipe) = &conn.state else { return };
        let pipe = Arc::clone(pipe);
        while conn.unsent() < SOURCE_BYTES_MAX {
            match pipe.take() {
                Taken::Piece(piece) => conn.piece(&piece),
                Taken::Nothing => break,
                Taken::End => {
                    conn.end_body();
                    break;
                }
                // Without the end of its body, so that the client knows.
                Taken::Broken => {
                    conn.framing.keep_alive = false;
                    conn.finish();
                    break;
                }
            }
        }
        // The end of a body that ends with its connection adds no byte.
        if conn.unsent() > 0 || conn.closing {
            self.mark_dirty(slot);
        }
    }

    /// Python's answer. One that comes after its client has left is dropped.
    pub fn respond(&mut self, ticket: u64, status: u16, headers: &[(&str, &[u8])], body: &[u8]) {
        let Some(slot) = self.slot_of(ticket) else { return };
        let Some(conn) = self.output(slot) else { return };
        if !matches!(conn.state, State::Python) {
            return;
        }
        self.answer(slot, |identity, out, framing| {
            identity.whole(out, framing, status, headers, body);
        });
        self.serve(slot);
        self.settle();
    }
}

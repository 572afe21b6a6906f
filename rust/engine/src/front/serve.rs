//! From buffered bytes to an answer, a proposal, a watch, a listing, or a request for Python.

use std::sync::Arc;

use coreos_http::{self as http, Method, Next, Request, percent_decode};
use coreos_store::{Code, Error, WatchSpec, Watching, Write};

use super::call::{Call, Refusal, key_part, understand};
use super::connection::{Framing, State};
use super::listing::{Job, Pipe};
use super::params::refuse;
use super::reply::{Indexes, raft_error};
use super::socket::OUTPUT_BYTES_MAX;
use super::{Front, OutboundRequest};

/// Nodes that a read may render under the store's lock.
const SMALL_READ_NODES_MAX: usize = 128;
/// Pipelined requests that one connection may have served before others get their turn.
const PIPELINED_MAX: usize = 16;

/// What a parsed request comes to, owning what it needs.
enum Action {
    Call(Call),
    Refuse(Refusal),
    Options,
    Forbidden,
    Python(Box<OutboundRequest>),
}

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

    /// One request. False: nothing complete is buffered.
    fn serve_one(&mut self, slot: usize) -> bool {
        let draining = self.draining;
        let Some(conn) = self.connections.get_mut(slot) else { return false };
        match conn.parser.next(&self.limits) {
            Next::Incomplete => {
                if conn.eof {
                    conn.closing = true;
                    self.mark_dirty(slot);
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
                    cors: self.config.cors_origin(request.header("Origin")),
                };
                let now_ns = self.unix_seconds.saturating_mul(1_000_000_000);
                let action = route(&request, &self.config, now_ns, &conn.remote);
                conn.parser.advance();
                conn.touched_ms = self.now_ms;
                self.execute(slot, action);
                true
            }
        }
    }

    fn execute(&mut self, slot: usize, action: Action) {
        match action {
            Action::Call(Call::Write { write, no_value }) => self.write(slot, write, no_value),
            Action::Call(Call::Get { path, recursive }) => self.get(slot, path, recursive),
            Action::Call(Call::Watch(spec)) => self.watch(slot, spec),
            Action::Refuse(refusal) => self.refuse(slot, refusal),
            Action::Options => self.answer(slot, |identity, out, framing| {
                identity.whole(out, framing, 200, &[], b"");
            }),
            Action::Forbidden => self.answer(slot, |identity, out, framing| {
                let text = "the Host header names no host of this server (--host-whitelist)\n";
                identity.text(out, framing, 403, text);
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
            Refusal::Moved(location) => self.answer(slot, |identity, out, framing| {
                identity.whole(out, framing, 301, &[("Location", &location)], b"");
            }),
        }
    }

    fn write(&mut self, slot: usize, write: Write, no_value: bool) {
        let ticket = self.next_ticket(slot);
        let Some(conn) = self.connections.get_mut(slot) else { return };
        conn.ticket = ticket;
        conn.state = State::Proposed { no_value };
        self.proposals.push((write, ticket));
    }

    /// Hand the round's writes to the log thread, all under one lock.
    pub(super) fn propose(&mut self) {
        if self.proposals.is_empty() {
            return;
        }
        let mut proposals = std::mem::take(&mut self.proposals);
        for (ticket, refused) in self.member.propose_many(&mut proposals) {
            let error = raft_error(&format!("etcdserver: {refused}"));
            if let Some(slot) = self.slot_of(ticket) {
                self.answer_error(slot, &error, None);
            }
        }
        self.proposals = proposals;
    }

    fn get(&mut self, slot: usize, path: Vec<u8>, recursive: bool) {
        let mut body = self.spare_buffers.pop().unwrap_or_default();
        let (result, indexes, now_ns) = self.member.with_store(|store, context| {
            let result =
                store.get(&path, recursive, context.now_ns, SMALL_READ_NODES_MAX, &mut body);
            let view = matches!(result, Ok(false)).then(|| store.tree_view());
            let indexes = Indexes::of(store.etcd_index(), &context);
            (result.map(|_| view), indexes, context.now_ns)
        });
        match result {
            Ok(None) => self.answer(slot, |identity, out, framing| {
                identity.keys(out, framing, 200, indexes, &body);
            }),
            Err(error) => self.answer_error(slot, &error, None),
            Ok(Some(view)) => {
                let pipe = Arc::new(Pipe::default());
                let ticket = self.next_ticket(slot);
                let job = Job { view, path, recursive, now_ns, ticket, pipe: pipe.clone() };
                self.list(slot, job, pipe, indexes);
            }
        }
        body.clear();
        self.spare_buffers.push(body);
    }

    fn list(&mut self, slot: usize, job: Job, pipe: Arc<Pipe>, indexes: Indexes) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        if conn.framing.head_only {
            // The length is not known without rendering, and HEAD may leave it out.
            self.identity.keys_head(
                &mut conn.out,
                &conn.framing,
                200,
                indexes,
                http::BodyKind::Chunked,
            );
            conn.finish();
            return self.mark_dirty(slot);
        }
        let ticket = job.ticket;
        if let Err(error) = self.lister.start(job) {
            let error = raft_error(&format!("etcdserver: no thread for the listing: {error}"));
            return self.answer_error(slot, &error, None);
        }
        let body = conn.framing.open_ended();
        if matches!(body, http::BodyKind::UntilClose) {
            conn.framing.keep_alive = false;
        }
        self.identity.keys_head(&mut conn.out, &conn.framing, 200, indexes, body);
        conn.ticket = ticket;
        conn.state = State::Listing(pipe);
        self.mark_dirty(slot);
    }

    fn watch(&mut self, slot: usize, spec: WatchSpec) {
        let ticket = self.next_ticket(slot);
        let stream = spec.stream;
        let (result, indexes, oldest) = self.member.with_store(|store, context| {
            let result = store.watch(spec, ticket);
            let indexes = Indexes::of(store.etcd_index(), &context);
            let oldest = matches!(&result, Err(e) if e.code == Code::EventIndexCleared)
                .then(|| store.oldest_event_index());
            (result, indexes, oldest)
        });
        let watching = match result {
            Ok(watching) => watching,
            Err(error) => return self.answer_error(slot, &error, oldest),
        };
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let body = conn.framing.open_ended();
        if matches!(body, http::BodyKind::UntilClose) {
            conn.framing.keep_alive = false;
        }
        self.identity.keys_head(&mut conn.out, &conn.framing, 200, indexes, body);
        conn.ticket = ticket;
        match watching {
            Watching::Now(event) => {
                conn.piece(event.json());
                conn.end_body();
            }
            Watching::Live(id) => conn.state = State::Watching { id, stream },
            Watching::Stream(id, backlog) => {
                conn.state = State::Watching { id, stream };
                for event in backlog {
                    conn.piece(event.json());
                }
            }
        }
        if conn.eof {
            // It left before its watch began.
            self.end_watch(slot);
        }
        self.mark_dirty(slot);
    }
}

/// Decide what a request is, before the parser's buffer is needed again.
fn route(request: &Request<'_>, config: &super::FrontConfig, now_ns: u64, remote: &str) -> Action {
    if !config.host_allowed(request.host().unwrap_or(b"")) {
        return Action::Forbidden;
    }
    if matches!(request.method, Method::Options) {
        return Action::Options;
    }
    let is_key = percent_decode(request.path, false)
        .map_or_else(|_| key_part(request.path).is_some(), |path| key_part(&path).is_some());
    if is_key {
        return match understand(request, config, now_ns) {
            Ok(call) => Action::Call(call),
            Err(refusal) => Action::Refuse(refusal),
        };
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Action::Python(Box::new(OutboundRequest {
        ticket: 0,
        method: text(request.method.as_bytes()),
        path: text(request.path),
        query: text(request.query),
        headers: request.headers().map(|(name, value)| (name.to_owned(), text(value))).collect(),
        body: request.body.to_vec(),
        remote: remote.to_owned(),
    }))
}

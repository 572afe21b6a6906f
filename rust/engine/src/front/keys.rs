//! Carrying out what is asked of the key space: proposals, small reads, big listings, watches.

use std::sync::Arc;

use coreos_http as http;
use coreos_store::{Code, ReadSpec, WatchSpec, Watching, Write};

use super::Front;
use super::auth::Permit;
use super::connection::State;
use super::listing::{Job, Started};
use super::pipe::Pipe;
use super::progress::Progress;
use super::reply::{Indexes, raft_error};
use super::stream::Stream;
use crate::error::Refused;

/// Nodes that a read may render under the store's lock.
const SMALL_READ_NODES_MAX: usize = 128;

impl Front {
    pub(super) fn write(&mut self, slot: usize, write: Write, no_value: bool) {
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
        self.undecided += proposals.len();
        for (ticket, refused) in self.member.propose_many(&mut proposals) {
            self.undecided -= 1;
            let Some(slot) = self.slot_of(ticket) else { continue };
            if matches!(refused, Refused::TooLarge { .. }) {
                self.answer(slot, |identity, out, framing| {
                    identity.text(out, framing, 413, &format!("{refused}\n"));
                });
                continue;
            }
            let error = raft_error(&format!("etcdserver: {refused}"));
            self.answer_error(slot, &error, None);
        }
        self.proposals = proposals;
    }

    pub(super) fn get(&mut self, slot: usize, path: Vec<u8>, spec: ReadSpec) {
        let mut body = self.spare_buffers.pop().unwrap_or_default();
        let (result, indexes, now_ns) = self.member.with_store(|store, context| {
            let result = store.list(&path, &spec, context.now_ns, SMALL_READ_NODES_MAX, &mut body);
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
                let job = Job { view, path, spec, now_ns, ticket, pipe: pipe.clone() };
                self.list(slot, job, pipe, indexes);
            }
        }
        self.give_back(body);
    }

    fn list(&mut self, slot: usize, job: Job, pipe: Arc<Pipe>, indexes: Indexes) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        let body = conn.framing.open_ended();
        if matches!(body, http::BodyKind::UntilClose) {
            conn.framing.keep_alive = false;
        }
        if conn.framing.head_only {
            // The length is not known without rendering, and HEAD may leave it out.
            self.identity.keys_head(&mut conn.out, &conn.framing, 200, indexes, body);
            conn.finish();
            return self.mark_dirty(slot);
        }
        let ticket = job.ticket;
        match self.lister.start(job) {
            Started::Yes => {}
            Started::TooMany(limit) => {
                return self.answer(slot, |identity, out, framing| {
                    let text = format!("too many big listings at once: the limit is {limit}\n");
                    identity.text(out, framing, 503, &text);
                });
            }
            Started::NoThread(error) => {
                let error = raft_error(&format!("etcdserver: no thread for the listing: {error}"));
                return self.answer_error(slot, &error, None);
            }
        }
        self.identity.keys_head(&mut conn.out, &conn.framing, 200, indexes, body);
        conn.ticket = ticket;
        conn.state = State::Listing(pipe);
        self.mark_dirty(slot);
    }

    pub(super) fn watch(
        &mut self,
        slot: usize,
        spec: WatchSpec,
        progress_s: Option<u64>,
        permit: Option<Box<Permit>>,
    ) {
        let ticket = self.next_ticket(slot);
        let stream = spec.stream;
        let wait_index = spec.wait_index;
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
        let progress = progress_s.map(|s| Progress::new(s, indexes.etcd_index, wait_index));
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
            Watching::Live(id) => {
                let stream = stream.then(Box::default);
                conn.state = State::Watching { id, stream, progress, permit };
            }
            Watching::Stream(id, past) => {
                let stream = Some(Box::new(Stream::from_past(past)));
                conn.state = State::Watching { id, stream, progress, permit };
                self.pull(slot);
            }
        }
        let has_left = self.connections.get(slot).is_some_and(|conn| conn.eof || conn.hung_up);
        if has_left || self.draining {
            // Whoever ends the watches of a client that leaves or of a server that stops has been here already.
            self.end_watch(slot);
        }
        self.mark_dirty(slot);
    }
}

//! The HTTP front: connections, the key space's requests, watches, and the way back to each client.
//!
//! `Front` belongs to one thread (Trio's). All socket I/O of plain connections happens in [`Front::turn`], over one
//! inner epoll set that also holds the descriptor by which the log thread announces completions. Whatever is not
//! under /v2/keys comes out of `turn` as an [`OutboundRequest`] for a Python handler.
//!
//! Invariants: one request in execution per connection, the next is parsed after its reply; every answer
//! finds its connection by ticket, so an answer that comes too late finds nobody; nothing here waits.

mod call;
mod config;
mod connection;
mod deliver;
mod listing;
mod mailbox;
mod params;
mod reply;
mod serve;
mod socket;
mod sweep;

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use coreos_http::{Date, Limits};
use coreos_store::Write;
use rustix::event::epoll;
use slab::Slab;

pub use config::FrontConfig;
use connection::{Connection, Link, State};
use listing::Lister;
use mailbox::{Mail, Mailbox};
use reply::Identity;

use crate::Member;

/// Epoll data of the mailbox's descriptor.
const MAILBOX: u64 = u64::MAX;
/// Low bits of a ticket that hold the connection's slot.
const SLOT_BITS: u32 = 24;
/// Connections that the slots can number.
const CONNECTIONS_MAX: usize = (1 << SLOT_BITS) - 1;
/// Events that one round may take.
const EVENTS_MAX: usize = 256;
/// Rounds of events that one turn may take before it goes back to Trio.
const ROUNDS_MAX: usize = 4;

/// A request that a Python handler answers through [`Front::respond`].
#[derive(Debug)]
pub struct OutboundRequest {
    /// Names the request in `respond`.
    pub ticket: u64,
    /// Method as sent.
    pub method: String,
    /// Path as sent (still percent-encoded), bytes outside UTF-8 replaced.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Header names and values in order.
    pub headers: Vec<(String, String)>,
    /// The body, chunks already joined.
    pub body: Vec<u8>,
    /// The client's address.
    pub remote: String,
}

/// What a turn has for its caller.
#[derive(Debug, Default)]
pub struct Turn {
    /// Requests for Python.
    pub requests: Vec<OutboundRequest>,
    /// Fed connections with output to take.
    pub fed_ready: Vec<u64>,
    /// Call `turn` again after this many milliseconds even without an event.
    pub next_ms: u64,
}

/// Counts since start, for /metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrontCounters {
    /// Requests parsed.
    pub requests: u64,
    /// Requests refused for their form (answered 4xx without reaching a handler).
    pub rejected: u64,
    /// Connections taken.
    pub accepted: u64,
    /// Connections refused at the limit.
    pub refused: u64,
    /// Stream watches closed because their client read too slowly.
    pub slow_watches: u64,
}

/// See the module.
pub struct Front {
    member: Member,
    config: FrontConfig,
    limits: Limits,
    identity: Identity,
    epoll: OwnedFd,
    mailbox: Arc<Mailbox>,
    lister: Lister,
    connections: Slab<Connection>,
    /// Connections with output, to be flushed at the end of the round.
    dirty: Vec<usize>,
    /// Connections that may have a request buffered (their last one has just been answered).
    ready: VecDeque<usize>,
    proposals: Vec<(Write, u64)>,
    mail: Vec<Mail>,
    scratch: Box<[u8]>,
    spare_buffers: Vec<Vec<u8>>,
    turn: Turn,
    counters: FrontCounters,
    sequence: u64,
    started: Instant,
    now_ms: u64,
    unix_seconds: u64,
    swept_ms: u64,
    draining: bool,
    poisoned: Option<String>,
}

impl Front {
    /// A front for `member`, whose completions it takes over.
    pub fn new(member: Member, config: FrontConfig) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mailbox = Arc::new(Mailbox::new()?);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, mailbox.fd(), epoll::EventData::new_u64(MAILBOX), flags)?;
        member.set_sink(mailbox.clone());
        let cluster_id_hex = format!("{:x}", member.status().cluster_id);
        Ok(Self {
            limits: config.http_limits(),
            identity: Identity { cluster_id_hex, date: Date::new(unix_seconds()) },
            lister: Lister::new(mailbox.clone()),
            member,
            config,
            epoll,
            mailbox,
            connections: Slab::new(),
            dirty: Vec::new(),
            ready: VecDeque::new(),
            proposals: Vec::new(),
            mail: Vec::new(),
            scratch: vec![0; 64 << 10].into_boxed_slice(),
            spare_buffers: Vec::new(),
            turn: Turn::default(),
            counters: FrontCounters::default(),
            sequence: 0,
            started: Instant::now(),
            now_ms: 0,
            unix_seconds: unix_seconds(),
            swept_ms: 0,
            draining: false,
            poisoned: None,
        })
    }

    /// The epoll descriptor: readable when `turn` has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Counts since start.
    pub fn counters(&self) -> FrontCounters {
        self.counters
    }

    /// Whether another connection would be within the limit.
    pub fn wants_accept(&self) -> bool {
        self.connections.len() < self.connection_limit()
    }

    fn connection_limit(&self) -> usize {
        match self.config.max_connections {
            0 => CONNECTIONS_MAX,
            limit => limit.min(CONNECTIONS_MAX),
        }
    }

    /// Take an accepted socket. Over the limit it is told so and closed.
    pub fn adopt(&mut self, socket: OwnedFd, remote: &str) -> std::io::Result<()> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        // Fails on a unix socket, where there is no delay to switch off.
        let _ = rustix::net::sockopt::set_tcp_nodelay(&socket, true);
        let _ = rustix::net::sockopt::set_socket_keepalive(&socket, true);
        self.clock();
        if !self.wants_accept() {
            self.counters.refused += 1;
            socket::refuse(&socket, &self.identity, self.connection_limit());
            return Ok(());
        }
        self.counters.accepted += 1;
        let entry = self.connections.vacant_entry();
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(entry.key() as u64), flags)?;
        entry.insert(Connection::new(Link::Socket(socket), remote, self.now_ms));
        Ok(())
    }

    /// A connection whose transport is elsewhere (TLS); its bytes come through [`Front::feed`].
    /// `None` at the connection limit.
    pub fn open_fed(&mut self, remote: &str) -> Option<u64> {
        self.clock();
        if !self.wants_accept() {
            self.counters.refused += 1;
            return None;
        }
        self.counters.accepted += 1;
        Some(self.connections.insert(Connection::new(Link::Fed, remote, self.now_ms)) as u64)
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

    /// What a fed connection has to send, and whether to close it afterwards.
    pub fn take_output(&mut self, connection: u64) -> (Vec<u8>, bool) {
        let now_ms = self.now_ms;
        let Some(conn) = self.fed(connection) else { return (Vec::new(), true) };
        conn.sent = 0;
        let out = std::mem::take(&mut conn.out);
        if !out.is_empty() && matches!(conn.state, State::Idle | State::Listing(_)) {
            conn.touched_ms = now_ms;
        }
        let closing = conn.closing;
        if closing {
            return (out, true);
        }
        if matches!(conn.state, State::Listing(_)) {
            self.pull_listing(connection as usize);
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

    /// Answer what runs, close each connection after its reply, end watches.
    pub fn drain(&mut self) {
        self.draining = true;
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.drain_one(slot);
        }
        self.settle();
    }

    /// After work outside of `turn`: pass on what it caused, and have `turn` called if anything is left for it.
    fn settle(&mut self) {
        self.propose();
        self.flush();
        let Turn { requests, fed_ready, .. } = &self.turn;
        if !(requests.is_empty() && fed_ready.is_empty()) || self.has_work() {
            self.mailbox.nudge();
        }
    }

    /// Whether there is something to do that no event will announce.
    fn has_work(&self) -> bool {
        !(self.ready.is_empty() && self.dirty.is_empty())
    }

    /// One round: completions, events, proposals, output. Never waits.
    ///
    /// # Errors
    /// The reason, once the engine is poisoned and every waiting client has been told.
    pub fn turn(&mut self, max_events: usize) -> Result<Turn, String> {
        for round in 0..ROUNDS_MAX {
            self.clock();
            let had_events = self.receive_events(max_events);
            let had_mail = self.receive_mail();
            let had_ready = self.serve_ready();
            self.propose();
            self.flush();
            let busy = had_mail || had_events || had_ready || self.has_work();
            if let Some(reason) = self.poisoned.clone() {
                return Err(reason);
            }
            if !busy || (round > 0 && !self.turn.requests.is_empty()) {
                break;
            }
        }
        self.sweep_when_due();
        self.turn.next_ms = if self.has_work() { 0 } else { sweep::PERIOD_MS };
        Ok(std::mem::take(&mut self.turn))
    }

    fn clock(&mut self) {
        self.now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.unix_seconds = unix_seconds();
        self.identity.date.refresh(self.unix_seconds);
    }

    fn receive_events(&mut self, max_events: usize) -> bool {
        let mut buffer = [const { MaybeUninit::<epoll::Event>::uninit() }; EVENTS_MAX];
        let zero = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
        let room = &mut buffer[..max_events.clamp(1, EVENTS_MAX)];
        // An interrupted or failed wait delivers nothing now; level of the outer set brings it again.
        let Ok((events, _)) = epoll::wait(&self.epoll, room, Some(&zero)) else { return false };
        for event in events.iter() {
            let data = event.data.u64();
            if data != MAILBOX {
                self.socket_event(data as usize, event.flags);
            }
        }
        !events.is_empty()
    }

    fn next_ticket(&mut self, slot: usize) -> u64 {
        self.sequence += 1;
        (self.sequence << SLOT_BITS) | slot as u64
    }

    /// The connection that still executes the request of this ticket.
    fn slot_of(&self, ticket: u64) -> Option<usize> {
        let slot = (ticket & ((1 << SLOT_BITS) - 1)) as usize;
        self.connections.get(slot).filter(|conn| conn.ticket == ticket && ticket != 0)?;
        Some(slot)
    }

    fn mark_dirty(&mut self, slot: usize) {
        if let Some(conn) = self.connections.get_mut(slot)
            && !conn.dirty
        {
            conn.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Forget a connection: its watch, its listing, its socket.
    fn close(&mut self, slot: usize) {
        let Some(conn) = self.connections.try_remove(slot) else { return };
        match conn.state {
            State::Watching { id, .. } => self.member.with_store(|store, _| store.cancel(id)),
            State::Listing(pipe) => pipe.cancel(),
            State::Idle | State::Proposed { .. } | State::Python | State::Lingering => {}
        }
    }
}

fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_secs())
}

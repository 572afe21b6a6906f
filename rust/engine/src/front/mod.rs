//! The HTTP front: connections, the key space's requests, watches, and the way back to each client.
//!
//! `Front` belongs to one thread (Trio's). All socket I/O of plain connections happens in [`Front::turn`], over one
//! inner epoll set that also holds the descriptor by which the log thread announces completions. Whatever is not
//! under /v2/keys comes out of `turn` as an [`OutboundRequest`] for a Python handler.
//!
//! Invariants: one request in execution per connection, the next is parsed after its reply; every answer
//! finds its connection by ticket, so an answer that comes too late finds nobody; nothing here waits, but for
//! the end of a turn, where the next event may come within microseconds (see [`Front::turn`]).

mod auth;
mod call;
mod config;
mod connection;
mod deliver;
mod extensions;
mod fed;
mod flush;
mod keys;
mod listing;
mod mailbox;
mod moved;
mod params;
mod pipe;
mod progress;
mod reply;
mod route;
mod serve;
mod socket;
mod stream;
mod sweep;
mod turn;
mod uploads;
mod waiting;

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use coreos_http::{Date, Limits};
use coreos_store::Write;
use rustix::event::epoll;
use slab::Slab;

use auth::Guard;
pub use config::FrontConfig;
use connection::{Connection, Link, State};
use listing::Lister;
use mailbox::{Mail, Mailbox};
use reply::Identity;
use uploads::Uploads;

use crate::Member;
use crate::doorbell;

/// Epoll data of the mailbox's descriptor.
const MAILBOX: u64 = u64::MAX;
/// Low bits of a ticket that hold the connection's slot.
pub(crate) const SLOT_BITS: u32 = 24;
/// Connections that the slots can number.
const CONNECTIONS_MAX: usize = (1 << SLOT_BITS) - 1;

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
    /// Header names and values in order, without credentials.
    pub headers: Vec<(String, String)>,
    /// The body, chunks already joined.
    pub body: Vec<u8>,
    /// The client's address.
    pub remote: String,
    /// The user who has shown to be this one, where that is asked for.
    pub user: Option<String>,
    /// Whether whoever asks may do everything, where that is asked for; everybody may while authentication is off.
    pub is_root: bool,
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
    /// Watches ended because their client may no longer read.
    pub revoked_watches: u64,
    /// Passwords compared with a stored hash.
    pub password_checks: u64,
}

/// See the module.
pub struct Front {
    member: Member,
    config: FrontConfig,
    limits: Limits,
    identity: Identity,
    epoll: OwnedFd,
    /// What a turn does not keep waiting: descriptors that others on this thread read.
    others: OwnedFd,
    /// How long a turn looks out for the next request before it sleeps.
    look: Duration,
    mailbox: Arc<Mailbox>,
    guard: Guard,
    lister: Lister,
    connections: Slab<Connection>,
    /// Connections with output, to be flushed at the end of the round.
    dirty: Vec<usize>,
    /// Connections that may have a request buffered (their last one has just been answered).
    ready: VecDeque<usize>,
    proposals: Vec<(Write, u64)>,
    /// Reads of this round that have to wait.
    questions: Vec<u64>,
    /// Proposals that were taken and whose outcome has not come yet.
    undecided: usize,
    mail: Vec<Mail>,
    scratch: Box<[u8]>,
    /// The body of the reply that is being written, whose head has to say how long it is.
    body: Vec<u8>,
    spare_buffers: Vec<Vec<u8>>,
    uploads: Uploads,
    /// Open connections whose bytes a Trio task carries.
    fed_connections: usize,
    turn: Turn,
    counters: FrontCounters,
    sequence: u64,
    started: Instant,
    now_ms: u64,
    unix_seconds: u64,
    swept_ms: u64,
    draining: bool,
    poisoned: Option<String>,
    /// All events up to this index have been handed to the connections that watch.
    told_index: u64,
}

impl Front {
    /// A front for `member`, whose completions it takes over.
    pub fn new(member: Member, config: FrontConfig) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mailbox = Arc::new(Mailbox::new()?);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, mailbox.fd(), epoll::EventData::new_u64(MAILBOX), flags)?;
        member.set_sink(mailbox.clone());
        Ok(Self {
            limits: config.http_limits(),
            identity: Identity::new(member.status().cluster_id, Date::new(unix_seconds())),
            guard: Guard::new(&member, mailbox.clone(), config.upstream)?,
            lister: Lister::new(mailbox.clone()),
            member,
            config,
            epoll,
            others: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            look: if doorbell::is_worth_looking() { turn::LOOK } else { Duration::ZERO },
            mailbox,
            connections: Slab::new(),
            dirty: Vec::new(),
            ready: VecDeque::new(),
            proposals: Vec::new(),
            questions: Vec::new(),
            undecided: 0,
            mail: Vec::new(),
            scratch: vec![0; 64 << 10].into_boxed_slice(),
            body: Vec::new(),
            spare_buffers: Vec::new(),
            uploads: Uploads::default(),
            fed_connections: 0,
            turn: Turn::default(),
            counters: FrontCounters::default(),
            sequence: 0,
            started: Instant::now(),
            now_ms: 0,
            unix_seconds: unix_seconds(),
            swept_ms: 0,
            draining: false,
            poisoned: None,
            told_index: 0,
        })
    }

    /// The epoll descriptor: readable when `turn` has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// End a turn when `other` is readable, so that whoever reads it on this thread (a listener) gets to it. Ends with
    /// the descriptor.
    pub fn yield_to(&self, other: BorrowedFd<'_>) -> std::io::Result<()> {
        Ok(epoll::add(&self.others, other, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?)
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

    /// Answer what runs, close each connection after its reply, end watches.
    pub fn drain(&mut self) {
        self.draining = true;
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.drain_one(slot);
        }
        self.settle();
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
        self.uploads.forget(&conn);
        if matches!(conn.link, Link::Fed) {
            self.fed_connections -= 1;
        }
        match conn.state {
            State::Watching { id, .. } => self.member.with_store(|store, _| store.cancel(id)),
            State::Listing(pipe) => pipe.cancel(),
            State::Idle
            | State::Proposed { .. }
            | State::Checking(_)
            | State::Waiting(_)
            | State::Python
            | State::Lingering => {}
        }
    }
}

fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_secs())
}

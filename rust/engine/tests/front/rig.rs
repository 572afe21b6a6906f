//! A member with its front and clients over every transport, all driven from the test's own thread.
//!
//! `turn` is called only when the front's descriptor says so, when the last turn asked for it, or
//! where the contract says that it follows: a wake-up that the front forgets makes a test hang
//! instead of being hidden.

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use coreos_engine::front::{Front, FrontConfig, OutboundRequest};
use coreos_engine::{Member, MemberConfig};
use rustix::event::{PollFd, PollFlags, poll};
use tempfile::TempDir;

use crate::client::{Client, Link};
use crate::common::{self, DEADLINE};
use crate::reply::{Reply, parse};

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Tcp,
    Unix,
    /// As a TLS task feeds it.
    Fed,
}

/// A wait that is no wake-up's.
const LATE: Duration = Duration::from_millis(500);

pub const ALL: [Over; 3] = [Over::Tcp, Over::Unix, Over::Fed];

/// See the module.
pub struct Rig {
    pub member: Member,
    pub front: Front,
    /// Requests for Python that nobody has taken yet.
    pub requests: VecDeque<OutboundRequest>,
    /// Turns that came only because the time that the last one asked for was over.
    pub late_turns: u64,
    /// How the front ended.
    pub poisoned: Option<String>,
    clients: Vec<Client>,
    due: Instant,
    dir: TempDir,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.member.close();
    }
}

impl Rig {
    pub fn new() -> Self {
        Self::with(FrontConfig::default(), |_| {})
    }

    pub fn with(config: FrontConfig, change: impl FnOnce(&mut MemberConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut member_config = common::config(dir.path());
        member_config.wal.segment_bytes = 4 << 20;
        change(&mut member_config);
        let member = Member::open(&member_config, false).expect("a member");
        let front = Front::new(member.clone(), config).expect("a front");
        let (requests, clients) = (VecDeque::new(), Vec::new());
        let (late_turns, due) = (0, Instant::now());
        Self { member, front, requests, late_turns, poisoned: None, clients, due, dir }
    }

    /// Have the log fail as soon as it changes its segment: there is no place any more for the next one's name.
    pub fn break_log(&mut self) {
        let log = self.dir.path().join("member/wal");
        // Before that one is prepared, it would be its preparation that fails.
        self.until("the next segment", |_| {
            common::names(&log).iter().any(|name| name.ends_with(".next")).then_some(())
        });
        std::fs::remove_dir_all(&log).expect("removed");
    }

    /// A new client; panics when it is refused without a word.
    pub fn connect(&mut self, over: Over) -> usize {
        let link = match over {
            Over::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
                let address = listener.local_addr().expect("its address");
                let client = TcpStream::connect(address).expect("connected");
                let (server, remote) = listener.accept().expect("accepted");
                client.set_nonblocking(true).expect("set");
                let socket = OwnedFd::from(server);
                self.front.adopt(socket, &remote.to_string()).expect("adopted");
                Link::Tcp(client)
            }
            Over::Unix => {
                let (client, server) = UnixStream::pair().expect("a pair");
                client.set_nonblocking(true).expect("set");
                self.front.adopt(server.into(), "local").expect("adopted");
                Link::Unix(client)
            }
            Over::Fed => Link::Fed(self.front.open_fed("fed", None).expect("within the limit")),
        };
        self.add(link)
    }

    /// A new client whose certificate has this name.
    pub fn connect_as(&mut self, name: &str) -> usize {
        let id = self.front.open_fed("fed", Some(name)).expect("within the limit");
        self.add(Link::Fed(id))
    }

    fn add(&mut self, link: Link) -> usize {
        let (to_send, received) = (VecDeque::new(), Vec::new());
        self.clients.push(Client {
            link,
            to_send,
            received,
            ended: false,
            deaf: false,
            awake: true,
        });
        self.clients.len() - 1
    }

    pub fn send(&mut self, client: usize, bytes: impl AsRef<[u8]>) {
        let client = &mut self.clients[client];
        match client.link {
            Link::Fed(id) => {
                self.front.feed(id, bytes.as_ref());
                self.due = Instant::now();
            }
            _ => {
                client.to_send.extend(bytes.as_ref());
                client.push();
            }
        }
    }

    /// The client will send no more, but still reads.
    pub fn finish(&mut self, client: usize) {
        let client = &self.clients[client];
        assert!(client.to_send.is_empty(), "everything has to be sent before");
        match &client.link {
            Link::Tcp(socket) => socket.shutdown(std::net::Shutdown::Write).expect("shut"),
            Link::Unix(socket) => socket.shutdown(std::net::Shutdown::Write).expect("shut"),
            Link::Fed(id) => {
                self.front.feed(*id, b"");
                self.due = Instant::now();
            }
            Link::Gone => {}
        }
    }

    /// The client is gone without a word.
    pub fn leave(&mut self, client: usize) {
        if let Link::Fed(id) = std::mem::replace(&mut self.clients[client].link, Link::Gone) {
            self.front.close_fed(id);
            self.due = Instant::now();
        }
    }

    pub fn set_deaf(&mut self, client: usize, deaf: bool) {
        self.clients[client].deaf = deaf;
    }

    /// What the client has received and not taken as replies.
    pub fn received(&self, client: usize) -> &[u8] {
        &self.clients[client].received
    }

    pub fn has_ended(&self, client: usize) -> bool {
        self.clients[client].ended
    }

    /// Let things happen until `enough`.
    pub fn until<R>(&mut self, what: &str, mut enough: impl FnMut(&mut Self) -> Option<R>) -> R {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(result) = enough(self) {
                return result;
            }
            assert!(Instant::now() < deadline, "{what}: it does not happen");
            self.step(deadline);
        }
    }

    /// The next reply to a request that is not HEAD.
    pub fn reply(&mut self, client: usize) -> Reply {
        self.reply_to(client, "GET")
    }

    pub fn reply_to(&mut self, client: usize, method: &str) -> Reply {
        self.until("a reply", |rig| {
            let Client { received, ended, .. } = &mut rig.clients[client];
            let (reply, length) = parse(received, method == "HEAD", *ended)?;
            received.drain(..length);
            Some(reply)
        })
    }

    /// Send one request and wait for its reply.
    pub fn ask(&mut self, client: usize, request: impl AsRef<[u8]>) -> Reply {
        let method = if request.as_ref().starts_with(b"HEAD ") { "HEAD" } else { "GET" };
        self.send(client, request);
        self.reply_to(client, method)
    }

    /// Wait for `text` in a reply that has not ended; gives what is before it, takes both.
    pub fn wait_for(&mut self, client: usize, text: &str) -> String {
        self.until(text, |rig| {
            let received = &mut rig.clients[client].received;
            let at = received.windows(text.len()).position(|part| part == text.as_bytes())?;
            let taken: Vec<u8> = received.drain(..at + text.len()).collect();
            Some(String::from_utf8_lossy(&taken[..at]).into_owned())
        })
    }

    pub fn wait_for_end(&mut self, client: usize) {
        self.until("the end of the connection", |rig| rig.has_ended(client).then_some(()));
    }

    /// The next request for Python.
    pub fn request(&mut self) -> OutboundRequest {
        self.until("a request for Python", |rig| rig.requests.pop_front())
    }

    pub fn wait_for_watchers(&mut self, count: usize) {
        self.until("watchers", |rig| (rig.watchers() == count).then_some(()));
    }

    pub fn watchers(&self) -> usize {
        self.member.with_store(|store, _| store.watchers())
    }

    /// One step, whatever comes of it.
    pub fn step_once(&mut self) {
        self.step(Instant::now() + DEADLINE);
    }

    /// Answer what came for Python with its path.
    pub fn respond_to_all(&mut self) {
        while let Some(request) = self.requests.pop_front() {
            self.front.respond(
                request.ticket,
                200,
                &[("Content-Type", b"x/y")],
                request.path.as_bytes(),
            );
        }
    }

    /// Do not wait for longer than this in the next step.
    pub fn wait_at_most(&mut self, ms: u64) {
        self.due = self.due.min(Instant::now() + Duration::from_millis(ms));
    }

    /// Wait until the front has this many connections.
    pub fn wait_for_connections(&mut self, count: usize) {
        self.until("connections", |rig| (rig.front.connections() == count).then_some(()));
    }

    /// Wait for the front or a client, then let each do what it can.
    fn step(&mut self, deadline: Instant) {
        let now = Instant::now();
        let taking =
            |client: &Client| client.awake && !client.deaf && matches!(client.link, Link::Fed(_));
        let wait = match self.clients.iter().any(taking) {
            true => Duration::ZERO,
            false => self.due.min(deadline).saturating_duration_since(now),
        };
        let front_is_ready = {
            let mut fds = vec![PollFd::from_borrowed_fd(self.front.fd(), PollFlags::IN)];
            for client in &self.clients {
                let flags = client.wants();
                match &client.link {
                    _ if flags.is_empty() => {}
                    Link::Tcp(socket) => fds.push(PollFd::from_borrowed_fd(socket.as_fd(), flags)),
                    Link::Unix(socket) => fds.push(PollFd::from_borrowed_fd(socket.as_fd(), flags)),
                    Link::Fed(_) | Link::Gone => {}
                }
            }
            let timeout = rustix::time::Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: i64::from(wait.subsec_nanos()),
            };
            poll(&mut fds, Some(&timeout)).expect("polled");
            !fds[0].revents().is_empty()
        };
        let is_due = Instant::now() >= self.due;
        self.late_turns += u64::from(is_due && !front_is_ready && wait >= LATE);
        if self.poisoned.is_none() && (front_is_ready || is_due) {
            self.turn();
        }
        self.clients.iter_mut().for_each(Client::pump);
        self.take_fed();
    }

    fn turn(&mut self) {
        match self.front.turn(256) {
            Ok(turn) => {
                self.due = Instant::now() + Duration::from_millis(turn.next_ms);
                self.requests.extend(turn.requests);
                for client in &mut self.clients {
                    client.awake |=
                        matches!(client.link, Link::Fed(id) if turn.fed_ready.contains(&id));
                }
            }
            Err(reason) => {
                self.poisoned = Some(reason);
                // Whoever drives fed connections looks at all of them once more.
                self.clients.iter_mut().for_each(|client| client.awake = true);
            }
        }
    }

    /// What the front has for fed clients. A deaf one leaves it there.
    fn take_fed(&mut self) {
        for client in &mut self.clients {
            let Link::Fed(id) = client.link else { continue };
            if client.deaf || client.ended || !client.awake {
                continue;
            }
            let (output, is_last) = self.front.take_output(id);
            client.received.extend_from_slice(&output);
            client.awake = !output.is_empty();
            if is_last {
                client.ended = true;
                client.link = Link::Gone;
                self.front.close_fed(id);
            }
        }
    }
}

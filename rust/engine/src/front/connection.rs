//! One client connection: its bytes in and out, and the one request that it may have in execution.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use coreos_http as http;
use coreos_store::WatchId;

use super::auth::{Held, Permit};
use super::pipe::Pipe;
use super::progress::Progress;
use super::stream::Stream;
use super::waiting::Waiting;

/// Where the bytes come from and go to.
pub(super) enum Link {
    /// A plain socket in the epoll set.
    Socket(OwnedFd),
    /// A TLS task feeds and drains it.
    Fed,
}

/// What the request in execution waits for.
pub(super) enum State {
    /// No request in execution.
    Idle,
    /// A write on its way to being durable.
    Proposed { no_value: bool },
    /// A watch. One with a stream stays after an event.
    /// `permit` is looked at again when users or roles change.
    Watching {
        id: WatchId,
        stream: Option<Box<Stream>>,
        progress: Option<Progress>,
        permit: Option<Box<Permit>>,
    },
    /// Not begun: its password is being checked.
    Checking(Box<Held>),
    /// A read that waits until it may be carried out.
    Waiting(Box<Waiting>),
    /// A Python handler.
    Python,
    /// The last reply is sent and our side shut; input is thrown away until the client closes.
    Lingering,
    /// A big listing, rendered by a thread of its own.
    Listing(Arc<Pipe>),
}

/// How the answer to the request in execution has to look.
#[derive(Default)]
pub(super) struct Framing {
    pub head_only: bool,
    pub keep_alive: bool,
    pub minor: u8,
    pub cors: Option<Box<[u8]>>,
}

impl Framing {
    /// HTTP/1.0 knows no chunks: a body of unknown length ends with the connection.
    pub fn open_ended(&self) -> http::BodyKind {
        if self.minor == 0 { http::BodyKind::UntilClose } else { http::BodyKind::Chunked }
    }
}

/// See the module.
pub(super) struct Connection {
    pub link: Link,
    pub remote: Box<str>,
    /// The name in the client's certificate, if that may stand for a user.
    pub certificate: Option<Box<str>>,
    pub parser: http::Connection,
    pub out: Vec<u8>,
    pub sent: usize,
    pub state: State,
    /// Identifies the request in execution (0 = none), so that late completions find nobody.
    pub ticket: u64,
    pub framing: Framing,
    /// Coarse time of the last byte in or out, or of the start of the request in execution.
    pub touched_ms: u64,
    /// Close once `out` is sent.
    pub closing: bool,
    /// The client has finished sending.
    pub eof: bool,
    /// The same, as the kernel has said it, which it does once: the end may be behind input that is not read yet.
    pub hung_up: bool,
    /// Bytes may wait in the socket: reading stopped before it was empty.
    pub unread: bool,
    /// Already on the list of connections to flush.
    pub dirty: bool,
    /// Fed ones: it has been said that there is output, and nobody has taken it yet.
    pub is_offered: bool,
    /// What `Uploads` has counted for it.
    pub upload_bytes: usize,
}

impl Connection {
    pub fn new(link: Link, remote: &str, now_ms: u64) -> Self {
        Self {
            link,
            remote: remote.into(),
            certificate: None,
            parser: http::Connection::new(),
            out: Vec::new(),
            sent: 0,
            state: State::Idle,
            ticket: 0,
            framing: Framing::default(),
            touched_ms: now_ms,
            closing: false,
            eof: false,
            hung_up: false,
            unread: false,
            dirty: false,
            is_offered: false,
            upload_bytes: 0,
        }
    }

    /// Where the client is, whatever its port; all of a unix socket are in one place.
    pub fn address(&self) -> &str {
        self.remote.rsplit_once(':').map_or(&*self.remote, |(address, _port)| address)
    }

    /// Whether its request waits for something that may never come once the log has failed.
    pub fn is_undecided(&self) -> bool {
        matches!(self.state, State::Proposed { .. } | State::Checking(_) | State::Waiting(_))
    }

    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether there may be more to send than what is in `out`.
    pub fn has_source(&self) -> bool {
        matches!(self.state, State::Listing(_) | State::Watching { stream: Some(_), .. })
    }

    /// Bytes of output not yet taken by the client.
    pub fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// The request in execution has been answered in full.
    pub fn finish(&mut self) {
        self.state = State::Idle;
        self.ticket = 0;
        if !self.framing.keep_alive {
            self.closing = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_from_every_port() {
        for (remote, address) in
            [("127.0.0.1:50", "127.0.0.1"), ("[::1]:50", "[::1]"), ("local", "local"), ("", "")]
        {
            assert_eq!(Connection::new(Link::Fed, remote, 0).address(), address);
        }
    }
}

//! Calling a peer, up to the point where a link stands.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use rustls::StreamOwned;

use super::hello::{Purpose, Refusal, Welcome};
use super::liveness::watch_over;
use super::shared::Shared;
use super::sockets::Use;
use super::stream::{Socket, Stream};
use super::url::PeerUrl;
use super::waker::Waker;

/// Longest reply to a hello.
const REPLY_BYTES_MAX: usize = 16 << 10;
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// Why there is no link.
#[derive(Debug)]
pub(super) enum NotDialled {
    /// Nobody listens there.
    Nobody,
    /// The peer does not want it.
    Refused(Refusal),
    /// Anything else, in one line.
    Failed(String),
}

impl From<io::Error> for NotDialled {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Nobody,
            ErrorKind::TimedOut => Self::Failed("it does not answer".into()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Call `peer` at `url`. Whoever ends the waker ends the attempt, unless it is in a look-up of the name.
pub(super) fn dial(
    shared: &Shared,
    peer: u64,
    url: &PeerUrl,
    purpose: Purpose,
    waker: &Waker,
) -> Result<(Stream, Welcome), NotDialled> {
    let tcp = reach(url, waker, shared.timeouts.connect)?;
    let is_snapshot = matches!(purpose, Purpose::Snapshot(_));
    let timeouts = &shared.timeouts;
    watch_over(&tcp, if is_snapshot { timeouts.dead_snapshot } else { timeouts.dead })?;
    let kept = shared.sockets.keep(tcp, Use::To(peer));
    if waker.is_ended() {
        return Err(NotDialled::Failed("it is not a peer any more".into()));
    }
    let socket = Socket::new(kept);
    let mut stream = if url.has_tls {
        let tls = shared.fresh_tls().ok_or_else(|| {
            NotDialled::Failed("it has https, and this member has no certificate for peers".into())
        })?;
        Stream::Client(Box::new(StreamOwned::new(tls.call(&url.host)?, socket)))
    } else {
        Stream::Plain(socket)
    };
    stream.set_deadline(Some(shared.hello_deadline()))?;
    let hello = shared.hello(peer, purpose);
    stream.write_all(hello.request(&url.authority()).as_bytes())?;
    stream.flush()?;
    let welcome = reply(&mut stream)?;
    if welcome.cluster_id != shared.cluster_id {
        let (theirs, ours) = (welcome.cluster_id, shared.cluster_id);
        let why = format!("it belongs to cluster {theirs:x}, this member to cluster {ours:x}");
        return Err(NotDialled::Failed(why));
    }
    if welcome.member_id != peer {
        return Err(NotDialled::Failed(format!("it is member {:x}", welcome.member_id)));
    }
    stream.set_deadline(None)?;
    Ok((stream, welcome))
}

/// Read the reply to a hello.
fn reply(stream: &mut Stream) -> Result<Welcome, NotDialled> {
    let strange = || NotDialled::Failed("what answers there is no member".into());
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == BLANK_LINE) {
            break end;
        }
        let mut piece = [0; 2048];
        match stream.read(&mut piece)? {
            0 => return Err(NotDialled::Failed("it hung up".into())),
            len => bytes.extend_from_slice(&piece[..len]),
        }
        if bytes.len() > REPLY_BYTES_MAX {
            return Err(strange());
        }
    };
    let body = bytes.split_off(end + BLANK_LINE.len());
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| strange())?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status: u16 = status.and_then(|digits| digits.parse().ok()).ok_or_else(strange)?;
    if status == 101 {
        return Welcome::parse(head).filter(|_| body.is_empty()).ok_or_else(strange);
    }
    let mut why = body;
    // The reason is good to have, but not worth another failure.
    let _ = stream.take(REPLY_BYTES_MAX as u64).read_to_end(&mut why);
    let why = String::from_utf8_lossy(&why);
    Err(NotDialled::Refused(Refusal::new(status, why.lines().next().unwrap_or_default())))
}

/// Connect to the first of the URL's addresses that takes it.
fn reach(url: &PeerUrl, waker: &Waker, most: Duration) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "its name has no address");
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        match reach_address(&address, waker, most) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn reach_address(address: &SocketAddr, waker: &Waker, most: Duration) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    let until = Instant::now() + most;
    match connect(&socket, address) {
        Ok(()) => {}
        Err(rustix::io::Errno::INPROGRESS) => loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || waker.is_ended() {
                return Err(ErrorKind::TimedOut.into());
            }
            if waker.wait(Some((socket.as_fd(), PollFlags::OUT)), Some(left))? {
                sockopt::socket_error(&socket)??;
                break;
            }
        },
        Err(error) => return Err(error.into()),
    }
    let tcp = TcpStream::from(socket);
    tcp.set_nonblocking(false)?;
    Ok(tcp)
}

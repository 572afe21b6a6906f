//! The thread that takes connections of one listener.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;

use super::config::PeerListener;
use super::door;
use super::shared::Shared;
use super::sockets::Use;
use super::threads::Taken;
use super::waker::Waker;

/// Between attempts while the system has no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(100);

/// Take connections until the end.
pub(super) fn run(shared: &Arc<Shared>, listener: &PeerListener, waker: &Waker) {
    while let Some(place) = shared.places.take(|| !waker.is_ended()) {
        let taken = next(&listener.socket, waker);
        match taken {
            Ok(Some(tcp)) => {
                if let Err(error) = open(shared, tcp, listener.has_tls, place) {
                    shared.log_once(&format!("a connection to the peer port was lost: {error}"));
                }
            }
            Ok(None) => {}
            Err(error) => {
                shared.log_once(&format!("the peer port cannot take a connection: {error}"));
                drop(place);
                waker.pause(NO_ROOM_PAUSE);
            }
        }
    }
}

/// The next connection; `None`: there was none after all, or it is the end.
fn next(listener: &TcpListener, waker: &Waker) -> io::Result<Option<std::net::TcpStream>> {
    if !waker.wait(Some((listener.as_fd(), PollFlags::IN)), None)? {
        return Ok(None);
    }
    match listener.accept() {
        Ok((tcp, _)) => Ok(Some(tcp)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

fn open(
    shared: &Arc<Shared>,
    tcp: std::net::TcpStream,
    has_tls: bool,
    place: Taken,
) -> io::Result<()> {
    // Whether it inherits that from its listener differs from system to system.
    tcp.set_nonblocking(false)?;
    super::liveness::watch_over(&tcp, shared.timeouts.dead)?;
    let kept = shared.sockets.keep(tcp, Use::New);
    let on_thread = shared.clone();
    shared.threads.start("peer-in", move || door::serve(&on_thread, kept, has_tls, place))
}

//! One connection, plain or with TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};
use rustls::{ClientConnection, ServerConnection, StreamOwned};

use super::sockets::Kept;

/// A socket that blocks, at the longest until its deadline.
#[derive(Debug)]
pub(super) struct Socket {
    pub kept: Kept,
    deadline: Option<Instant>,
}

/// What [`Socket`] becomes.
pub(super) enum Stream {
    Plain(Socket),
    Client(Box<StreamOwned<ClientConnection, Socket>>),
    Server(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Socket {
    pub fn new(kept: Kept) -> Self {
        Self { kept, deadline: None }
    }

    fn tcp(&self) -> &Arc<TcpStream> {
        &self.kept.tcp
    }

    /// What is left until the deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

/// Repeat what a signal has interrupted, and call a time limit by its name.
fn whole<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(ErrorKind::TimedOut.into());
            }
            done => return done,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        whole(|| {
            if let Some(left) = self.left()? {
                self.tcp().set_read_timeout(Some(left))?;
            }
            self.tcp().as_ref().read(out)
        })
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        whole(|| {
            if let Some(left) = self.left()? {
                self.tcp().set_write_timeout(Some(left))?;
            }
            self.tcp().as_ref().write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    pub fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Client(stream) => &mut stream.sock,
            Self::Server(stream) => &mut stream.sock,
        }
    }

    /// The socket, if what is written to it is what the other end reads.
    pub fn bare(&self) -> Option<Arc<TcpStream>> {
        match self {
            Self::Plain(socket) => Some(socket.tcp().clone()),
            Self::Client(_) | Self::Server(_) => None,
        }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.tcp().as_fd(),
            Self::Client(stream) => stream.sock.tcp().as_fd(),
            Self::Server(stream) => stream.sock.tcp().as_fd(),
        }
    }

    /// Everything from now on has to be done by then; `None`: whenever it is done.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let socket = self.socket();
        socket.deadline = deadline;
        if deadline.is_none() {
            socket.tcp().set_read_timeout(None)?;
            socket.tcp().set_write_timeout(None)?;
        }
        Ok(())
    }

    /// The socket of a link that goes the other way is readable: an error when the link has ended.
    pub fn take_notice(&mut self) -> io::Result<()> {
        let ended = || io::Error::from(ErrorKind::ConnectionAborted);
        match self {
            Self::Plain(socket) => {
                match recv(socket.tcp(), &mut [0; 16][..], RecvFlags::DONTWAIT) {
                    Ok((0, _)) => Err(ended()),
                    Ok(_) => {
                        Err(io::Error::new(ErrorKind::InvalidData, "bytes against the direction"))
                    }
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
            Self::Client(stream) => {
                let StreamOwned { conn, sock } = &mut **stream;
                if conn.read_tls(sock)? == 0 {
                    return Err(ended());
                }
                let state = conn.process_new_packets().map_err(io::Error::other)?;
                if state.peer_has_closed() || state.plaintext_bytes_to_read() > 0 {
                    return Err(ended());
                }
                while conn.wants_write() {
                    conn.write_tls(sock)?;
                }
                Ok(())
            }
            Self::Server(_) => Err(io::Error::other("only the one who calls writes")),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(out),
            Self::Client(stream) => stream.read(out),
            Self::Server(stream) => stream.read(out),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Client(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}

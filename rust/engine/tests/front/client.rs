//! One client of the rig: what it has sent, received and taken.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;

/// What it is connected by.
pub enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
    Fed(u64),
    Gone,
}

/// See the module.
pub struct Client {
    pub link: Link,
    pub to_send: VecDeque<u8>,
    pub received: Vec<u8>,
    /// The server has ended it.
    pub ended: bool,
    /// It does not read.
    pub deaf: bool,
    /// Fed ones: the front has said that there is output, and it has not all been taken.
    pub awake: bool,
}

impl Client {
    pub fn wants(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        if !self.deaf && !self.ended {
            flags |= PollFlags::IN;
        }
        if !self.to_send.is_empty() {
            flags |= PollFlags::OUT;
        }
        flags
    }

    pub fn pump(&mut self) {
        self.push();
        if self.deaf || self.ended {
            return;
        }
        let mut buffer = [0; 1 << 16];
        loop {
            let result = match &mut self.link {
                Link::Tcp(socket) => socket.read(&mut buffer),
                Link::Unix(socket) => socket.read(&mut buffer),
                Link::Fed(_) | Link::Gone => return,
            };
            match result {
                Ok(0) => {
                    self.ended = true;
                    // It has nothing to stay for either.
                    self.link = Link::Gone;
                    return;
                }
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    self.ended = true;
                    return;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub fn push(&mut self) {
        while !self.to_send.is_empty() {
            let part = self.to_send.make_contiguous();
            let result = match &mut self.link {
                Link::Tcp(socket) => socket.write(part),
                Link::Unix(socket) => socket.write(part),
                Link::Fed(_) | Link::Gone => return,
            };
            match result {
                Ok(count) => drop(self.to_send.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The server has closed: what it had to say is still to be read.
                Err(_) => self.to_send.clear(),
            }
        }
    }
}

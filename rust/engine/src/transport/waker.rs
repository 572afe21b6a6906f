//! How a thread that waits for a socket is called to something else.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Rung to have a thread look again, or to have it end.
#[derive(Debug)]
pub(super) struct Waker {
    bell: OwnedFd,
    ended: AtomicBool,
}

impl Waker {
    pub fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { bell, ended: AtomicBool::new(false) })
    }

    /// The thread's wait, or its next one, ends at once.
    pub fn ring(&self) {
        // It fails only when it has been rung 2^64 times without an answer.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    /// The thread is to end.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ring();
    }

    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Wait until the socket is ready as asked, or the bell rings, or the time is over. Whether the socket is ready.
    pub fn wait(
        &self,
        socket: Option<(BorrowedFd<'_>, PollFlags)>,
        most: Option<Duration>,
    ) -> io::Result<bool> {
        let most = most.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        let (fd, flags) = socket.unwrap_or((self.bell.as_fd(), PollFlags::IN));
        let mut fds = [PollFd::new(&self.bell, PollFlags::IN), PollFd::from_borrowed_fd(fd, flags)];
        match poll(&mut fds, most.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !fds[0].revents().is_empty() {
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.bell, &mut count);
        }
        Ok(socket.is_some() && !fds[1].revents().is_empty())
    }

    /// Pause, unless it is to end. Whether it is to go on.
    pub fn pause(&self, length: Duration) -> bool {
        let until = Instant::now() + length;
        while !self.is_ended() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if self.wait(None, Some(left)).is_err() {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_not_missed_and_is_heard_once() {
        let waker = Waker::new().expect("eventfd");
        let long = Duration::from_secs(60);
        waker.ring();
        let begun = Instant::now();
        assert!(!waker.wait(None, Some(long)).expect("poll"));
        assert!(begun.elapsed() < long);
        assert!(waker.pause(Duration::from_millis(1)), "control: nothing ends this pause early");
        waker.end();
        assert!(!waker.pause(long));
    }
}

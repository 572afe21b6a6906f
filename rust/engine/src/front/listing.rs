//! Big listings: rendered from a view by a thread of their own and streamed out as fast as the client reads.
//!
//! A small read is rendered under the store's lock. One that would hold it for long takes a view instead, and
//! writes and other reads go on meanwhile. The pipe between thread and connection is bounded, so a slow
//! client costs a waiting thread, not memory.

use std::collections::VecDeque;
use std::sync::Arc;

use coreos_store::TreeView;
use parking_lot::{Condvar, Mutex};

use super::mailbox::Mailbox;

/// Rendered bytes that may wait for a connection.
const PIPE_BYTES_MAX: usize = 1 << 20;
/// Listings rendered at the same time; others wait their turn.
const THREADS_MAX: usize = 16;

#[derive(Default)]
struct Contents {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    finished: bool,
    cancelled: bool,
}

/// The bounded way from a listing thread to its connection.
#[derive(Default)]
pub(super) struct Pipe {
    contents: Mutex<Contents>,
    room: Condvar,
}

impl Pipe {
    /// The next piece, if one is ready; the flag is true when none will follow.
    pub fn take(&self) -> (Option<Vec<u8>>, bool) {
        let mut contents = self.contents.lock();
        let piece = contents.pieces.pop_front();
        if let Some(piece) = &piece {
            contents.bytes -= piece.len();
            self.room.notify_one();
        }
        (piece, contents.finished && contents.pieces.is_empty())
    }

    /// The client has gone: the thread stops at its next piece.
    pub fn cancel(&self) {
        self.contents.lock().cancelled = true;
        self.room.notify_one();
    }

    fn put(&self, piece: &[u8]) -> bool {
        let mut contents = self.contents.lock();
        while contents.bytes >= PIPE_BYTES_MAX && !contents.cancelled {
            self.room.wait(&mut contents);
        }
        contents.bytes += piece.len();
        contents.pieces.push_back(piece.to_vec());
        !contents.cancelled
    }

    fn finish(&self) {
        self.contents.lock().finished = true;
    }
}

/// What one listing thread does.
pub(super) struct Job {
    pub view: TreeView,
    pub path: Vec<u8>,
    pub recursive: bool,
    pub now_ns: u64,
    pub ticket: u64,
    pub pipe: Arc<Pipe>,
}

#[derive(Default)]
struct Pool {
    running: usize,
    waiting: VecDeque<Job>,
}

/// Starts listing threads, at most `THREADS_MAX` at once.
pub(super) struct Lister {
    pool: Arc<Mutex<Pool>>,
    mailbox: Arc<Mailbox>,
}

impl Lister {
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { pool: Arc::default(), mailbox }
    }

    /// Render `job` now or when a thread is free. Fails when the system has no more threads.
    pub fn start(&self, job: Job) -> std::io::Result<()> {
        {
            let mut pool = self.pool.lock();
            if pool.running >= THREADS_MAX {
                pool.waiting.push_back(job);
                return Ok(());
            }
            pool.running += 1;
        }
        let (pool, mailbox) = (self.pool.clone(), self.mailbox.clone());
        let spawned = std::thread::Builder::new().name("listing".into()).spawn(move || {
            let mut next = Some(job);
            while let Some(job) = next {
                render(&job, &mailbox);
                let mut pool = pool.lock();
                next = pool.waiting.pop_front();
                if next.is_none() {
                    pool.running -= 1;
                }
            }
        });
        if let Err(error) = spawned {
            self.pool.lock().running -= 1;
            return Err(error);
        }
        Ok(())
    }
}

fn render(job: &Job, mailbox: &Mailbox) {
    let result = job.view.get(&job.path, job.recursive, job.now_ns, &mut |piece| {
        let go_on = job.pipe.put(piece);
        mailbox.post_listing(job.ticket);
        go_on
    });
    // The path existed under the lock that gave the view, so this cannot fail; if it did, the body would
    // end short, which the client sees as a broken reply.
    debug_assert!(result.is_ok(), "a listed path vanished from its own view");
    job.pipe.finish();
    mailbox.post_listing(job.ticket);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pipe_waits_for_its_reader_and_a_cancelled_one_does_not() {
        let pipe = Arc::new(Pipe::default());
        assert!(pipe.put(&vec![0; PIPE_BYTES_MAX]));
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || pipe.put(b"late"))
        };
        let (first, done) = pipe.take();
        assert_eq!(first.map(|p| p.len()), Some(PIPE_BYTES_MAX));
        assert!(!done);
        assert!(writer.join().expect("writer"));
        pipe.cancel();
        assert!(!pipe.put(b"x"));
    }
}

//! Big listings: rendered from a view by a thread of their own and streamed out as fast as the client reads.
//!
//! A small read is rendered under the store's lock. One that would hold it for long takes a view instead, and
//! writes and other reads go on meanwhile. The pipe between thread and connection is bounded, so a slow
//! client costs a waiting thread, not memory.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coreos_store::TreeView;
use parking_lot::{Condvar, Mutex};

use super::mailbox::Mailbox;

/// Rendered bytes that may wait for a connection.
const PIPE_BYTES_MAX: usize = 1 << 20;
/// Threads that render at the same time; other listings wait their turn.
const THREADS_MAX: usize = 16;

/// Listings in progress or waiting: each may hold a thread and a view for as long as its client takes to read.
const LISTINGS_MAX: usize = 256;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Rendering,
    Rendered,
    Broken,
}

#[derive(Default)]
struct Contents {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    progress: Progress,
    cancelled: bool,
}

/// What [`Pipe::take`] has for its connection.
pub(super) enum Taken {
    /// The next piece of the body.
    Piece(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End,
    /// The rest is not to be had.
    Broken,
}

/// The bounded way from a listing thread to its connection.
#[derive(Default)]
pub(super) struct Pipe {
    contents: Mutex<Contents>,
    room: Condvar,
}

impl Pipe {
    /// The next piece, if one is ready.
    pub fn take(&self) -> Taken {
        let mut contents = self.contents.lock();
        if let Some(piece) = contents.pieces.pop_front() {
            contents.bytes -= piece.len();
            self.room.notify_one();
            return Taken::Piece(piece);
        }
        match contents.progress {
            Progress::Rendering => Taken::Nothing,
            Progress::Rendered => Taken::End,
            Progress::Broken => Taken::Broken,
        }
    }

    /// The client has gone: the thread stops at its next piece.
    pub fn cancel(&self) {
        self.contents.lock().cancelled = true;
        self.room.notify_one();
    }

    /// Add a piece, when there is room for it; `idly` is around the wait for that. False: nobody wants it any more.
    fn put(&self, piece: &[u8], idly: impl FnOnce(&mut dyn FnMut())) -> bool {
        let mut contents = self.contents.lock();
        if contents.bytes >= PIPE_BYTES_MAX && !contents.cancelled {
            idly(&mut || {
                while contents.bytes >= PIPE_BYTES_MAX && !contents.cancelled {
                    self.room.wait(&mut contents);
                }
            });
        }
        contents.bytes += piece.len();
        contents.pieces.push_back(piece.to_vec());
        !contents.cancelled
    }

    fn end(&self, progress: Progress) {
        self.contents.lock().progress = progress;
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
    /// Threads that render now; one that waits for its client does not count.
    rendering: usize,
    /// Listings begun and not ended, the waiting ones included.
    open: usize,
    waiting: VecDeque<Job>,
}

/// Starts listing threads; at most `THREADS_MAX` render at once.
#[derive(Clone)]
pub(super) struct Lister {
    pool: Arc<Mutex<Pool>>,
    mailbox: Arc<Mailbox>,
}

/// What [`Lister::start`] came to.
pub(super) enum Started {
    /// It is rendered now or when it is its turn.
    Yes,
    /// There are already this many.
    TooMany(usize),
    /// The system has no more threads.
    NoThread(std::io::Error),
}

impl Lister {
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { pool: Arc::default(), mailbox }
    }

    /// Render `job` now or when a thread is free.
    pub fn start(&self, job: Job) -> Started {
        {
            let mut pool = self.pool.lock();
            if pool.open >= LISTINGS_MAX {
                return Started::TooMany(LISTINGS_MAX);
            }
            pool.open += 1;
            if pool.rendering >= THREADS_MAX {
                pool.waiting.push_back(job);
                return Started::Yes;
            }
            pool.rendering += 1;
        }
        match self.spawn(job) {
            Ok(()) => Started::Yes,
            Err((_, error)) => {
                let mut pool = self.pool.lock();
                pool.rendering -= 1;
                pool.open -= 1;
                Started::NoThread(error)
            }
        }
    }

    /// A thread that renders `job`, and then others as long as some are waiting.
    fn spawn(&self, job: Job) -> Result<(), (Job, std::io::Error)> {
        let lister = self.clone();
        // A thread that cannot be started gives nothing back, so the job is handed over by way of a slot.
        let slot = Arc::new(Mutex::new(Some(job)));
        let taken = slot.clone();
        let spawned = std::thread::Builder::new().name("listing".into()).spawn(move || {
            let mut next = taken.lock().take();
            while let Some(job) = next {
                lister.render(&job);
                let mut pool = lister.pool.lock();
                pool.open -= 1;
                next = pool.waiting.pop_front();
                if next.is_none() {
                    pool.rendering -= 1;
                }
            }
        });
        match (spawned, slot) {
            (Ok(_), _) => Ok(()),
            (Err(error), slot) => match slot.lock().take() {
                Some(job) => Err((job, error)),
                None => Ok(()),
            },
        }
    }

    /// Wait for a slow client without keeping others from rendering meanwhile.
    fn idly(&self, wait: &mut dyn FnMut()) {
        let next = {
            let mut pool = self.pool.lock();
            let next = pool.waiting.pop_front();
            if next.is_none() {
                pool.rendering -= 1;
            }
            next
        };
        if let Some(job) = next
            && let Err((job, _)) = self.spawn(job)
        {
            // Whichever thread is done first takes it.
            let mut pool = self.pool.lock();
            pool.rendering -= 1;
            pool.waiting.push_front(job);
        }
        wait();
        self.pool.lock().rendering += 1;
    }

    fn render(&self, job: &Job) {
        let rendered = catch_unwind(AssertUnwindSafe(|| {
            job.view.get(&job.path, job.recursive, job.now_ns, &mut |piece| {
                let go_on = job.pipe.put(piece, |wait| self.idly(wait));
                self.mailbox.post_listing(job.ticket);
                go_on
            })
        }));
        // The path existed under the lock that gave the view, so neither an error nor a panic (which the hook has
        // printed) is to be expected; the client is told by a body without its end.
        let progress = match rendered {
            Ok(Ok(_)) => Progress::Rendered,
            Ok(Err(_)) | Err(_) => Progress::Broken,
        };
        job.pipe.end(progress);
        self.mailbox.post_listing(job.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pipe_waits_for_its_reader_and_a_cancelled_one_does_not() {
        let pipe = Arc::new(Pipe::default());
        assert!(pipe.put(&vec![0; PIPE_BYTES_MAX], |_| panic!("there was room")));
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || pipe.put(b"late", |wait| wait()))
        };
        assert!(matches!(pipe.take(), Taken::Piece(piece) if piece.len() == PIPE_BYTES_MAX));
        assert!(writer.join().expect("writer"));
        pipe.cancel();
        assert!(!pipe.put(b"x", |_| panic!("nobody to wait for")));
    }
}

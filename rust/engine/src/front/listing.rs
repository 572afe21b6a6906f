//! Big listings: rendered from a view by a thread of their own and streamed out as fast as the client reads.
//!
//! A small read is rendered under the store's lock. One that would hold it for long takes a view instead, and
//! writes and other reads go on meanwhile. The pipe between thread and connection is bounded, so a slow
//! client costs a waiting thread, not memory.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coreos_store::{ReadSpec, TreeView};
use parking_lot::{Condvar, Mutex};

use super::mailbox::Mailbox;
use super::pipe::{Pipe, Stage};

/// Threads that render at the same time; other listings wait their turn.
const THREADS_MAX: usize = 16;
/// Listings in progress or waiting: each may hold a thread and a view for as long as its client takes to read.
const LISTINGS_MAX: usize = 1_024;

/// What one listing thread does.
pub(super) struct Job {
    pub view: TreeView,
    pub path: Vec<u8>,
    pub spec: ReadSpec,
    pub now_ns: u64,
    pub ticket: u64,
    pub pipe: Arc<Pipe>,
}

#[derive(Default)]
struct Slots {
    /// Threads that render now; one that waits for its client does not count.
    rendering: usize,
    /// Threads whose client has read on, and that wait until they may render.
    resuming: usize,
    /// Listings begun and not ended, the waiting ones included.
    open: usize,
    waiting: VecDeque<Job>,
}

#[derive(Default)]
struct Pool {
    slots: Mutex<Slots>,
    free: Condvar,
}

impl Pool {
    /// Give up the place to render, to a thread that resumes or else to a listing that waits, which is given.
    fn yield_place(&self, slots: &mut Slots) -> Option<Job> {
        let next = if slots.resuming == 0 { slots.waiting.pop_front() } else { None };
        if next.is_none() {
            slots.rendering -= 1;
            self.free.notify_one();
        }
        next
    }

    fn resume(&self) {
        let mut slots = self.slots.lock();
        slots.resuming += 1;
        while slots.rendering >= THREADS_MAX {
            self.free.wait(&mut slots);
        }
        slots.resuming -= 1;
        slots.rendering += 1;
    }
}

/// Starts listing threads; at most `THREADS_MAX` render at once.
#[derive(Clone)]
pub(super) struct Lister {
    pool: Arc<Pool>,
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
            let mut slots = self.pool.slots.lock();
            if slots.open >= LISTINGS_MAX {
                return Started::TooMany(LISTINGS_MAX);
            }
            slots.open += 1;
            if slots.rendering >= THREADS_MAX {
                slots.waiting.push_back(job);
                return Started::Yes;
            }
            slots.rendering += 1;
        }
        match self.spawn(job) {
            Ok(()) => Started::Yes,
            Err(error) => {
                self.pool.slots.lock().open -= 1;
                Started::NoThread(error)
            }
        }
    }

    /// A thread that renders `job`, for which there is a place, and then others as long as some are waiting. Without
    /// one the place is given up and the job ends broken.
    fn spawn(&self, job: Job) -> std::io::Result<()> {
        let lister = self.clone();
        let pipe = job.pipe.clone();
        let ticket = job.ticket;
        let spawned = std::thread::Builder::new().name("listing".into()).spawn(move || {
            let mut next = Some(job);
            while let Some(job) = next {
                lister.render(&job);
                let mut slots = lister.pool.slots.lock();
                slots.open -= 1;
                next = lister.pool.yield_place(&mut slots);
            }
        });
        spawned.map(drop).inspect_err(|_| {
            pipe.end(Stage::Broken);
            self.mailbox.post_listing(ticket);
            let mut slots = self.pool.slots.lock();
            slots.rendering -= 1;
            self.pool.free.notify_one();
        })
    }

    /// Wait for a slow client without keeping others from rendering meanwhile.
    fn wait_idly(&self, pipe: &Pipe) {
        let next = {
            let mut slots = self.pool.slots.lock();
            self.pool.yield_place(&mut slots)
        };
        if let Some(job) = next
            && self.spawn(job).is_err()
        {
            self.pool.slots.lock().open -= 1;
        }
        pipe.wait_for_room();
        self.pool.resume();
    }

    fn render(&self, job: &Job) {
        let pipe = &job.pipe;
        let rendered = catch_unwind(AssertUnwindSafe(|| {
            job.view.list(&job.path, &job.spec, job.now_ns, &mut |piece| {
                while !pipe.try_put(piece) {
                    self.wait_idly(pipe);
                }
                self.mailbox.post_listing(job.ticket);
                pipe.is_wanted()
            })
        }));
        // The path existed under the lock that gave the view, so neither an error nor a panic (which the hook has
        // printed) is to be expected; the client is told by a body without its end.
        let stage = match rendered {
            Ok(Ok(_)) => Stage::Rendered,
            Ok(Err(_)) | Err(_) => Stage::Broken,
        };
        pipe.end(stage);
        self.mailbox.post_listing(job.ticket);
    }
}

//! A running member: the handle that the front and the bridge hold, and the locks behind it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coreos_store::{Body, MemberInfo, Store, StoreConfig, StoreView, Write};
use coreos_wal::{DataDir, DirLock, Disk, Identity, RealDisk};
use crossbeam_channel::{Sender, unbounded};
use parking_lot::{Condvar, Mutex};

use crate::applier::Applier;
use crate::boot::boot;
use crate::chores::Done;
use crate::clock::{ClusterClock, Now};
use crate::completion::{Completion, Sink};
use crate::config::MemberConfig;
use crate::doorbell::Doorbell;
use crate::driving::Applying;
use crate::error::{EngineError, ErrorKind, Refused};
use crate::execute::Waiters;
use crate::links::Links;
use crate::log_thread::{self, LogThread};
use crate::metrics::Metrics;
use crate::replica::{Replica, Seen, Statistics};
use crate::ticker::{Alarm, Ticker};

/// What the log thread and proposers share. Held for microseconds, never while waiting for the disk.
pub(crate) struct Core {
    pub replica: Replica,
    /// Whether it led at the last step.
    pub led: bool,
    /// The leader and term that the log has been told of.
    pub told_leader: (u64, u64),
    /// Everybody has been told that the log has failed.
    pub is_over: bool,
}

pub(crate) struct Inner {
    pub identity: Identity,
    pub core: Mutex<Core>,
    /// The member has begun or ceased to lead.
    pub role_changed: Condvar,
    pub applying: Mutex<Applying>,
    /// To the other members, once there is a way.
    pub links: OnceLock<Box<dyn Links>>,
    /// Calls the log thread to the core.
    pub bell: Doorbell,
    pub applier: Mutex<Applier>,
    pub clock: ClusterClock,
    /// The store's offset to the wall clock.
    pub offset_ns: AtomicI64,
    /// The last entry applied.
    pub applied: AtomicU64,
    /// This member is alone, and its store has everything that was ever answered.
    pub reads_alone: AtomicBool,
    /// The store is not older than the cluster was when this member started.
    pub is_current: AtomicBool,
    /// States whose digest is to be computed, each after an entry.
    pub moments: Mutex<Vec<(u64, StoreView)>>,
    /// Ids and peer URLs that a member that joins was told.
    pub known_peers: Mutex<Vec<(u64, Vec<String>)>>,
    /// A number that changes with the members, as the links last saw it.
    pub members_revision: AtomicU64,
    pub sink: Mutex<Option<Arc<dyn Sink>>>,
    /// Earliest deadline in the store, in cluster time; `u64::MAX` = none.
    pub next_deadline_ns: AtomicU64,
    /// Events up to this index have been passed on to the sink.
    pub told_index: AtomicU64,
    /// The store's revision of users and roles.
    pub auth_revision: AtomicU64,
    pub waiters: Waiters,
    pub segments: AtomicU64,
    pub metrics: Metrics,
    pub disk: Arc<RealDisk>,
    notes: Vec<String>,
    lines: Mutex<VecDeque<String>>,
    pub started: Now,
    pub election_ns: u64,
    /// The newest version whose commands the member knows.
    pub speaks: String,
    pub report: Sender<Done>,
    pub store_config: StoreConfig,
    pub dir: DataDir,
    thread: Mutex<Option<JoinHandle<()>>>,
    pub ticker: OnceLock<Ticker>,
    pub alarm: Alarm,
    lock: Mutex<Option<DirLock>>,
}

/// One running member. Clones are handles to the same one.
#[derive(Clone)]
pub struct Member(pub(crate) Arc<Inner>);

/// The moment at which a read sees the store.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Cluster time.
    pub now_ns: u64,
    /// The last applied entry.
    pub raft_index: u64,
    /// Its term.
    pub term: u64,
}

impl Member {
    /// Lock the data directory, recover or create the member, and start its threads. The only voter leads and has
    /// published then; others do so when they can talk to each other.
    ///
    /// # Errors
    /// Why it cannot start. Nothing is left running.
    pub fn open(config: &MemberConfig, fsync: bool) -> Result<Self, EngineError> {
        let disk = RealDisk::new(fsync);
        // A foreign directory is left as it is, without even a lock file.
        DataDir::new(Arc::<RealDisk>::clone(&disk) as Arc<dyn Disk>, &config.data_dir).state()?;
        let lock = DirLock::take(&config.data_dir)?;
        let now = Now::real();
        let mut parts = boot(Arc::<RealDisk>::clone(&disk) as Arc<dyn Disk>, config, now)?;
        parts.lead(config, Now::real(), &mut |_| {})?;
        let clock = parts.replica.clock().clone();
        let (report, done) = unbounded();
        let leads = parts.replica.leads();
        let etcd_index = parts.applier.store.etcd_index();
        let inner = Arc::new(Inner {
            identity: parts.identity,
            core: Mutex::new(Core {
                replica: parts.replica,
                led: leads,
                is_over: false,
                told_leader: (0, 0),
            }),
            role_changed: Condvar::new(),
            applying: Mutex::default(),
            links: OnceLock::new(),
            bell: Doorbell::new(),
            clock,
            offset_ns: AtomicI64::new(0),
            applied: AtomicU64::new(0),
            reads_alone: AtomicBool::new(leads),
            is_current: AtomicBool::new(leads),
            moments: Mutex::default(),
            known_peers: Mutex::default(),
            members_revision: AtomicU64::new(u64::MAX),
            sink: Mutex::new(None),
            next_deadline_ns: AtomicU64::new(u64::MAX),
            told_index: AtomicU64::new(etcd_index),
            auth_revision: AtomicU64::new(0),
            waiters: Waiters::default(),
            segments: AtomicU64::new(parts.wal.segments() as u64),
            metrics: Metrics::default(),
            disk,
            notes: parts.notes,
            lines: Mutex::default(),
            started: now,
            election_ns: config.election_ms.saturating_mul(1_000_000),
            speaks: config.speaks.clone(),
            report,
            store_config: config.store(),
            dir: parts.chores.dir().clone(),
            applier: Mutex::new(parts.applier),
            thread: Mutex::new(None),
            ticker: OnceLock::new(),
            alarm: Alarm::default(),
            lock: Mutex::new(Some(lock)),
        });
        inner.look_at(&inner.applier.lock());
        let log_thread = LogThread::new(inner.clone(), parts.wal, parts.chores, parts.batch, done);
        let handle = log_thread::spawn(log_thread).map_err(|error| {
            EngineError::new(ErrorKind::Io, format!("no thread for the log: {error}"))
        })?;
        *inner.thread.lock() = Some(handle);
        let member = Self(inner);
        match Ticker::start(&member.0) {
            Ok(ticker) => _ = member.0.ticker.set(ticker),
            Err(error) => {
                member.close();
                let message = format!("no thread for heartbeats: {error}");
                return Err(EngineError::new(ErrorKind::Io, message));
            }
        }
        Ok(member)
    }

    /// Send all completions to `sink` from now on. One that comes after the log has failed is told so at once.
    pub fn set_sink(&self, sink: Arc<dyn Sink>) {
        *self.0.sink.lock() = Some(sink.clone());
        let poisoned = self.0.core.lock().replica.poisoned().map(str::to_owned);
        if let Some(why) = poisoned {
            sink.deliver(&mut vec![Completion::Poisoned(why)]);
        }
    }

    /// Propose all writes, each for the ticket with it, under one lock. Gives those that were not taken, with the
    /// reason.
    pub fn propose_many(&self, proposals: &mut Vec<(Write, u64)>) -> Vec<(u64, Refused)> {
        let now = Now::real();
        let mut not_taken = Vec::new();
        self.0.step(now, |replica| {
            for (write, ticket) in proposals.drain(..) {
                if let Err(refused) = replica.propose(now, Body::Write(write), ticket) {
                    not_taken.push((ticket, refused));
                }
            }
            replica.flush(now);
        });
        self.0.metrics.proposals_failed.fetch_add(not_taken.len() as u64, Ordering::Relaxed);
        not_taken
    }

    /// Whether a read of the store as it is sees everything that was answered before it was asked: this member decides
    /// alone. If not, [`Member::read_many`].
    #[must_use]
    pub fn reads_alone(&self) -> bool {
        self.0.reads_alone.load(Ordering::Acquire)
    }

    /// Whether the store is at least as new as the cluster was when this member was started. Before that a plain read
    /// waits, too.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.is_current.load(Ordering::Acquire)
    }

    /// Ask for linearizable reads: [`Completion::Readable`] comes for each when the store may be read.
    pub fn read_many(&self, tickets: &mut Vec<u64>) {
        let now = Now::real();
        self.0.step(now, |replica| {
            tickets.drain(..).for_each(|ticket| replica.read(now, ticket));
            replica.flush(now);
        });
    }

    /// Look at the store, or register a watch. Keep it short: writes wait meanwhile.
    pub fn with_store<R>(&self, look: impl FnOnce(&mut Store, Context) -> R) -> R {
        let now_ns = self.0.clock.at(Now::real());
        let mut applier = self.0.applier.lock();
        let context = Context { now_ns, raft_index: applier.raft_index, term: applier.term };
        look(&mut applier.store, context)
    }

    /// The index up to which the sink has got every notice. Asked before the sink's queue is emptied, it holds for what
    /// was in it.
    #[must_use]
    pub fn told_index(&self) -> u64 {
        self.0.told_index.load(Ordering::Acquire)
    }

    /// Traffic between this member and the others.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.0.core.lock().replica.statistics().clone()
    }

    /// The newest version whose commands this member knows: what it tells the others.
    #[must_use]
    pub fn speaks(&self) -> &str {
        &self.0.speaks
    }

    /// The cluster's members, by id.
    #[must_use]
    pub fn members(&self) -> Vec<MemberInfo> {
        self.0.applier.lock().store.members()
    }

    /// Ids that have left the cluster for ever, in order.
    #[must_use]
    pub fn removed_members(&self) -> Vec<u64> {
        self.0.applier.lock().store.removed_members()
    }

    /// Another number after each change of users, roles or the switch.
    #[must_use]
    pub fn auth_revision(&self) -> u64 {
        self.0.auth_revision.load(Ordering::Acquire)
    }

    /// Counters and histograms.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What recovery found and did, a line each.
    #[must_use]
    pub fn recovery_notes(&self) -> &[String] {
        &self.0.notes
    }

    /// What the member's threads had to say since the last call, a line each, for the log.
    #[must_use]
    pub fn take_log_lines(&self) -> Vec<String> {
        self.0.lines.lock().drain(..).collect()
    }

    /// Give leadership to another member, if this one has it and there is one to take it, so that nobody has to wait
    /// for an election. Waits until that is done, no longer than an election timeout.
    pub fn hand_over(&self) {
        let now = Now::real();
        if !self.0.step(now, |replica| replica.hand_over(now)) {
            return;
        }
        let until = Instant::now() + Duration::from_nanos(self.0.election_ns);
        let mut core = self.0.core.lock();
        while core.replica.leads() {
            if self.0.role_changed.wait_until(&mut core, until).timed_out() {
                return;
            }
        }
    }

    /// Take no more proposals, finish and sync what was taken, end the threads, unlock the directory.
    pub fn close(&self) {
        let mut core = self.0.core.lock();
        core.replica.stop();
        self.0.bell.ring(core);
        // Held meanwhile: whoever else closes must not unlock the directory before the threads have ended.
        let mut thread = self.0.thread.lock();
        if let Some(thread) = thread.take() {
            // A panic there has been turned into poison already, which the front reports.
            let _ = thread.join();
        }
        if let Some(ticker) = self.0.ticker.get() {
            ticker.stop(&self.0.alarm);
        }
        if let Some(links) = self.0.links.get() {
            links.stop();
        }
        self.0.lock.lock().take();
    }
}

/// Lines kept for the log; the oldest goes first.
const LINES_MAX: usize = 1_000;

impl Inner {
    /// A line for the log, which Python writes.
    pub fn log(&self, line: String) {
        let mut lines = self.lines.lock();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// What the replica has to know of the store.
    pub fn seen(&self) -> Seen {
        let next_deadline_ns = match self.next_deadline_ns.load(Ordering::Relaxed) {
            u64::MAX => None,
            deadline_ns => Some(deadline_ns),
        };
        Seen { next_deadline_ns, offset_ns: self.offset_ns.load(Ordering::Relaxed) }
    }
}

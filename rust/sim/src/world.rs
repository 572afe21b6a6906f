//! A member, its disk and its clocks, and what happens to them.

mod faults;

use std::path::PathBuf;
use std::sync::Arc;

use coreos_engine::boot::{Parts, boot};
use coreos_engine::chores::{Job, Moment};
use coreos_engine::replica::{Decided, Seen};
use coreos_engine::{
    COMMANDS_VERSION, Completion, DEFAULT_TOKEN, EngineError, MemberConfig, Now, member_id,
};
use coreos_store::{Action, Body, Command, Notice, RequestId, StoreConfig};
use coreos_wal::{Batch, WalOptions, WriteError};

use crate::Broken;
use crate::checker::{Checker, Problem};
use crate::disk::SimDisk;
use crate::rng::Rng;
use crate::totals::Totals;
use crate::workload;

const MS: u64 = 1_000_000;
/// A moment in 2026: the wall clock at the birth of the world.
const BIRTH_WALL_NS: u64 = 1_780_000_000_000_000_000;

/// One life of the member, between a start and a stop or a crash.
struct Life {
    parts: Parts,
    batch: Batch,
    jobs: Vec<Job>,
    applied: u64,
    written_bytes: u64,
    sequence: u64,
    started_mono_ns: u64,
}

/// The entries with which the log of its only member begins.
fn founders(config: &MemberConfig) -> Vec<Command> {
    let ids = config.initial_cluster.iter().map(|(_, urls)| {
        let token = config.token.as_deref().unwrap_or(DEFAULT_TOKEN);
        (member_id(urls, token), urls.clone())
    });
    let bodies = ids.map(|(id, peer_urls)| Body::AddMember { id, peer_urls, is_learner: false });
    bodies.map(|body| Command { request: RequestId::default(), time_ns: 0, body }).collect()
}

pub(crate) struct World {
    disk: SimDisk,
    config: MemberConfig,
    broken: Option<Broken>,
    checker: Checker,
    life: Option<Life>,
    mono_ns: u64,
    wall_ns: u64,
    /// How long the member had been on in former lives.
    on_before_ns: u64,
    /// The last stop has left its commit index as the last batch of the log.
    commit_is_last: bool,
    totals: Totals,
}

impl World {
    pub fn new(rng: &mut Rng, broken: Option<Broken>) -> Self {
        let urls = vec!["http://127.0.0.1:2380".to_owned()];
        let config = MemberConfig {
            data_dir: PathBuf::from("/sim/member"),
            name: "sim".to_owned(),
            initial_cluster: vec![("sim".to_owned(), urls.clone())],
            joining: None,
            force_new_cluster: false,
            heartbeat_ms: 100,
            election_ms: 1_000,
            token: None,
            peer_urls: urls,
            client_urls: vec!["http://127.0.0.1:2379".to_owned()],
            snapshot_count: Some(40 + rng.below(160)),
            max_snapshots: 2,
            history_bytes: 1 << 20,
            upstream: false,
            limits: Default::default(),
            wal: WalOptions {
                segment_bytes: 16 << 10 << rng.below(3),
                nonce_seed: Some(rng.next_u64()),
            },
            speaks: COMMANDS_VERSION.to_owned(),
        };
        let store = StoreConfig { history_bytes: config.history_bytes, ..StoreConfig::default() };
        Self {
            disk: SimDisk::new(broken == Some(Broken::IgnoresSync)),
            broken,
            checker: Checker::new(store, founders(&config)),
            life: None,
            mono_ns: 1,
            wall_ns: BIRTH_WALL_NS,
            on_before_ns: 0,
            commit_is_last: false,
            totals: Totals::default(),
            config,
        }
    }

    pub fn totals(&self) -> Totals {
        Totals { disk: self.disk.totals(), ..self.totals }
    }

    fn now(&self) -> Now {
        let pace = if self.broken == Some(Broken::RunsFast) { 2 } else { 1 };
        Now { mono_ns: self.mono_ns * pace, wall_ns: self.wall_ns }
    }

    fn on_ns(&self) -> u64 {
        let this_life = self.life.as_ref().map_or(0, |life| self.mono_ns - life.started_mono_ns);
        self.on_before_ns + this_life
    }

    pub fn step(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        if self.life.is_some() && self.disk.is_off() {
            self.crash(rng)?;
        }
        if self.life.is_none() {
            self.start(rng)?;
        }
        match rng.below(20) {
            0..8 => self.propose(rng),
            8..14 => self.drive(rng)?,
            14 | 15 => self.pass(rng.below(300) * MS),
            16 => self.do_a_job(rng),
            17 => self.read(rng)?,
            18 => self.wall_ns = BIRTH_WALL_NS + rng.below(100_000) * MS,
            _ => self.fault(rng)?,
        }
        Ok(())
    }

    /// Mend everything, let it settle, and look once more, also after another start.
    pub fn finish(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        if self.disk.is_off() {
            self.crash(rng)?;
        }
        self.disk.limit(None);
        for _ in 0..2 {
            if self.life.is_none() {
                self.start(rng)?;
            }
            self.disk.disarm();
            self.pass(5_000 * MS);
            self.drive(rng)?;
            self.do_jobs();
            self.settle(rng)?;
            if self.life.is_none() {
                return Err("the member died although nothing went wrong".to_owned());
            }
            self.checker.all_told()?;
            self.stop(rng)?;
        }
        Ok(())
    }

    fn pass(&mut self, ns: u64) {
        self.mono_ns += ns;
        self.wall_ns += ns;
    }

    fn propose(&mut self, rng: &mut Rng) {
        let now = self.now();
        let Some(life) = &mut self.life else { return };
        for _ in 0..=rng.below(3) {
            self.totals.proposed += 1;
            let body = workload::body(rng);
            // Whoever is refused at once is told so, and nothing is expected of it.
            if life.parts.replica.propose(now, body, 1 + life.sequence).is_ok() {
                life.sequence += 1;
            }
        }
    }

    /// One round of the driver, as the log thread does it.
    fn drive(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        let (now, on_ns) = (self.now(), self.on_ns());
        let Some(life) = &mut self.life else { return Ok(()) };
        let deadline_ns = life.parts.applier.store.next_deadline_ns();
        let offset_ns = life.parts.applier.store.offset_ns();
        life.parts.replica.tick(now, Seen { next_deadline_ns: deadline_ns, offset_ns });
        let has_ttl = deadline_ns.is_some();
        if let Some(writing) = life.parts.replica.fill(now, has_ttl, &mut life.batch) {
            let bytes = life.batch.payload_bytes() as u64;
            if self.broken == Some(Broken::AnswersBeforeSync) {
                life.parts.replica.written(now, &writing);
                Self::apply(&mut self.checker, &mut self.totals, life, on_ns)?;
            }
            match life.parts.wal.write(&mut life.batch) {
                Err(WriteError::NoSpace(why)) if self.broken != Some(Broken::AnswersRefused) => {
                    life.batch.clear();
                    life.parts.chores.disk_is_full(now);
                    let back = life.parts.replica.refused(now, writing, why);
                    self.totals.refused += back.len() as u64;
                    back.iter().for_each(|one| self.checker.refuse(one.request));
                }
                Err(WriteError::Poisoned(_) | WriteError::TooLarge) => {
                    return self.crash(rng);
                }
                Ok(()) | Err(WriteError::NoSpace(_)) => {
                    life.batch.clear();
                    life.written_bytes += bytes;
                    life.parts.replica.written(now, &writing);
                    Self::apply(&mut self.checker, &mut self.totals, life, on_ns)?;
                }
            }
        }
        self.find_jobs();
        Ok(())
    }

    fn apply(
        checker: &mut Checker,
        totals: &mut Totals,
        life: &mut Life,
        on_ns: u64,
    ) -> Result<(), Problem> {
        let decided: Vec<Decided> = life.parts.replica.take_decided().collect();
        for mut one in decided {
            one.decode(COMMANDS_VERSION).map_err(|error| error.to_string())?;
            checker.decide(&one, on_ns)?;
            life.applied = one.index;
            let mut completions = Vec::new();
            let Decided { ref command, ticket, .. } = one;
            let position = one.position();
            life.parts.applier.apply(position, command.as_ref(), ticket, &mut completions);
            life.parts.applier.notify(&mut completions);
            for completion in completions {
                match completion {
                    Completion::Applied { applied, raft_index, .. } => {
                        totals.answered += 1;
                        checker.answer(raft_index, &applied)?;
                    }
                    Completion::Notices(notices) => {
                        totals.events += notices.len() as u64;
                        let events = || notices.iter().filter_map(Notice::event);
                        let expiries = events().filter(|event| event.action() == Action::Expire);
                        totals.expiries += expiries.count() as u64;
                        checker.told(events())?;
                    }
                    Completion::AuthChanged | Completion::Readable { .. } => {}
                    Completion::Poisoned(why) => return Err(why),
                }
            }
        }
        Ok(())
    }

    fn find_jobs(&mut self) {
        let now = self.now();
        let Some(life) = &mut self.life else { return };
        let Parts { chores, wal, applier, .. } = &mut life.parts;
        let moment =
            || Moment { term: applier.term, index: applier.raft_index, view: applier.store.view() };
        life.jobs.extend(chores.next_job(now, wal, life.applied, life.written_bytes, moment));
    }

    /// Jobs take their time: any of those begun may be the next to end.
    fn do_a_job(&mut self, rng: &mut Rng) {
        let now = self.now();
        let Some(life) = &mut self.life else { return };
        if life.jobs.is_empty() {
            return;
        }
        let job = life.jobs.swap_remove(rng.place(life.jobs.len()));
        let is_snapshot = matches!(job, Job::Snapshot(_));
        let done = job.run();
        let after = life.parts.chores.done(done, now, &mut life.parts.wal);
        if let Some(news) = after.news {
            self.totals.snapshots += u64::from(is_snapshot);
            life.parts.replica.hear(now, news);
        }
    }

    fn do_jobs(&mut self) {
        let mut any = Rng::new(0);
        self.find_jobs();
        while self.life.as_ref().is_some_and(|life| !life.jobs.is_empty()) {
            self.do_a_job(&mut any);
            self.find_jobs();
        }
    }

    /// Drive the member until nothing is left to write, or until it dies of a fault on the way.
    fn settle(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        while self.life.as_ref().is_some_and(|life| life.parts.replica.has_urgent()) {
            self.drive(rng)?;
        }
        let Some(life) = &mut self.life else { return Ok(()) };
        self.checker.compare(life.applied, &mut life.parts.applier.store)
    }

    fn read(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        let now_ns = match &self.life {
            Some(life) => life.parts.replica.clock().at(self.now()),
            None => return Ok(()),
        };
        let Some(life) = &mut self.life else { return Ok(()) };
        self.checker.read(&mut life.parts.applier.store, workload::path(rng), now_ns)
    }

    /// Start the member, or let the power go once more while it starts.
    fn start(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        // Whoever starts a member that found its disk full has made room before, or not.
        if self.totals.starts == 0 || rng.one_in(2) {
            self.disk.limit(None);
        }
        if rng.one_in(6) {
            self.disk.cut_power_after(rng.below(60));
        }
        self.totals.starts += 1;
        let failed_syncs = self.disk.totals().failed_syncs;
        let started_mono_ns = self.mono_ns;
        match self.boot_and_lead()? {
            Ok(parts) => {
                let applied = parts.applier.raft_index;
                self.totals.read_only_starts += u64::from(parts.replica.read_only().is_some());
                let mut life = Life {
                    parts,
                    batch: Batch::new(),
                    jobs: Vec::new(),
                    applied,
                    written_bytes: 0,
                    sequence: 0,
                    started_mono_ns,
                };
                self.checker.compare(applied, &mut life.parts.applier.store)?;
                self.checker.watch(&mut life.parts.applier.store)?;
                self.life = Some(life);
                self.disk.disarm();
                Ok(())
            }
            Err(_) if self.disk.is_off() || self.disk.totals().failed_syncs > failed_syncs => {
                self.totals.interrupted_starts += 1;
                self.disk.crash(rng);
                self.start(rng)
            }
            Err(error) => Err(format!("the member does not start: {error}")),
        }
    }

    /// The outer error is a broken promise, the inner one a start that did not succeed.
    fn boot_and_lead(&mut self) -> Result<Result<Parts, EngineError>, Problem> {
        let now = self.now();
        let on_ns = self.on_ns();
        let mut parts = match boot(Arc::new(self.disk.clone()), &self.config, now) {
            Ok(parts) => parts,
            Err(error) => return Ok(Err(error)),
        };
        let (checker, mut problem) = (&mut self.checker, None);
        let led = parts.lead(&self.config, now, &mut |decided| {
            if let Err(found) = checker.decide(decided, on_ns) {
                problem.get_or_insert(found);
            }
        });
        match problem {
            Some(problem) => Err(problem),
            None => Ok(led.map(|()| parts)),
        }
    }

    fn end_life(&mut self) {
        self.on_before_ns = self.on_ns();
        self.life = None;
    }

    fn crash(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        self.end_life();
        self.disk.crash(rng);
        // Off for a while: the wall clock goes on, the monotonic one begins somewhere.
        self.wall_ns += rng.below(100_000) * MS;
        Ok(())
    }

    fn stop(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        // It may die on the way.
        self.commit_is_last = false;
        if let Some(life) = &mut self.life {
            life.parts.replica.stop();
        }
        self.settle(rng)?;
        // What is written last is the commit index, alone, unless the disk is full.
        self.drive(rng)?;
        if let Some(life) = &self.life {
            self.commit_is_last = !life.parts.replica.raft().has_news();
            self.totals.stops += 1;
            self.end_life();
        }
        Ok(())
    }
}

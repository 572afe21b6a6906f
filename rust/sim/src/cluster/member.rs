//! One member: its disk and clocks, which stay, and its process, which comes and goes.

use std::path::PathBuf;
use std::sync::Arc;

use coreos_engine::boot::{Parts, boot};
use coreos_engine::chores::Job;
use coreos_engine::replica::Writing;
use coreos_engine::{
    COMMANDS_VERSION, Completion, EngineError, Joining, Limits, MemberConfig, Now,
};
use coreos_store::StoreView;
use coreos_wal::{Batch, WalOptions};

use super::event::{Event, Process};
use super::{Cluster, MS};
use crate::disk::{DiskTotals, SimDisk};
use crate::rng::Rng;

/// A moment in 2026: the wall clock at the birth of the world.
const BIRTH_WALL_NS: u64 = 1_780_000_000_000_000_000;

/// A host's clocks against the world's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clocks {
    pub origin_ns: u64,
    /// How much faster than the world the monotonic one runs, in millionths.
    pub faster_ppm: u64,
    pub wall_ahead_ns: u64,
}

impl Clocks {
    pub fn now(&self, world_ns: u64) -> Now {
        let ran_ns = world_ns + world_ns / 1_000_000 * self.faster_ppm;
        Now {
            mono_ns: self.origin_ns + ran_ns,
            wall_ns: BIRTH_WALL_NS + world_ns + self.wall_ahead_ns,
        }
    }
}

/// A member that is running.
pub(super) struct Life {
    pub number: u64,
    pub parts: Parts,
    pub batch: Batch,
    /// What the batch is for, from its filling until it is told to be durable.
    pub writing: Option<Writing>,
    /// Nobody waited for what was in the last batch: it has no entry.
    pub is_patient: bool,
    /// When the log thread looks again; 0 = it is busy.
    pub log_due_ns: u64,
    pub jobs: Vec<Job>,
    pub moments: Vec<(u64, StoreView)>,
    /// Reads that wait for an entry.
    pub readable: Vec<(u64, u64)>,
    /// Answers to those who have asked for this member's removal, until nobody needs it any more.
    pub leaving: Vec<Completion>,
    /// Somebody holds the applying lock.
    pub applies_later: bool,
    pub written_bytes: u64,
    /// What others had been shown when it started.
    pub floor: u64,
    pub is_current: bool,
    pub seen: super::invariants::Seen,
}

/// What has become of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It belongs to the cluster, and is started again when it has ended.
    Belongs,
    /// It has been taken out, and goes on, across restarts too, until it knows that nobody needs it.
    Leaving,
    /// It has left the cluster, or its data is lost: it never comes back.
    Gone,
}

/// See the module.
pub(super) struct Slot {
    pub id: u64,
    pub config: MemberConfig,
    pub disk: SimDisk,
    pub clocks: Clocks,
    pub life: Option<Life>,
    pub lives: u64,
    pub fate: Fate,
    /// It has ended because it was told, or had decided, that it was taken out.
    pub has_left: bool,
    pub paused_until_ns: u64,
    pub slow_until_ns: u64,
    /// The last stop was a clean one and left nothing but the commit index in the last batch.
    pub commit_is_last: bool,
    pub told: super::invariants::Told,
}

/// How a member of the simulated cluster is set up.
pub(super) struct Setup {
    pub number: usize,
    pub snapshot_count: u64,
    pub kept_bytes: usize,
    pub founders: usize,
    pub joining: Option<Joining>,
}

pub(super) fn urls(number: usize) -> Vec<String> {
    vec![format!("http://10.0.0.{number}:2380")]
}

impl Slot {
    pub fn new(setup: &Setup, rng: &mut Rng) -> Self {
        let number = setup.number;
        let name = |number| format!("m{number}");
        let config = MemberConfig {
            data_dir: PathBuf::from("/sim"),
            name: name(number),
            initial_cluster: (1..=setup.founders).map(|n| (name(n), urls(n))).collect(),
            joining: setup.joining,
            force_new_cluster: false,
            heartbeat_ms: 100,
            election_ms: 1_000,
            token: None,
            peer_urls: urls(number),
            client_urls: vec![format!("http://10.0.0.{number}:2379")],
            snapshot_count: Some(setup.snapshot_count),
            max_snapshots: 2,
            history_bytes: 1 << 20,
            upstream: false,
            limits: Limits {
                ready_bytes: 4 << 10,
                append_bytes: 1 << 10 << rng.below(3),
                kept_bytes: setup.kept_bytes,
                ..Limits::default()
            },
            wal: WalOptions { segment_bytes: 16 << 10, nonce_seed: Some(rng.next_u64()) },
            speaks: COMMANDS_VERSION.to_owned(),
        };
        let id = match setup.joining {
            Some(joining) => joining.member_id,
            None => coreos_engine::member_id(&config.peer_urls, coreos_engine::DEFAULT_TOKEN),
        };
        let clocks = Clocks {
            origin_ns: rng.below(1_000_000) * MS,
            faster_ppm: rng.below(3) * super::time::FASTER_PPM_MAX / 2,
            wall_ahead_ns: rng.below(10_000) * MS,
        };
        Self {
            id,
            config,
            disk: SimDisk::new(false),
            clocks,
            life: None,
            lives: 0,
            fate: Fate::Belongs,
            has_left: false,
            paused_until_ns: 0,
            slow_until_ns: 0,
            commit_is_last: false,
            told: super::invariants::Told::default(),
        }
    }
}

impl Cluster {
    pub(super) fn now(&self, slot: usize) -> Now {
        self.slots[slot].clocks.now(self.now_ns)
    }

    pub(super) fn process(&self, slot: usize) -> Option<Process> {
        let life = self.slots[slot].life.as_ref()?;
        Some(Process { slot, life: life.number })
    }

    pub(super) fn slot_of(&self, id: u64) -> Option<usize> {
        self.slots.iter().position(|slot| slot.id == id)
    }

    pub(super) fn living(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|&slot| self.slots[slot].life.is_some()).collect()
    }

    /// Start a member, or let the power go while it starts.
    pub(super) fn start(&mut self, s: usize) {
        let slot = &mut self.slots[s];
        if slot.life.is_some() || slot.fate == Fate::Gone {
            return;
        }
        if self.is_chaotic && self.rngs.faults.one_in(12) {
            slot.disk.cut_power_after(self.rngs.faults.below(60));
        }
        self.totals.starts += 1;
        let before = slot.disk.totals();
        match self.boot(s) {
            Ok(parts) => self.begin_life(s, parts),
            Err(_) if self.slots[s].disk.is_off() || self.has_failed(s, before) => {
                self.totals.interrupted_starts += 1;
                self.slots[s].disk.crash(&mut self.rngs.disk);
                let at_ns = self.now_ns + 10 * MS;
                self.events.add(at_ns, Event::Start(s));
            }
            Err(error) => self.fail(format!("member {s} does not start: {error}")),
        }
    }

    /// The disk has refused something since.
    fn has_failed(&self, s: usize, before: DiskTotals) -> bool {
        let now = self.slots[s].disk.totals();
        (now.failed_syncs, now.refused) != (before.failed_syncs, before.refused)
    }

    pub(super) fn boot(&mut self, s: usize) -> Result<Parts, EngineError> {
        let now = self.now(s);
        let slot = &mut self.slots[s];
        let mut parts = boot(Arc::new(slot.disk.clone()), &slot.config, now)?;
        let (judge, mut problem) = (&mut self.judge, None);
        let config = &slot.config;
        let world_ns = self.now_ns;
        parts.lead(config, now, &mut |one| {
            // What a member that decides alone makes on its way.
            judge.births.born(one.term, one.index, world_ns);
            problem = problem.take().or(judge.decide(one).err());
        })?;
        if let Some(problem) = problem {
            self.fail(problem);
        }
        Ok(parts)
    }

    fn begin_life(&mut self, s: usize, parts: Parts) {
        let slot = &mut self.slots[s];
        let leads = parts.replica.leads();
        slot.disk.disarm();
        slot.lives += 1;
        slot.commit_is_last = false;
        let life = Life {
            number: slot.lives,
            parts,
            batch: Batch::new(),
            writing: None,
            is_patient: false,
            log_due_ns: 0,
            jobs: Vec::new(),
            moments: Vec::new(),
            readable: Vec::new(),
            leaving: Vec::new(),
            applies_later: false,
            written_bytes: 0,
            floor: self.judge.floor(),
            // Who decides alone has nobody to ask.
            is_current: leads,
            seen: super::invariants::Seen::default(),
        };
        let process = Process { slot: s, life: life.number };
        slot.life = Some(life);
        self.trace(|| format!("m{s} starts"));
        self.check_start(s);
        self.events.add(self.now_ns, Event::Tick(process));
        self.wake_log(s, self.now_ns);
        let id = self.slots[s].id;
        for other in self.living() {
            let delay_ns = self.rngs.network.below(20) * MS;
            let Some(peer) = self.process(other).filter(|_| other != s) else { continue };
            self.events
                .add(self.now_ns + delay_ns, Event::Link(peer, super::event::Link::Connected(id)));
            let other = super::event::Link::Connected(self.slots[other].id);
            self.events.add(self.now_ns + delay_ns, Event::Link(process, other));
        }
        self.change(s, |_, _| {});
    }

    /// Whether there was one. A member that decides alone may have noted as decided what it had no time to apply: no
    /// other can tell of it.
    fn end_life(&mut self, s: usize) -> bool {
        let Some(mut life) = self.slots[s].life.take() else { return false };
        let replica = &mut life.parts.replica;
        if replica.is_sole_voter() {
            let problem = replica.take_decided().find_map(|one| self.judge.decide(&one).err());
            if let Some(problem) = problem {
                self.fail(format!("member {s}: {problem}"));
            }
        }
        true
    }

    /// The process ends; what it had written and not synced stays with the system.
    pub(super) fn kill(&mut self, s: usize) {
        if !self.end_life(s) {
            return;
        }
        self.trace(|| format!("m{s} ends"));
        self.network.tell_of_end(&self.slots, s, self.now_ns, &mut self.events, &mut self.rngs);
        self.slots[s].paused_until_ns = 0;
        self.restart_later(s);
    }

    /// The power goes.
    pub(super) fn crash(&mut self, s: usize) {
        let was_alive = self.end_life(s);
        let slot = &mut self.slots[s];
        slot.disk.crash(&mut self.rngs.disk);
        slot.clocks.wall_ahead_ns += self.rngs.faults.below(100) * MS;
        slot.paused_until_ns = 0;
        self.trace(|| format!("m{s} crashes"));
        if was_alive {
            self.restart_later(s);
        }
    }

    fn restart_later(&mut self, s: usize) {
        let longest = if self.rngs.faults.one_in(4) { 8_000 } else { 1_500 };
        let delay_ns = if self.is_chaotic { self.rngs.faults.below(longest) } else { 5 } * MS;
        self.events.add(self.now_ns + delay_ns, Event::Start(s));
    }
}

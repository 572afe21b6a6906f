//! Clusters: the real engine of every member, on simulated disks, clocks and links, from one seed.
//!
//! Each member is `boot`, `Replica`, `Applier`, `Chores` and `Wal` as the engine's threads drive them: the ticker, the
//! log thread, the links' threads and the proposers are events that interleave finely. A batch that has been filled,
//! and whose frames are on their way, may be written much later, or never; what is decided may be applied later; a
//! process may end, a power may go and a pause may begin between any two of these.
//!
//! The [judge] is a store of its own that applies the first decision of every index.

mod admin;
mod clients;
mod driving;
mod event;
mod faults;
mod invariants;
mod judge;
mod log;
mod member;
mod network;
mod run;
mod snapshots;
mod time;
mod totals;
mod watchers;

pub use faults::{ALL_FAULTS, FaultKind};
pub use run::{Plan, run, shrink};
pub use totals::ClusterTotals;

use crate::checker::Problem;
use crate::rng::Rng;
use event::{Event, Events};
use member::{Fate, Setup, Slot};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Of every member.
const ELECTION_NS: u64 = SECOND;

/// A cluster whose members break one rule on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// One of consensus.
    Raft(coreos_raft::Broken),
    /// A batch is said to be durable before it is written.
    AckBeforeSync,
    /// Two neighbouring entries are applied in the wrong order.
    AppliesOutOfOrder,
    /// A command that has been proposed twice is applied twice.
    AppliesTwice,
    /// A watcher is not told that a snapshot has left a gap.
    HidesGap,
}

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Raft(rule) => write!(f, "{rule:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// All of them, for the control that each is caught.
pub const BROKEN_RULES: [BrokenRule; 10] = [
    BrokenRule::Raft(coreos_raft::Broken::VoteNotPersisted),
    BrokenRule::Raft(coreos_raft::Broken::OlderTermCommitted),
    BrokenRule::AckBeforeSync,
    BrokenRule::Raft(coreos_raft::Broken::ReadWithoutQuorum),
    BrokenRule::AppliesOutOfOrder,
    BrokenRule::Raft(coreos_raft::Broken::SuffixKept),
    BrokenRule::Raft(coreos_raft::Broken::HardStateLost),
    BrokenRule::Raft(coreos_raft::Broken::ChangeTooEarly),
    BrokenRule::AppliesTwice,
    BrokenRule::HidesGap,
];

/// One for each part of the world, so that one part's chances hardly move another's.
struct Rngs {
    disk: Rng,
    network: Rng,
    clients: Rng,
    faults: Rng,
    threads: Rng,
}

/// A cluster and everything around it.
struct Cluster {
    now_ns: u64,
    events: Events,
    rngs: Rngs,
    slots: Vec<Slot>,
    network: network::Network,
    clients: Vec<clients::Client>,
    watchers: Vec<watchers::Watcher>,
    admin: admin::Admin,
    judge: judge::Judge,
    invariants: invariants::Invariants,
    totals: ClusterTotals,
    plan: Plan,
    broken: Option<BrokenRule>,
    /// Things go wrong and clients ask; then it heals.
    is_chaotic: bool,
    is_traced: bool,
    problem: Option<Problem>,
}

impl Cluster {
    fn new(seed: u64, plan: Plan, broken: Option<BrokenRule>) -> Self {
        let mut rng = Rng::new(seed ^ 0x636c_7573_7465_7200);
        let mut fork = || Rng::new(rng.next_u64());
        let rngs = Rngs {
            disk: fork(),
            network: fork(),
            clients: fork(),
            faults: fork(),
            threads: fork(),
        };
        let founders = if rng.one_in(3) { 5 } else { 3 };
        let snapshot_count = 20 + rng.below(60);
        let kept_bytes = 1 << 10 << rng.below(5);
        let slots: Vec<Slot> = (1..=founders)
            .map(|number| {
                let setup = Setup { number, snapshot_count, kept_bytes, founders, joining: None };
                Slot::new(&setup, &mut rng)
            })
            .collect();
        let judge = judge::Judge::new(&slots);
        let mut made = Self {
            now_ns: 0,
            events: Events::default(),
            rngs,
            network: network::Network::default(),
            clients: (0..plan.clients).map(|_| clients::Client::default()).collect(),
            watchers: (0..plan.watchers).map(|_| watchers::Watcher::default()).collect(),
            admin: admin::Admin::new(founders, snapshot_count, kept_bytes),
            judge,
            slots,
            invariants: invariants::Invariants::default(),
            totals: ClusterTotals::default(),
            plan,
            broken,
            is_chaotic: true,
            is_traced: std::env::var_os("COREOS_SIM_TRACE").is_some(),
            problem: None,
        };
        made.begin();
        made
    }

    fn begin(&mut self) {
        for slot in 0..self.slots.len() {
            let at_ns = self.rngs.threads.below(50) * MS;
            self.events.add(at_ns, Event::Start(slot));
        }
        for client in 0..self.clients.len() {
            let at_ns = self.rngs.clients.below(2_000) * MS;
            self.events.add(at_ns, Event::Client(client, 0));
        }
        for watcher in 0..self.watchers.len() {
            let at_ns = self.rngs.clients.below(3_000) * MS;
            self.events.add(at_ns, Event::Watcher(watcher, 0));
        }
        self.events.add(SECOND, Event::Fault);
    }

    fn fail(&mut self, problem: impl Into<Problem>) {
        let problem = problem.into();
        self.trace(|| format!("BROKEN: {problem}"));
        self.problem.get_or_insert(problem);
    }

    fn breaks(&self, rule: BrokenRule) -> bool {
        self.broken == Some(rule)
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if self.is_traced {
            eprintln!("{:>12.3} ms  {}", self.now_ns as f64 / MS as f64, line());
        }
    }

    /// Let the next thing happen.
    fn step(&mut self) {
        let Some((at_ns, event)) = self.events.next() else {
            return self.fail("nothing is going to happen any more");
        };
        self.now_ns = at_ns;
        let slot = match (&event, event.process()) {
            (_, Some(process)) => {
                if self.process(process.slot) != Some(process) {
                    return;
                }
                Some(process.slot)
            }
            (Event::Frame { to, .. }, _) => self.slot_of(*to),
            (Event::Parcel(parcel), _) => self.slot_of(parcel.to),
            _ => None,
        };
        if let Some(until_ns) = slot.map(|slot| self.slots[slot].paused_until_ns)
            && until_ns > at_ns
        {
            return self.events.add(until_ns, event);
        }
        self.happen(event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Frame { from, to, frame } => self.frame_arrives(from, to, frame),
            Event::Link(process, link) => self.hear_link(process.slot, link),
            Event::Tick(process) => self.tick(process),
            Event::Log(process) => self.look(process.slot),
            Event::Write(process) => self.write(process),
            Event::Written(process) => self.written(process.slot),
            Event::Job(process) => self.end_job(process.slot),
            Event::CarryOut(process) => self.let_go(process.slot),
            Event::Parcel(parcel) => self.parcel_arrives(parcel),
            Event::ParcelEnded(process, to, reached) => {
                self.change(process.slot, |replica, now| replica.snapshot_ended(now, to, reached));
            }
            Event::Stop(process) => self.stop(process.slot),
            Event::End(process) => self.kill(process.slot),
            Event::Start(slot) => self.start(slot),
            Event::Client(client, token) => self.client_acts(client, token),
            Event::Watcher(watcher, token) => self.watcher_acts(watcher, token),
            Event::Fault => self.next_fault(),
            Event::Mend(number) => self.network.mend(number),
            Event::Room(slot) => self.slots[slot].disk.limit(None),
        }
    }
}

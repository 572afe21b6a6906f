//! One run: a seed, its chaos, its healing, its verdict; and the smallest run that fails as well.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{ALL_FAULTS, BrokenRule, Cluster, ClusterTotals, ELECTION_NS, FaultKind};
use crate::checker::Problem;
use crate::run::Failure;

/// How much happens in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A bit for each [`FaultKind`].
    pub faults: u32,
    /// Clients that write and read.
    pub clients: usize,
    /// Watchers.
    pub watchers: usize,
    /// It is not over before clients have asked so often,
    pub operations: u64,
    /// and so many faults have been.
    pub fault_count: u64,
    /// It heals after so many steps in any case.
    pub steps: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            faults: u32::MAX,
            clients: 6,
            watchers: 3,
            operations: 500,
            fault_count: 12,
            steps: 200_000,
        }
    }
}

impl Plan {
    /// From its text: fault kinds in base 16, clients, watchers, steps.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(',');
        let faults = u32::from_str_radix(words.next()?, 16).ok()?;
        let (clients, watchers) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let steps = words.next()?.parse().ok()?;
        Some(Self { faults, clients, watchers, steps, ..Self::default() })
    }

    /// Whether this kind of fault may happen.
    #[must_use]
    pub fn has(&self, kind: FaultKind) -> bool {
        self.faults & (1 << kind as u32) != 0
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { faults, clients, watchers, steps, .. } = self;
        write!(f, "{faults:x},{clients},{watchers},{steps}")
    }
}

/// Elections' time after which everything that was asked has to be over, once nothing goes wrong any more.
const HEALED_ELECTIONS: u64 = 20;
/// The logs of all members are compared with each other so often.
const LOGS_EVERY: u64 = 512;

/// Run one seed with a sound cluster, or with one that breaks a rule.
///
/// # Errors
/// A promise was broken, or the program panicked.
pub fn run(seed: u64, plan: Plan, broken: Option<BrokenRule>) -> Result<ClusterTotals, Failure> {
    let rule = match broken {
        Some(BrokenRule::Raft(rule)) => Some(rule),
        _ => None,
    };
    coreos_raft::break_rule(rule);
    let mut cluster = Cluster::new(seed, plan, broken);
    let ran = catch_unwind(AssertUnwindSafe(|| cluster.run()));
    coreos_raft::break_rule(None);
    let problem = match ran {
        Ok(Ok(())) => return Ok(cluster.totals()),
        Ok(Err(problem)) => problem,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            format!("panic: {}", text.unwrap_or("of an unknown kind"))
        }
    };
    Err(Failure { seed, step: cluster.totals.steps, problem })
}

impl Cluster {
    fn run(&mut self) -> Result<(), Problem> {
        while !self.is_over() {
            self.one_step()?;
        }
        self.heal();
        let until_ns = self.now_ns + HEALED_ELECTIONS * ELECTION_NS;
        while !self.is_settled() {
            if self.now_ns > until_ns {
                return Err(format!("it does not heal: {}", self.what_is_left()));
            }
            self.one_step()?;
        }
        for s in self.living() {
            self.check_installed(s);
        }
        self.check_left();
        self.problem.take().map_or(Ok(()), Err)
    }

    fn one_step(&mut self) -> Result<(), Problem> {
        self.totals.steps += 1;
        self.step();
        if self.totals.steps.is_multiple_of(LOGS_EVERY) {
            self.check_logs();
        }
        self.problem.take().map_or(Ok(()), Err)
    }

    fn is_over(&self) -> bool {
        let (faults, kinds) = self.totals.fault_count();
        let is_enough = faults >= self.plan.fault_count && kinds >= 3;
        let has_asked = self.totals.asked >= self.plan.operations;
        (is_enough && has_asked) || self.totals.steps >= self.plan.steps
    }

    /// Members that have to be there in the end.
    fn needed(&self) -> Vec<usize> {
        let members = self.judge.members();
        let ids = members.iter().map(|member| member.id);
        let slots = ids.filter_map(|id| self.slot_of(id));
        slots.filter(|&s| self.slots[s].fate == super::Fate::Belongs).collect()
    }

    /// One leads, all members stand where it does, nobody waits.
    fn is_settled(&self) -> bool {
        let needed = self.needed();
        let leaders = needed.iter().filter(|&&s| self.leads(s)).count();
        let decided = self.judge.decided();
        let stands = |s: &usize| {
            self.slots[*s].life.as_ref().is_some_and(|life| {
                let raft = life.parts.replica.raft();
                life.parts.applier.raft_index == decided && raft.last().index == decided
            })
        };
        leaders == 1
            && needed.iter().all(stands)
            && !self.clients.iter().any(super::clients::Client::waits)
            && self.watchers.iter().all(|watcher| watcher.seen == self.judge.events())
    }

    fn what_is_left(&self) -> String {
        let of = |s: usize| {
            let Some(life) = &self.slots[s].life else { return format!("m{s} is off") };
            let raft = life.parts.replica.raft();
            format!(
                "m{s} {:?} {:?} {:?} leader {:x} last {:?} persisted {} applied {} disk {:?} busy {} voters {:x?}",
                self.slots[s].fate,
                raft.role(),
                raft.hard_state(),
                raft.leader(),
                raft.last(),
                raft.persisted_index(),
                life.parts.applier.raft_index,
                life.parts.replica.read_only(),
                life.writing.is_some(),
                raft.membership(),
            )
        };
        let members: Vec<String> = (0..self.slots.len()).map(of).collect();
        let waiting = self.clients.iter().filter(|client| client.waits()).count();
        let seen: Vec<usize> = self.watchers.iter().map(|watcher| watcher.seen).collect();
        format!(
            "decided {}, needed {:?}, {waiting} clients wait, watchers saw {seen:?} of {} events; {}",
            self.judge.decided(),
            self.needed(),
            self.judge.events(),
            members.join("; ")
        )
    }

    fn totals(&self) -> ClusterTotals {
        let mut totals = self.totals;
        totals.ms = self.now_ns / super::MS;
        totals.decided = self.judge.decided();
        totals.repeated = self.judge.repeated;
        totals.expiries = self.judge.expiries;
        for slot in &self.slots {
            let disk = slot.disk.totals();
            totals.crashes += disk.crashes;
            totals.torn += disk.torn;
        }
        totals.close();
        totals
    }
}

/// The smallest run of the seed that was found to fail as well: fewer kinds of faults, clients and steps.
#[must_use]
pub fn shrink(seed: u64, broken: Option<BrokenRule>) -> Option<(Plan, Failure)> {
    let mut plan = Plan::default();
    let mut failure = run(seed, plan, broken).err()?;
    let attempt = |smaller: Plan, plan: &mut Plan, failure: &mut Failure| {
        if let Err(found) = run(seed, smaller, broken) {
            (*plan, *failure) = (smaller, found);
        }
    };
    for kind in ALL_FAULTS {
        let faults = plan.faults & !(1 << kind as u32);
        attempt(Plan { faults, ..plan }, &mut plan, &mut failure);
    }
    for clients in 0..plan.clients {
        let before = plan.clients;
        attempt(Plan { clients, ..plan }, &mut plan, &mut failure);
        if plan.clients != before {
            break;
        }
    }
    attempt(Plan { watchers: 0, ..plan }, &mut plan, &mut failure);
    // Healing sooner.
    let (mut least, mut most) = (0, failure.step.min(plan.steps));
    while most - least > most / 16 {
        let steps = least + (most - least) / 2;
        let before = plan.steps;
        attempt(Plan { steps, ..plan }, &mut plan, &mut failure);
        if plan.steps == before {
            least = steps;
        } else {
            most = steps.min(failure.step);
        }
    }
    Some((plan, failure))
}

//! Watchers of everything: each event once and in order, whatever member they are at, or a notice that there is a gap.

use std::sync::Arc;

use coreos_store::{Code, Event as StoreEvent, WatchSpec, Watching};

use super::event::{Event, Process};
use super::{BrokenRule, Cluster, Fate, MS};

/// See the module.
#[derive(Default)]
pub(super) struct Watcher {
    at: Option<Process>,
    token: u64,
    /// How many of the events that there have been it has seen, or has read the outcome of.
    pub seen: usize,
    event_token: u64,
}

/// Tokens of different watchers never meet.
const TOKENS: u64 = 16;

impl Cluster {
    /// Now and then a watcher looks whether its member is still there, and moves on if not.
    pub(super) fn watcher_acts(&mut self, w: usize, token: u64) {
        if self.watchers[w].event_token != token {
            return;
        }
        let at_ns = self.now_ns + self.rngs.clients.below(400) * MS;
        self.watchers[w].event_token += 1;
        self.events.add(at_ns, Event::Watcher(w, self.watchers[w].event_token));
        let is_there = self.watchers[w].at.is_some_and(|at| {
            let belongs = self.slots[at.slot].fate == Fate::Belongs;
            self.process(at.slot) == Some(at) && (self.is_chaotic || belongs)
        });
        if is_there && !(self.is_chaotic && self.rngs.clients.one_in(16)) {
            return;
        }
        let mut living = self.living();
        if !self.is_chaotic {
            // One that was taken out hears of nothing any more, and may not know it.
            living.retain(|&s| self.slots[s].fate == Fate::Belongs);
        }
        if !living.is_empty() {
            let s = living[self.rngs.clients.place(living.len())];
            self.watch(w, s);
        }
    }

    fn watch(&mut self, w: usize, s: usize) {
        let watcher = &mut self.watchers[w];
        watcher.token += 1;
        watcher.at = None;
        let token = watcher.token * TOKENS + w as u64;
        let wait_index = self.judge.next_event_index(watcher.seen);
        let process = self.process(s);
        let Some(life) = self.slots[s].life.as_mut().filter(|life| life.is_current) else { return };
        let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index };
        match life.parts.applier.store.watch(spec, token) {
            Ok(Watching::Stream(_, backlog)) => {
                self.watchers[w].at = process;
                backlog.iter().for_each(|event| self.watcher_told(token, event));
            }
            Ok(other) => self.fail(format!("a stream watch is {other:?}")),
            Err(error) if error.code == Code::EventIndexCleared => self.read_on(w, s),
            Err(error) => self.fail(format!("watcher {w} cannot go on from {wait_index}: {error}")),
        }
    }

    /// It reads the state, and goes on after that.
    fn read_on(&mut self, w: usize, s: usize) {
        let Some(life) = self.slots[s].life.as_ref() else { return };
        let etcd_index = life.parts.applier.store.etcd_index();
        let seen = self.judge.events_up_to(etcd_index);
        let watcher = &mut self.watchers[w];
        watcher.seen = watcher.seen.max(seen);
        watcher.at = None;
        self.totals.gaps += 1;
    }

    fn watcher_of(&self, token: u64) -> Option<usize> {
        let w = usize::try_from(token % TOKENS).ok()?;
        (self.watchers.get(w)?.token == token / TOKENS).then_some(w)
    }

    pub(super) fn watcher_told(&mut self, token: u64, event: &Arc<StoreEvent>) {
        let Some(w) = self.watcher_of(token) else { return };
        match self.judge.told(self.watchers[w].seen, event) {
            Ok(()) => self.watchers[w].seen += 1,
            Err(problem) => self.fail(format!("watcher {w}: {problem}")),
        }
        self.totals.events += 1;
    }

    pub(super) fn watcher_gap(&mut self, s: usize, token: u64) {
        let Some(w) = self.watcher_of(token) else { return };
        if self.breaks(BrokenRule::HidesGap) {
            // It goes on as if nothing had happened.
            let spec =
                WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 0 };
            if let Some(life) = self.slots[s].life.as_mut() {
                let _ = life.parts.applier.store.watch(spec, token);
            }
            return;
        }
        self.read_on(w, s);
    }
}

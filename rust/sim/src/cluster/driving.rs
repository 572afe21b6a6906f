//! Around every step of a replica, as `rust/engine/src/driving.rs` does it: send, apply, answer.

use coreos_engine::Completion;
use coreos_engine::Now;
use coreos_engine::replica::{Answer, Decided, Outgoing, Replica};
use coreos_raft::Position;
use coreos_store::{Body, Command, RequestId, Told};

use super::event::{Event, Link, Process};
use super::{BrokenRule, Cluster, MS};

impl Cluster {
    /// Take a step, and see to what it comes to.
    pub(super) fn change<R>(
        &mut self,
        s: usize,
        change: impl FnOnce(&mut Replica, Now) -> R,
    ) -> Option<R> {
        let now = self.now(s);
        let result = change(&mut self.slots[s].life.as_mut()?.parts.replica, now);
        self.stepped(s);
        Some(result)
    }

    /// A step has been taken.
    pub(super) fn stepped(&mut self, s: usize) {
        let now = self.now(s);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let outgoing = life.parts.replica.take_outgoing(now);
        if let Some(why) = life.parts.replica.poisoned() {
            let why = why.to_owned();
            self.fail(format!("member {s} is poisoned: {why}"));
            return;
        }
        let is_urgent = life.parts.replica.has_urgent() || life.parts.replica.is_stopping();
        let has_results = life.parts.replica.has_results();
        self.check_step(s);
        self.send_all(s, outgoing);
        if is_urgent {
            self.wake_log(s, self.now_ns);
        }
        if has_results {
            self.carry_out(s);
        }
        self.leave(s);
    }

    pub(super) fn send_all(&mut self, s: usize, outgoing: Vec<Outgoing>) {
        let from = self.slots[s].id;
        for one in outgoing {
            match one {
                Outgoing::Frame { to, frame } => {
                    self.check_said(s, to, &frame);
                    self.send_frame(s, from, to, frame);
                }
                Outgoing::Snapshot { to } => self.send_snapshot(s, to),
            }
        }
    }

    pub(super) fn tick(&mut self, process: Process) {
        let s = process.slot;
        let sleep_ns = self.change(s, |replica, now| {
            replica.raft_ticks(now);
            if replica.is_alone() {
                return 500 * MS;
            }
            replica.raft_idle_ns(now).min(replica.tick_ns() * 5).max(MS)
        });
        let late_ns = self.rngs.threads.below(MS);
        if let Some(sleep_ns) = sleep_ns {
            self.events.add(self.now_ns + sleep_ns + late_ns, Event::Tick(process));
        }
    }

    pub(super) fn hear_link(&mut self, s: usize, link: Link) {
        self.change(s, |replica, now| match link {
            Link::Connected(peer) => replica.connected(now, peer, "0.2.0".to_owned()),
            Link::Unreachable(peer) => replica.unreachable(now, peer),
            Link::Gone(peer) => replica.gone(now, peer),
            Link::Removed => replica.removed(),
        });
    }

    /// Apply everything that is decided, unless somebody else does, who takes a while.
    pub(super) fn carry_out(&mut self, s: usize) {
        let Some(process) = self.process(s) else { return };
        let Some(life) = self.slots[s].life.as_mut() else { return };
        if life.applies_later {
            return;
        }
        if self.rngs.threads.one_in(24) {
            life.applies_later = true;
            let delay_ns = self.rngs.threads.below(20 * MS);
            self.events.add(self.now_ns + delay_ns, Event::CarryOut(process));
            return;
        }
        self.carry_out_now(s);
    }

    pub(super) fn let_go(&mut self, s: usize) {
        if let Some(life) = self.slots[s].life.as_mut() {
            life.applies_later = false;
        }
        self.carry_out_now(s);
    }

    pub(super) fn carry_out_now(&mut self, s: usize) {
        loop {
            let Some(life) = self.slots[s].life.as_mut() else { return };
            let mut decided: Vec<Decided> = life.parts.replica.take_decided().collect();
            let answers = life.parts.replica.take_answers();
            let left = if life.parts.replica.is_removed() {
                std::mem::take(&mut life.leaving)
            } else {
                Vec::new()
            };
            let is_done = decided.is_empty() && answers.is_empty() && left.is_empty();
            if is_done || self.problem.is_some() {
                return;
            }
            self.deliver(s, left);
            if self.breaks(BrokenRule::AppliesOutOfOrder) {
                self.mix_up(s, &mut decided);
            }
            for one in decided {
                self.apply(s, one);
            }
            for answer in answers {
                match answer {
                    Answer::Readable { ticket, index } => {
                        if let Some(life) = self.slots[s].life.as_mut() {
                            life.readable.push((index, ticket));
                        }
                    }
                    Answer::Failed { ticket, why } => self.refused(ticket, &why),
                }
            }
            self.complete_reads(s);
        }
    }

    /// What was decided in order is applied in another.
    fn mix_up(&mut self, s: usize, decided: &mut [Decided]) {
        for one in &*decided {
            if let Err(problem) = self.judge.decide(one) {
                return self.fail(format!("member {s}: {problem}"));
            }
        }
        if let [.., a, b] = decided {
            std::mem::swap(&mut a.payload, &mut b.payload);
            std::mem::swap(&mut a.command, &mut b.command);
        }
    }

    fn apply(&mut self, s: usize, mut one: Decided) {
        if let Err(error) = one.decode(coreos_engine::COMMANDS_VERSION) {
            return self.fail(format!("member {s} cannot read what it decided: {error}"));
        }
        if !self.breaks(BrokenRule::AppliesOutOfOrder)
            && let Err(problem) = self.judge.decide(&one)
        {
            return self.fail(format!("member {s}: {problem}"));
        }
        self.follow_admin(&one);
        let position = one.position();
        if self.breaks(BrokenRule::AppliesTwice)
            && let Some(command) = &mut one.command
            && self.judge.is_repeated(command.request, one.index)
        {
            command.request = RequestId::default();
        }
        let mut completions = Vec::new();
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let super::member::Life { parts, leaving, .. } = life;
        let applier = &mut parts.applier;
        let to = if one.removes_self { leaving } else { &mut completions };
        applier.apply(position, one.command.as_ref(), one.ticket, to);
        applier.notify(&mut completions);
        if matches!(&one.command, Some(Command { body: Body::Noop, .. })) {
            life.moments.push((one.index, applier.store.view()));
        }
        self.check_applied(s);
        self.deliver(s, completions);
    }

    pub(super) fn deliver(&mut self, s: usize, completions: Vec<Completion>) {
        for completion in completions {
            match completion {
                Completion::Applied { ticket, applied, .. } => self.answered(ticket, &applied),
                Completion::Readable { ticket } => self.readable(s, ticket),
                Completion::AuthChanged => {}
                Completion::Notices(notices) => {
                    for notice in notices {
                        match &notice.what {
                            Told::Event(event) => self.watcher_told(notice.token, event),
                            Told::Gap(_) => self.watcher_gap(s, notice.token),
                        }
                    }
                }
                Completion::Poisoned(why) => self.fail(why),
            }
        }
    }

    pub(super) fn complete_reads(&mut self, s: usize) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let applied = life.parts.applier.raft_index;
        let (ready, waiting) =
            std::mem::take(&mut life.readable).into_iter().partition(|one| one.0 <= applied);
        life.readable = waiting;
        let ready: Vec<(u64, u64)> = ready;
        let was_current = life.is_current;
        life.is_current |= !ready.is_empty();
        if life.is_current && !was_current && applied < life.floor {
            let floor = life.floor;
            self.fail(format!(
                "member {s} says that it is up to date after entry {applied}, but {floor} had been shown before its start"
            ));
        }
        for (_, ticket) in ready.into_iter().filter(|one| one.1 != 0) {
            self.readable(s, ticket);
        }
    }

    /// The store now stands after `position`, by a leader's snapshot: answer those whose request it has seen.
    pub(super) fn settle(&mut self, s: usize, position: Position) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let store = &life.parts.applier.store;
        let undecided = life.parts.replica.undecided();
        let known = |request| Some((request, store.outcome_of(request)?));
        let outcomes: Vec<_> = undecided.into_iter().filter_map(known).collect();
        let mut completions = Vec::new();
        for (request, applied) in outcomes {
            if let Some(ticket) = life.parts.replica.settle(request) {
                let Position { index: raft_index, term } = position;
                completions.push(Completion::Applied { ticket, applied, raft_index, term });
            }
        }
        self.totals.settled += completions.len() as u64;
        self.deliver(s, completions);
    }
}

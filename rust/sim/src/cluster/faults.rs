//! What goes wrong.

use coreos_wal::verify;

use super::event::{Event, Link, Process};
use super::member::Fate;
use super::{Cluster, MS, SECOND};

/// A kind of fault; a bit each in a [`super::Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FaultKind {
    /// The power goes.
    Crash,
    /// The power goes in the middle of disk operations.
    CrashMidway,
    /// A process ends without a warning.
    Kill,
    /// A process ends well, after it has handed over.
    Stop,
    /// A process does not run for a while.
    Pause,
    /// Nothing comes from one member to another.
    CutOneWay,
    /// One member is cut off.
    Isolate,
    /// The members are in two groups.
    Split,
    /// Frames are lost, doubled and late.
    BadLinks,
    /// A disk is full.
    DiskFull,
    /// A sync fails.
    SyncFails,
    /// A disk is slow.
    DiskSlow,
    /// A wall clock jumps.
    WallClock,
    /// A member is told what is not true of its links.
    FalseWord,
    /// A leader hands over.
    HandOver,
    /// A bit flips on the disk of a member that is off.
    BitFlip,
    /// A member is added.
    Add,
    /// A member is removed.
    Remove,
}

use FaultKind::*;

/// Each of them.
pub const ALL_FAULTS: [FaultKind; 18] = [
    Crash,
    CrashMidway,
    Kill,
    Stop,
    Pause,
    CutOneWay,
    Isolate,
    Split,
    BadLinks,
    DiskFull,
    SyncFails,
    DiskSlow,
    WallClock,
    FalseWord,
    HandOver,
    BitFlip,
    Add,
    Remove,
];

impl Cluster {
    pub(super) fn next_fault(&mut self) {
        if !self.is_chaotic {
            return;
        }
        let at_ns = self.now_ns + (50 + self.rngs.faults.below(1_200)) * MS;
        self.events.add(at_ns, Event::Fault);
        if self.course.is_on() {
            return;
        }
        let kind = ALL_FAULTS[self.rngs.faults.place(ALL_FAULTS.len())];
        if self.plan.has(kind) && self.do_fault(kind) {
            self.trace(|| format!("fault: {kind:?}"));
            self.totals.fault(kind);
        }
    }

    /// The leader as often as everybody else together.
    fn victim(&mut self) -> Option<usize> {
        let living = self.living();
        if self.rngs.faults.one_in(2)
            && let Some(&leader) = living.iter().find(|&&s| self.leads(s))
        {
            return Some(leader);
        }
        (!living.is_empty()).then(|| living[self.rngs.faults.place(living.len())])
    }

    pub(super) fn leads(&self, s: usize) -> bool {
        self.slots[s].life.as_ref().is_some_and(|life| life.parts.replica.leads())
    }

    /// False: it was not possible now.
    fn do_fault(&mut self, kind: FaultKind) -> bool {
        match kind {
            Split => return self.split(),
            BadLinks => return self.spoil_links(),
            BitFlip => return self.flip_bit(),
            Add => return self.ask_to_add(),
            Remove => return self.ask_to_remove(),
            _ => {}
        }
        let Some(s) = self.victim() else { return false };
        let Some(process) = self.process(s) else { return false };
        let rng = &mut self.rngs.faults;
        match kind {
            Crash => self.crash(s),
            CrashMidway => self.slots[s].disk.cut_power_after(rng.below(12)),
            Kill => self.kill(s),
            Stop => self.begin_stop(process),
            Pause => self.slots[s].paused_until_ns = self.now_ns + rng.below(3_000) * MS,
            CutOneWay => return self.cut_one_way(s),
            Isolate => self.isolate(s),
            DiskFull => {
                let spare = rng.place(20 << 10);
                self.slots[s].disk.limit(Some(spare));
                let at_ns = self.now_ns + rng.below(4_000) * MS;
                self.events.add(at_ns, Event::Room(s));
            }
            SyncFails => self.slots[s].disk.fail_next_sync(),
            DiskSlow => self.slots[s].slow_until_ns = self.now_ns + rng.below(2_000) * MS,
            WallClock => self.slots[s].clocks.wall_ahead_ns = rng.below(100_000) * MS,
            FalseWord => self.tell_falsely(process),
            HandOver => {
                return self.change(s, |replica, now| replica.hand_over(now)).unwrap_or(false);
            }
            _ => return false,
        }
        true
    }

    /// As `Member::hand_over` and `Member::close`.
    fn begin_stop(&mut self, process: Process) {
        let hands = self.change(process.slot, |replica, now| replica.hand_over(now));
        let patience_ns = if hands == Some(true) { super::ELECTION_NS } else { 1 };
        let at_ns = self.now_ns + self.rngs.faults.below(patience_ns);
        self.events.add(at_ns, Event::Stop(process));
    }

    fn begin_network_fault(&mut self) {
        self.network.number += 1;
        let at_ns = self.now_ns + (200 + self.rngs.faults.below(4_000)) * MS;
        self.events.add(at_ns, Event::Mend(self.network.number));
    }

    fn cut_one_way(&mut self, from: usize) -> bool {
        let to = self.rngs.faults.place(self.slots.len());
        self.begin_network_fault();
        self.network.cut(self.slots[from].id, self.slots[to].id);
        from != to
    }

    fn isolate(&mut self, s: usize) {
        self.begin_network_fault();
        let direction = self.rngs.faults.below(4);
        let id = self.slots[s].id;
        for other in self.slots.iter().map(|slot| slot.id).filter(|&other| other != id) {
            if direction != 1 {
                self.network.cut(id, other);
            }
            if direction != 2 {
                self.network.cut(other, id);
            }
        }
    }

    fn split(&mut self) -> bool {
        self.begin_network_fault();
        let sides: Vec<(u64, bool)> =
            self.slots.iter().map(|slot| (slot.id, self.rngs.faults.one_in(2))).collect();
        for (a, left) in &sides {
            for (b, _) in sides.iter().filter(|(_, other)| other != left) {
                self.network.cut(*a, *b);
            }
        }
        true
    }

    fn spoil_links(&mut self) -> bool {
        self.begin_network_fault();
        self.network.lost = self.rngs.faults.below(400);
        self.network.doubled = self.rngs.faults.below(400);
        self.network.delay_ns = self.rngs.faults.below(300) * MS;
        true
    }

    fn tell_falsely(&mut self, process: Process) {
        let peer = self.slots[self.rngs.faults.place(self.slots.len())].id;
        if peer == self.slots[process.slot].id {
            return;
        }
        let link = match self.rngs.faults.below(3) {
            0 => Link::Unreachable(peer),
            1 => Link::Connected(peer),
            _ => Link::Gone(peer),
        };
        self.events.add(self.now_ns, Event::Link(process, link));
    }

    /// A bit flips while a member is off. It was stopped well and wrote its commit index last, so that whatever is
    /// missing afterwards has to be noticed. A member that does not start is lost, and with it a vote: never so many
    /// that the others are no majority.
    fn flip_bit(&mut self) -> bool {
        let members = self.judge.members();
        let voters: Vec<u64> = members.voters().collect();
        let sound = voters
            .iter()
            .filter(|id| self.slot_of(**id).is_some_and(|s| self.slots[s].fate == Fate::Belongs));
        if self.is_removing() || sound.count() < voters.len() / 2 + 2 {
            return false;
        }
        let is_off = |s: &usize| {
            let slot = &self.slots[*s];
            slot.life.is_none() && slot.fate == Fate::Belongs && slot.commit_is_last
        };
        let Some(s) = (0..self.slots.len()).find(is_off) else { return false };
        self.slots[s].disk.limit(None);
        self.slots[s].disk.disarm();
        if self.slots[s].disk.flip_bit(&mut self.rngs.disk).is_none() {
            return false;
        }
        match self.boot(s) {
            Ok(_) => self.totals.damage_harmless += 1,
            Err(error) => {
                self.totals.damage_found += 1;
                let disk = std::sync::Arc::new(self.slots[s].disk.clone());
                if verify(disk, &self.slots[s].config.data_dir).is_ok_and(|report| report.ok) {
                    self.fail(format!(
                        "verify calls member {s} sound, which does not start: {error}"
                    ));
                }
                self.trace(|| format!("m{s} is lost: {error}"));
                self.slots[s].fate = Fate::Gone;
            }
        }
        true
    }

    /// A member has just ended well: seldom enough is one off whose log ends as it has to.
    pub(super) fn damage_what_is_off(&mut self) {
        let may = self.is_chaotic && self.plan.has(BitFlip) && !self.course.is_on();
        if may && self.rngs.faults.one_in(3) && self.flip_bit() {
            self.totals.fault(BitFlip);
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&mut self) {
        self.is_chaotic = false;
        self.course = super::courses::Course::default();
        let number = self.network.number;
        self.network.mend(number);
        for s in 0..self.slots.len() {
            self.crash_if_off(s);
            let slot = &mut self.slots[s];
            slot.disk.disarm();
            slot.disk.limit(None);
            slot.slow_until_ns = 0;
            slot.paused_until_ns = slot.paused_until_ns.min(self.now_ns + SECOND);
            self.events.add(self.now_ns + MS, Event::Start(s));
        }
    }
}

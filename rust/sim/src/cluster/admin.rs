//! Whoever adds and removes members: by commands, as a client; a process is started once its member is decided.

use coreos_engine::Joining;
use coreos_engine::replica::Decided;
use coreos_store::Body;

use super::event::Event;
use super::member::{Fate, Setup, Slot, urls};
use super::{Cluster, MS};

/// See the module.
pub(super) struct Admin {
    founders: usize,
    snapshot_count: u64,
    kept_bytes: usize,
    /// Of members, also of those that have left or never came.
    numbers: usize,
    /// Up to which entry the decisions have been looked at.
    followed: u64,
    /// Who has been asked to be added: id and number.
    asked: Vec<(u64, usize)>,
    /// Who was asked to leave last.
    removing: Option<u64>,
}

/// So many processes there are at most, living or not.
const SLOTS_MAX: usize = 12;

impl Admin {
    pub fn new(founders: usize, snapshot_count: u64, kept_bytes: usize) -> Self {
        Self {
            founders,
            snapshot_count,
            kept_bytes,
            numbers: founders,
            followed: 0,
            asked: Vec::new(),
            removing: None,
        }
    }
}

impl Cluster {
    /// Propose at some member that another is added.
    pub(super) fn ask_to_add(&mut self) -> bool {
        let members = self.judge.members();
        if self.slots.len() >= SLOTS_MAX || members.iter().len() > self.admin.founders {
            return false;
        }
        self.admin.numbers += 1;
        let number = self.admin.numbers;
        let id = self.rngs.faults.next_u64() | 1;
        let peer_urls = urls(number);
        // A voter that is not there from the beginning has to come: others may be lost.
        let lost = members.iter().any(|member| self.is_lost(member.id));
        let is_learner = lost || !self.rngs.faults.one_in(5);
        let body = Body::AddMember { id, peer_urls, is_learner };
        self.admin.asked.push((id, number));
        self.trace(|| format!("member {id:x} is to be added"));
        self.propose_somewhere(body)
    }

    /// Propose at some member that one is removed: most often whoever is lost, sometimes the leader.
    pub(super) fn ask_to_remove(&mut self) -> bool {
        let members = self.judge.members();
        let voters: Vec<u64> = members.voters().collect();
        let lost = members.iter().map(|member| member.id).find(|&id| self.is_lost(id));
        let least = if self.admin.founders == 5 { 3 } else { 2 };
        let id = match lost {
            Some(id) => id,
            None if voters.len() <= least => return false,
            None => {
                let ids: Vec<u64> = members.iter().map(|member| member.id).collect();
                ids[self.rngs.faults.place(ids.len())]
            }
        };
        self.trace(|| format!("member {id:x} is to be removed"));
        self.admin.removing = Some(id);
        self.propose_somewhere(Body::RemoveMember { id })
    }

    fn is_lost(&self, id: u64) -> bool {
        self.slot_of(id).is_none_or(|s| self.slots[s].fate == Fate::Gone)
    }

    /// Whether a member has been asked to leave, and has not left yet.
    pub(super) fn is_removing(&self) -> bool {
        let members = self.judge.members();
        self.admin.removing.is_some_and(|id| !members.is_removed(id))
    }

    fn propose_somewhere(&mut self, body: Body) -> bool {
        let living = self.living();
        if living.is_empty() {
            return false;
        }
        let s = living[self.rngs.faults.place(living.len())];
        self.change(s, |replica, now| {
            let is_taken = replica.propose(now, body, 0).is_ok();
            replica.flush(now);
            is_taken
        })
        .unwrap_or(false)
    }

    /// An entry is decided: start who is new.
    pub(super) fn follow_admin(&mut self, one: &Decided) {
        if one.index <= self.admin.followed {
            return;
        }
        self.admin.followed = one.index;
        let Some(command) = &one.command else { return };
        match &command.body {
            Body::AddMember { id, .. } => self.totals.changes += u64::from(self.start_new(*id)),
            Body::PromoteMember { .. } => self.totals.promotions += 1,
            Body::RemoveMember { id } if self.judge.members().is_removed(*id) => {
                let Some(s) = self.slot_of(*id) else { return };
                if self.slots[s].fate == Fate::Belongs {
                    self.totals.changes += 1;
                    self.slots[s].fate = Fate::Leaving;
                }
            }
            _ => {}
        }
    }

    /// A member that finds that it has left, and that nobody needs it any more, ends, and is not started again.
    pub(super) fn leave(&mut self, s: usize) {
        let has_left =
            self.slots[s].life.as_ref().is_some_and(|life| life.parts.replica.is_removed());
        if !has_left || self.slots[s].fate == Fate::Gone {
            return;
        }
        self.trace(|| format!("m{s} has left"));
        // Those who say so may have decided it, and not have applied it yet.
        self.totals.changes += u64::from(self.slots[s].fate == Fate::Belongs);
        self.slots[s].fate = Fate::Gone;
        self.slots[s].has_left = true;
        if let Some(process) = self.process(s) {
            let longest = if self.rngs.faults.one_in(2) { 1 } else { 1_000 };
            let at_ns = self.now_ns + self.rngs.faults.below(longest) * MS;
            self.events.add(at_ns, Event::End(process));
        }
    }

    /// In the end it is decided that whoever has left was taken out.
    pub(super) fn check_left(&mut self) {
        let members = self.judge.members();
        let wrong =
            self.slots.iter().position(|slot| slot.has_left && !members.is_removed(slot.id));
        if let Some(s) = wrong {
            self.fail(format!("member {s} has left, but nobody has decided that"));
        }
    }

    fn start_new(&mut self, id: u64) -> bool {
        let Some(&(_, number)) = self.admin.asked.iter().find(|asked| asked.0 == id) else {
            return false;
        };
        let members = self.judge.members();
        let Some(member) = members.get(id).filter(|_| self.slot_of(id).is_none()) else {
            return false;
        };
        let Some(cluster_id) =
            self.slots.iter().find_map(|slot| Some(slot.life.as_ref()?.parts.identity.cluster_id))
        else {
            return false;
        };
        let setup = Setup {
            number,
            snapshot_count: self.admin.snapshot_count,
            kept_bytes: self.admin.kept_bytes,
            founders: self.admin.founders,
            joining: Some(Joining { member_id: id, cluster_id }),
        };
        let slot = Slot::new(&setup, &mut self.rngs.faults);
        self.slots.push(slot);
        let s = self.slots.len() - 1;
        if self.is_chaotic && member.is_learner && self.rngs.faults.one_in(6) {
            // It never starts; some day it is removed.
            self.slots[s].fate = Fate::Gone;
            return true;
        }
        let at_ns = self.now_ns + self.rngs.faults.below(800) * MS;
        self.events.add(at_ns, Event::Start(s));
        true
    }
}

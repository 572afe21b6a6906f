//! The end of a run: no more trouble. Every member leads in turn, what is proposed to it is decided, everybody can
//! read, and all have the same log.

use bytes::Bytes;

use crate::checks::Problem;
use crate::world::World;

/// Rounds that one member's turn may take. An election takes two timeouts of at most 20, a snapshot some heartbeats.
const ROUNDS_MAX: u32 = 600;
/// After so many rounds what may have been lost in a change of leaders is asked for again.
const PATIENCE: u32 = 25;

impl World {
    pub fn heal(&mut self) -> Result<(), Problem> {
        self.cut.clear();
        for id in self.ids() {
            if self.places[&id].member.is_none() {
                self.start(id);
            }
        }
        for id in self.ids() {
            self.let_lead(id)?;
        }
        self.compare_logs()
    }

    fn let_lead(&mut self, id: u64) -> Result<(), Problem> {
        let payload = Bytes::from(format!("member {id} leads"));
        let mut is_proposed = false;
        let mut reads: Vec<(u64, u64)> = Vec::new();
        for round in 0..ROUNDS_MAX {
            self.round()?;
            let is_decided = self.checks.decided.iter().rev().any(|entry| entry.payload == payload);
            if is_decided && self.is_level() {
                let ids = self.ids();
                if reads.is_empty() {
                    reads = ids.into_iter().map(|id| (id, self.read(id))).collect();
                } else if round % PATIENCE == 0 {
                    for (by, read) in &mut reads {
                        if !self.checks.is_answered(*read) {
                            *read = self.read(*by);
                        }
                    }
                }
                if reads.iter().all(|(_, read)| self.checks.is_answered(*read)) {
                    return Ok(());
                }
            } else if self.member(id).is_some_and(|member| member.state().leads) {
                // Only a new leader forgets what it was told.
                is_proposed = (is_proposed && round % PATIENCE != 0)
                    || self.member(id).is_some_and(|member| member.propose(payload.clone()));
            } else if round % PATIENCE == 0 {
                for other in self.ids() {
                    if let Some(member) = self.member(other) {
                        // Only the leader does; there may be none just now.
                        member.hand_over(id);
                    }
                }
            }
        }
        let states: Vec<_> =
            self.places.values().filter_map(|place| place.member.as_ref()).collect();
        let states: Vec<_> = states.iter().map(|member| (member.kind(), member.state())).collect();
        let unread: Vec<_> =
            reads.iter().filter(|(_, read)| !self.checks.is_answered(*read)).collect();
        Err(format!("no progress with member {id}, reads {unread:?}: {states:#?}"))
    }

    /// Everybody has applied all that is decided.
    fn is_level(&self) -> bool {
        let decided = self.checks.decided.len() as u64;
        self.places.keys().all(|&id| self.checks.applied(id) == decided)
    }

    /// A tick for everybody, all disks are quick, and every message arrives, in order.
    fn round(&mut self) -> Result<(), Problem> {
        for id in self.ids() {
            if let Some(member) = self.member(id) {
                member.tick();
            }
            self.flush(id)?;
        }
        for packet in std::mem::take(&mut self.network) {
            self.deliver(&packet, false)?;
            self.check()?;
        }
        Ok(())
    }

    fn flush(&mut self, id: u64) -> Result<(), Problem> {
        while let Some(member) = self.member(id) {
            let is_written = member.write();
            if !is_written && !member.sync() {
                break;
            }
            self.drain(id)?;
        }
        self.drain(id)
    }

    /// Nothing is on its way any more once nobody ticks; then every disk holds what was decided, and nothing else.
    fn compare_logs(&mut self) -> Result<(), Problem> {
        while !self.network.is_empty() {
            for packet in std::mem::take(&mut self.network) {
                self.deliver(&packet, false)?;
            }
            for id in self.ids() {
                self.flush(id)?;
            }
            self.check()?;
        }
        let decided = &self.checks.decided;
        for (id, place) in &self.places {
            let Some(member) = &place.member else { continue };
            let disk = member.durable();
            if disk.entries[..] != decided[disk.snapshot.index as usize..] {
                return Err(format!(
                    "member {id} has another log at the end, up to {:?}",
                    disk.last()
                ));
            }
        }
        Ok(())
    }
}

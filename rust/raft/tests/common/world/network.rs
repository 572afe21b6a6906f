//! Messages: delivered in any order, doubled, lost; snapshots; cuts.

use coreos_raft::{Message, Said};

use super::{Problem, World};

impl World {
    pub(super) fn deliver(&mut self) -> Result<(), Problem> {
        if self.network.is_empty() {
            return Ok(());
        }
        let place = self.lots.place(self.network.len());
        let message = if self.lots.below(20) == 0 {
            self.network[place].clone()
        } else {
            self.network.swap_remove(place)
        };
        if self.lots.below(20) == 0 || self.cut.contains(&(message.from, message.to)) {
            if let (Said::NeedsSnapshot, Some(raft)) = (&message.said, self.raft(message.from)) {
                raft.snapshot_ended(message.to, None);
            }
            return Ok(());
        }
        let to = message.to;
        if let Said::NeedsSnapshot = message.said {
            self.deliver_snapshot(&message);
        } else if let Some(raft) = self.raft(to) {
            raft.step(message);
        }
        self.drain(to)
    }

    pub(super) fn deliver_snapshot(&mut self, message: &Message) {
        let (from, to) = (message.from, message.to);
        // Made now, as of what the sender has applied.
        let Some(sender) = self.members.get(&from) else { return };
        let Some(raft) = &sender.raft else { return };
        let (applied, membership) = (sender.applied, raft.membership().clone());
        let position = self.decided[applied as usize - 1].position();
        let is_lost = self.lots.below(4) == 0;
        if let Some(receiver) =
            self.members.get_mut(&to).filter(|one| one.raft.is_some() && !is_lost)
        {
            let raft = receiver.raft.as_mut().expect("it runs");
            if raft.install(from, message.term, position, membership.clone()) {
                receiver.applied = position.index;
                self.totals.snapshots += 1;
            }
        }
        if let Some(raft) = self.raft(from) {
            raft.snapshot_ended(to, (!is_lost).then_some(position.index));
        }
    }

    pub(super) fn change_network(&mut self) {
        let (a, b) = (self.any(), self.any());
        match self.lots.below(4) {
            0 => self.cut.push((a, b)),
            1 => self.cut.extend([(a, b), (b, a)]),
            _ => self.cut.clear(),
        }
    }
}

//! What has to hold: after every step, and once the trouble is over.

use bytes::Bytes;
use coreos_raft::{Change, Read, Role, Said};

use super::changes::decode;
use super::{Problem, Rule, World};

impl World {
    pub(super) fn judge(&self, decided: u64, index: u64, by: u64) -> Result<(), Problem> {
        if index >= decided {
            return Ok(());
        }
        Err(format!(
            "member {by} reads at {index}, but {decided} entries were decided when it was asked"
        ))
    }

    /// Everything that comes out of a member after something was put in.
    pub(super) fn drain(&mut self, id: u64) -> Result<(), Problem> {
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        let Some(raft) = &mut member.raft else { return Ok(()) };
        let mut has_left_itself = false;
        let mut taken = Vec::new();
        raft.take_committed(|entry| taken.push(entry));
        for entry in taken {
            if entry.index != member.applied + 1 {
                return Err(format!(
                    "member {id} applies {} after {}",
                    entry.index, member.applied
                ));
            }
            member.applied = entry.index;
            let change = decode(&entry.payload);
            match self.decided.get(entry.index as usize - 1) {
                Some(known) if *known != entry => {
                    return Err(format!("member {id} applies {entry:?}, another {known:?}"));
                }
                Some(_) => {}
                None => {
                    self.totals.changes += u64::from(change.is_some());
                    self.totals.decided += 1;
                    self.decided.push(entry);
                }
            }
            if let Some(change) = change {
                raft.change(change);
                has_left_itself |= change == Change::Remove(id);
            }
        }
        let commit = raft.hard_state().commit;
        let mut messages = raft.take_messages();
        if self.rule == Some(Rule::AnnouncesAtOnce) && raft.role() == Role::Leader {
            for message in &mut messages {
                if let Said::Append { commit: told, .. } = &mut message.said {
                    *told = commit;
                }
            }
        }
        self.network.extend(messages);
        let may_leave =
            raft.may_leave() || (self.rule == Some(Rule::LeavesAtOnce) && has_left_itself);
        let reads = raft.take_reads();
        for read in reads {
            if let Read::Ready { id: read, index } = read
                && let Some(asked) = self.reads.remove(&read)
            {
                self.totals.reads += 1;
                self.judge(asked.decided, index, asked.by)?;
            }
        }
        if may_leave {
            self.leave(id);
        }
        Ok(())
    }

    pub(super) fn check(&mut self) -> Result<(), Problem> {
        for (&id, member) in &self.members {
            let Some(raft) = &member.raft else { continue };
            if raft.role() == Role::Leader {
                let term = raft.hard_state().term;
                let known = *self.leaders.entry(term).or_insert_with(|| {
                    self.totals.elections += 1;
                    id
                });
                if known != id {
                    return Err(format!("members {known} and {id} both lead in term {term}"));
                }
            }
            if raft.applied() != member.applied {
                return Err(format!("member {id} believes that it has applied {}", raft.applied()));
            }
        }
        Ok(())
    }

    /// No more trouble: before long everybody who still belongs to the cluster has the same.
    pub(super) fn heal(&mut self) -> Result<(), Problem> {
        self.cut.clear();
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for &id in &ids {
            self.hear_removal(id);
        }
        let mut proposed = 0;
        for round in 0..3_000 {
            for &id in &ids {
                if self.is_down(id) {
                    self.start(id);
                }
                self.tick(id)?;
                while self.raft(id).is_some_and(|raft| raft.has_urgent() || raft.has_news()) {
                    self.write(id);
                    self.sync(id);
                }
                self.write(id);
                while !self.members[&id].writing.is_empty() {
                    self.sync(id);
                }
                self.drain(id)?;
                if round > 500 && proposed < 3 {
                    let payload = Bytes::from_static(b"after the trouble");
                    proposed +=
                        u64::from(self.raft(id).is_some_and(|raft| raft.propose(payload).is_ok()));
                }
            }
            for message in std::mem::take(&mut self.network) {
                let to = message.to;
                if let Said::NeedsSnapshot = message.said {
                    self.deliver_snapshot(&message);
                } else if let Some(raft) = self.raft(to) {
                    raft.step(message);
                }
                self.drain(to)?;
            }
            self.check()?;
            if proposed == 3 && self.agrees() {
                return Ok(());
            }
        }
        let applied: Vec<_> =
            self.members.iter().map(|(id, member)| (id, member.applied)).collect();
        Err(format!("no agreement: {applied:?} of {}, {proposed} proposed", self.decided.len()))
    }

    pub(super) fn agrees(&self) -> bool {
        let last = self.decided.len() as u64;
        let ends_well = self
            .decided
            .iter()
            .rev()
            .take(3)
            .all(|entry| &entry.payload[..] == b"after the trouble");
        let leader = self.members.values().find_map(|member| {
            member
                .raft
                .as_ref()
                .filter(|raft| raft.role() == Role::Leader && member.applied == last)
        });
        ends_well
            && leader.is_some_and(|raft| {
                raft.membership().ids().all(|id| self.members[&id].applied == last)
            })
    }
}

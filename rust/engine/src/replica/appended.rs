//! What this member has appended as leader and is not decided yet, oldest first: the commands, so that they need not be
//! decoded when they are, and how much they may be.

use std::collections::VecDeque;

use coreos_raft::Position;
use coreos_store::{Body, Command};

/// Encoded bytes above which no more are taken.
const BYTES_MAX: usize = 64 << 20;
/// Entries above which no more are taken.
const COUNT_MAX: usize = 100_000;

#[derive(Debug)]
struct One {
    position: Position,
    bytes: usize,
    command: Command,
}

/// See the module. Terms and indexes only grow from one to the next.
#[derive(Debug, Default)]
pub(super) struct Appended {
    entries: VecDeque<One>,
    bytes: usize,
    expiries: usize,
    /// Of versions and promotions.
    upkeep: usize,
}

impl Appended {
    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX || self.entries.len() >= COUNT_MAX
    }

    /// Whether an expiry is on its way, so that another would find the same nodes.
    pub fn has_expiry(&self) -> bool {
        self.expiries > 0
    }

    /// Whether the cluster's version or a promotion is on its way.
    pub fn has_upkeep(&self) -> bool {
        self.upkeep > 0
    }

    pub fn push(&mut self, position: Position, bytes: usize, command: Command) {
        // What a former term of this member left at these places has been replaced.
        while self.entries.back().is_some_and(|last| last.position.index >= position.index) {
            let last = self.entries.pop_back();
            last.iter().for_each(|one| self.forget(one));
        }
        self.bytes += bytes;
        self.expiries += usize::from(is_expiry(&command));
        self.upkeep += usize::from(is_upkeep(&command));
        self.entries.push_back(One { position, bytes, command });
    }

    /// The command of the entry there, if this member has appended it. Those before it are forgotten: entries are
    /// decided in order.
    pub fn take(&mut self, position: Position) -> Option<Command> {
        while self.entries.front().is_some_and(|first| first.position.index <= position.index) {
            let one = self.entries.pop_front()?;
            self.forget(&one);
            if one.position == position {
                return Some(one.command);
            }
        }
        None
    }

    /// This member leads no more, or anew: others may have put something else in these places. The commands are in the
    /// entries, if those are decided all the same.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forget, and give, the commands of the entries from `first` on.
    pub fn take_back(&mut self, first: u64) -> Vec<Command> {
        let keep = self.entries.partition_point(|one| one.position.index < first);
        let back = self.entries.split_off(keep);
        back.iter().for_each(|one| self.forget(one));
        back.into_iter().map(|one| one.command).collect()
    }

    fn forget(&mut self, one: &One) {
        self.bytes -= one.bytes;
        self.expiries -= usize::from(is_expiry(&one.command));
        self.upkeep -= usize::from(is_upkeep(&one.command));
    }
}

fn is_expiry(command: &Command) -> bool {
    matches!(command.body, Body::Expire)
}

fn is_upkeep(command: &Command) -> bool {
    matches!(command.body, Body::ClusterVersion { .. } | Body::PromoteMember { .. })
}

#[cfg(test)]
mod tests {
    use coreos_store::RequestId;

    use super::*;

    fn command(time_ns: u64) -> Command {
        Command { request: RequestId::default(), time_ns, body: Body::Expire }
    }

    #[test]
    fn what_another_leader_has_replaced_is_not_taken_for_its_own() {
        let at = |term, index| Position { term, index };
        let mut appended = Appended::default();
        for index in 5..9 {
            appended.push(at(2, index), 10, command(index));
        }
        assert_eq!(appended.take(at(2, 5)).map(|c| c.time_ns), Some(5));
        // Another leader's entry stands at 6; then this member leads again, from 8 on.
        assert!(appended.take(at(3, 6)).is_none());
        appended.push(at(4, 8), 10, command(80));
        assert!(appended.take(at(3, 7)).is_none());
        assert_eq!(appended.take(at(4, 8)).map(|c| c.time_ns), Some(80));
        assert!(!appended.has_expiry() && appended.bytes == 0);
    }
}

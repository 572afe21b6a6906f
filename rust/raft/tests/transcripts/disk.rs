//! What a member's disk holds, and what has been written to it without a sync.

use std::collections::VecDeque;

use coreos_raft::{Config, Entry, HardState, Membership, Position, Raft, Ready, Recovered, Ticket};

use super::words;

/// Everything after a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub hard_state: HardState,
    pub snapshot: Position,
    pub membership: Membership,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Default)]
pub struct Disk {
    pub durable: Content,
    /// As each write leaves it, oldest first: what a crash loses.
    written: VecDeque<(Ticket, Content)>,
}

impl Disk {
    pub fn new(durable: Content) -> Self {
        Self { durable, written: VecDeque::new() }
    }

    /// `membership` is that of the snapshot, if there is one in `ready`.
    pub fn write(&mut self, ready: &Ready, membership: &Membership) -> Result<(), String> {
        let mut content = self.written.back().map_or(&self.durable, |(_, content)| content).clone();
        if let Some(position) = ready.restored {
            content.snapshot = position;
            content.membership = membership.clone();
            content.entries.clear();
        }
        content.hard_state = ready.hard_state.unwrap_or(content.hard_state);
        for entry in &ready.entries {
            content.entries.retain(|kept| kept.index < entry.index);
            let last = content.entries.last().map_or(content.snapshot.index, |kept| kept.index);
            if entry.index != last + 1 {
                return Err(format!("the disk ends at {last} and is given {}", entry.index));
            }
            content.entries.push(entry.clone());
        }
        self.written.push_back((ready.ticket, content));
        Ok(())
    }

    /// The oldest write becomes durable.
    pub fn sync(&mut self) -> Option<Ticket> {
        let (ticket, content) = self.written.pop_front()?;
        self.durable = content;
        Some(ticket)
    }

    /// Nothing that was written without a sync is there any more.
    pub fn lose_written(&mut self) {
        self.written.clear();
    }

    pub fn recover(&self, config: Config) -> Result<Raft, String> {
        let Content { hard_state, snapshot, membership, entries } = self.durable.clone();
        let applied = snapshot.index;
        let recovered = Recovered { hard_state, before: snapshot, entries, applied, membership };
        Raft::new(config, recovered).map_err(|why| why.to_string())
    }

    pub fn words(&self) -> String {
        let Content { hard_state, snapshot, entries, .. } = &self.durable;
        let HardState { term, vote, commit } = hard_state;
        let snapshot = words::position(*snapshot);
        let entries = words::entries(entries);
        let state = format!("term {term} vote {vote} commit {commit}");
        format!("{state}; after {snapshot}: {entries}").trim_end_matches(": ").to_owned()
    }
}

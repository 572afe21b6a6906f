//! A member of tikv's `raft`, driven with writes that become durable later, as its documentation says.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use coreos_raft::{Entry, HardState, Position};
use raft::eraftpb::{self, MessageType};
use raft::{Config, RawNode, SnapshotStatus, StateRole};

use crate::disk::{Disk, Platter};
use crate::lots::Lots;
use crate::member::{Done, Kind, Member, Output, Start, State};
use crate::packet::Packet;
use crate::shelf::{Shelf, snapshot};
use crate::translate::{context, entry_to_ours, to_theirs};

/// A `Ready` on its way to the disk.
struct Written {
    number: u64,
    /// To be sent when it is durable.
    messages: Vec<eraftpb::Message>,
    restored: Option<u64>,
}

pub struct Theirs {
    node: RawNode<Shelf>,
    platter: Platter<Written>,
    start: Start,
    lots: Lots,
    /// For which term and role the election timeout was drawn, and what.
    patience: (u64, StateRole, usize),
    applied: Rc<Cell<u64>>,
    output: Output,
}

impl Theirs {
    pub fn start(start: &Start, disk: Disk) -> Self {
        let config = Config {
            id: start.id,
            election_tick: start.election_ticks as usize,
            heartbeat_tick: start.heartbeat_ticks as usize,
            applied: disk.snapshot.index,
            max_size_per_msg: 300,
            max_inflight_msgs: 4,
            max_uncommitted_size: 4_000,
            // Ours has both, always.
            check_quorum: true,
            pre_vote: true,
            ..Config::default()
        };
        let applied = Rc::new(Cell::new(disk.snapshot.index));
        let shelf = Shelf::new(&disk, &start.voters, Rc::clone(&applied));
        let silent = slog::Logger::root(slog::Discard, slog::o!());
        let mut made = Self {
            node: RawNode::new(&config, shelf, &silent).expect("a disk that a member has written"),
            platter: Platter::new(disk, start.fault),
            start: start.clone(),
            lots: Lots::new(start.seed),
            patience: (0, StateRole::Leader, 0),
            applied,
            output: Output::default(),
        };
        made.draw_patience();
        made
    }

    /// Theirs draws its election timeout from the process's randomness; here a lot of ours takes its place, after every
    /// call, so that a seed gives the same run.
    fn draw_patience(&mut self) {
        let (term, role) = (self.node.raft.term, self.node.raft.state);
        if (self.patience.0, self.patience.1) != (term, role) {
            let ticks = u64::from(self.start.election_ticks);
            self.patience = (term, role, (ticks + self.lots.below(ticks)) as usize);
        }
        self.node.raft.set_randomized_election_timeout(self.patience.2);
    }

    fn send(&mut self, messages: Vec<eraftpb::Message>) {
        let term = self.node.raft.term;
        for message in messages {
            let (from, to) = (message.from, message.to);
            self.output.packets.push(match message.msg_type {
                MessageType::MsgSnapshot => {
                    let metadata = message.get_snapshot().get_metadata();
                    let position = Position { term: metadata.term, index: metadata.index };
                    Packet::Snapshot { from, to, term: message.term, position }
                }
                _ => Packet::Theirs(message, term),
            });
        }
    }
}

impl Member for Theirs {
    fn kind(&self) -> Kind {
        Kind::Theirs
    }

    fn tick(&mut self) {
        self.node.tick();
        self.draw_patience();
    }

    fn campaign(&mut self) {
        self.node.campaign().expect("never refused");
        self.draw_patience();
    }

    fn propose(&mut self, payload: Bytes) -> bool {
        // As a follower it would forward it, for which ours has no message: there the drivers do it.
        self.state().leads && self.node.propose(Vec::new(), payload.to_vec()).is_ok()
    }

    fn read(&mut self, id: u64) {
        self.node.read_index(context(id).to_vec());
    }

    fn hand_over(&mut self, to: u64) -> bool {
        let is_possible = self.state().leads && to != self.start.id;
        if is_possible {
            self.node.transfer_leader(to);
        }
        is_possible
    }

    fn deliver(&mut self, packet: &Packet) {
        let message = match packet {
            Packet::Ours(message) => to_theirs(message, self.start.mistake),
            Packet::Theirs(message, _) => message.clone(),
            &Packet::Snapshot { from, to, term, position } => {
                let msg_type = MessageType::MsgSnapshot;
                let mut made = eraftpb::Message { msg_type, from, to, term, ..Default::default() };
                made.set_snapshot(snapshot(position, &self.start.voters));
                made
            }
        };
        self.node.step(message).expect("a message of another member");
        self.draw_patience();
    }

    fn snapshot_ended(&mut self, to: u64, reached: Option<u64>) {
        let status =
            if reached.is_some() { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.node.report_snapshot(to, status);
    }

    fn unreachable(&mut self, peer: u64) {
        self.node.report_unreachable(peer);
    }

    fn write(&mut self) -> bool {
        if !self.node.has_ready() {
            return false;
        }
        let mut ready = self.node.ready();
        let at_once = ready.take_messages();
        self.send(at_once);
        for read in ready.take_read_states() {
            let id = read.request_ctx.try_into().expect("a number of ours");
            self.output.reads.push((u64::from_be_bytes(id), read.index));
        }
        let committed: Vec<Entry> =
            ready.take_committed_entries().iter().map(entry_to_ours).collect();
        let last = committed.last().map(|entry| entry.index);
        self.applied.set(last.unwrap_or(self.applied.get()));
        self.output.done.extend(committed.into_iter().map(Done::Applied));

        let memory = self.node.store().memory.clone();
        let restored = (!ready.snapshot().is_empty()).then(|| {
            let metadata = ready.snapshot().get_metadata();
            Position { term: metadata.term, index: metadata.index }
        });
        if let Some(position) = restored {
            memory.wl().apply_snapshot(ready.snapshot().clone()).expect("newer than the log");
            self.applied.set(position.index);
            self.output.done.push(Done::Restored(position));
        }
        memory.wl().append(ready.entries()).expect("without gaps");
        if let Some(hard_state) = ready.hs() {
            memory.wl().set_hardstate(hard_state.clone());
        }
        let entries: Vec<Entry> = ready.entries().iter().map(entry_to_ours).collect();
        let hard_state = ready.hs().map(|one| {
            let (term, vote, commit) = (one.term, one.vote, one.commit);
            HardState { term, vote, commit }
        });
        let written = Written {
            number: ready.number(),
            messages: ready.take_persisted_messages(),
            restored: restored.map(|position| position.index),
        };
        self.platter.write(written, |disk| {
            if let Some(position) = restored {
                disk.restore(position);
            }
            disk.hard_state = hard_state.unwrap_or(disk.hard_state);
            disk.append(&entries);
        });
        self.node.advance_append_async(ready);
        if let Some(index) = last {
            self.node.advance_apply_to(index);
        }
        if restored.is_some() {
            // Theirs panics when it is to ask for votes while a snapshot is handed out and not durable yet: it looks
            // through its store for what it has not applied, and the store begins after that.
            while self.sync() {}
        }
        self.draw_patience();
        true
    }

    fn sync(&mut self) -> bool {
        let Some(written) = self.platter.sync() else { return false };
        self.node.on_persist_ready(written.number);
        if let Some(index) = written.restored {
            self.node.advance_apply_to(index);
        }
        self.send(written.messages);
        true
    }

    fn take(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    fn compact(&mut self) -> bool {
        let index = self.applied.get();
        let Some(term) = self.term_of(index) else { return false };
        let is_done = self.platter.compact(Position { term, index });
        if is_done {
            // All before `index`. It stays itself: the store cannot name the term of an entry that it gave away.
            self.node.store().memory.wl().compact(index).expect("it is there");
        }
        is_done
    }

    fn state(&self) -> State {
        let raft = &self.node.raft;
        State {
            term: raft.term,
            vote: raft.vote,
            leader: raft.leader_id,
            leads: raft.state == StateRole::Leader,
            campaigns: matches!(raft.state, StateRole::PreCandidate | StateRole::Candidate),
            commit: raft.raft_log.committed,
            applied: self.applied.get(),
        }
    }

    fn term_of(&self, index: u64) -> Option<u64> {
        // Theirs gives 0 for an entry that it does not have.
        self.node.raft.raft_log.term(index).ok().filter(|&term| term > 0 || index == 0)
    }

    fn durable(&self) -> &Disk {
        self.platter.durable()
    }

    fn unsynced(&self) -> usize {
        self.platter.unsynced()
    }

    fn crash(self: Box<Self>, spared: usize) -> Disk {
        self.platter.crash(spared)
    }
}

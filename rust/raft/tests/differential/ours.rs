//! A member of ours, driven as the crate's contract says.

use bytes::Bytes;
use coreos_raft::{
    Config, Limits, Membership, Position, Raft, Read, Recovered, Role, Said, Ticket,
};

use crate::disk::{Disk, Platter};
use crate::member::{Done, Kind, Member, Output, Start, State};
use crate::packet::Packet;
use crate::translate::{Mistake, to_ours};

pub struct Ours {
    raft: Raft,
    platter: Platter<Ticket>,
    membership: Membership,
    restored: Option<Position>,
    mistake: Option<Mistake>,
}

impl Ours {
    pub fn start(start: &Start, disk: Disk) -> Self {
        let limits = Limits {
            ready_bytes: 8 << 20,
            append_bytes: 300,
            in_flight_messages: 4,
            in_flight_bytes: 2_000,
            uncommitted_bytes: 4_000,
            kept_bytes: start.kept_bytes,
        };
        let Start { id, election_ticks, heartbeat_ticks, seed, .. } = *start;
        let config = Config { id, election_ticks, heartbeat_ticks, seed, limits };
        let membership = Membership::new(&start.voters, &[]);
        let recovered = Recovered {
            hard_state: disk.hard_state,
            before: disk.snapshot,
            entries: disk.entries.clone(),
            applied: disk.snapshot.index,
            membership: membership.clone(),
        };
        Self {
            raft: Raft::new(config, recovered).expect("a disk that a member has written"),
            platter: Platter::new(disk, start.fault),
            membership,
            restored: None,
            mistake: start.mistake,
        }
    }

    fn applied(&self) -> Position {
        let index = self.raft.applied();
        let term = self.raft.term_of(index).expect("the last applied entry is never forgotten");
        Position { term, index }
    }
}

impl Member for Ours {
    fn kind(&self) -> Kind {
        Kind::Ours
    }

    fn tick(&mut self) {
        self.raft.tick();
    }

    fn campaign(&mut self) {
        self.raft.campaign();
    }

    fn propose(&mut self, payload: Bytes) -> bool {
        self.raft.propose(payload).is_ok()
    }

    fn read(&mut self, id: u64) {
        self.raft.read(id);
    }

    fn hand_over(&mut self, to: u64) -> bool {
        self.raft.hand_over(to)
    }

    fn deliver(&mut self, packet: &Packet) {
        match packet {
            Packet::Ours(message) => self.raft.step(message.clone()),
            Packet::Theirs(message, term) => self.raft.step(to_ours(message, *term, self.mistake)),
            &Packet::Snapshot { from, term, position, .. } => {
                if self.raft.install(from, term, position, self.membership.clone()) {
                    self.restored = Some(position);
                }
            }
        }
    }

    fn snapshot_ended(&mut self, to: u64, reached: Option<u64>) {
        self.raft.snapshot_ended(to, reached);
    }

    fn unreachable(&mut self, peer: u64) {
        self.raft.unreachable(peer);
    }

    fn write(&mut self) -> bool {
        let Some(ready) = self.raft.ready() else { return false };
        self.platter.write(ready.ticket, |disk| {
            if let Some(position) = ready.restored {
                disk.restore(position);
            }
            if let Some(hard_state) = ready.hard_state {
                disk.hard_state = hard_state;
            }
            disk.append(&ready.entries);
        });
        true
    }

    fn sync(&mut self) -> bool {
        let Some(ticket) = self.platter.sync() else { return false };
        self.raft.persisted(ticket);
        true
    }

    fn take(&mut self) -> Output {
        let mut output = Output::default();
        output.done.extend(self.restored.take().map(Done::Restored));
        self.raft.take_committed(|entry| output.done.push(Done::Applied(entry)));
        for message in self.raft.take_messages() {
            output.packets.push(match message.said {
                Said::NeedsSnapshot => Packet::Snapshot {
                    from: message.from,
                    to: message.to,
                    term: message.term,
                    position: self.applied(),
                },
                _ => Packet::Ours(message),
            });
        }
        for read in self.raft.take_reads() {
            // A lost one is asked again by whoever wants to know. Theirs leaves it without an answer.
            if let Read::Ready { id, index } = read {
                output.reads.push((id, index));
            }
        }
        output
    }

    fn compact(&mut self) -> bool {
        // Of what is in memory it forgets by itself.
        self.platter.compact(self.applied())
    }

    fn state(&self) -> State {
        let hard_state = self.raft.hard_state();
        let role = self.raft.role();
        State {
            term: hard_state.term,
            vote: hard_state.vote,
            leader: self.raft.leader(),
            leads: role == Role::Leader,
            campaigns: matches!(role, Role::PreCandidate | Role::Candidate),
            commit: hard_state.commit,
            applied: self.raft.applied(),
        }
    }

    fn term_of(&self, index: u64) -> Option<u64> {
        self.raft.term_of(index)
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

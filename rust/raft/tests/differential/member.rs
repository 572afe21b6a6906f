//! What the two kinds of members have in common, for a world that does not want to know which is which.

use bytes::Bytes;
use coreos_raft::{Entry, Position};

use crate::disk::{Disk, Fault};
use crate::ours::Ours;
use crate::packet::Packet;
use crate::theirs::Theirs;
use crate::translate::Mistake;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Ours,
    Theirs,
}

impl Kind {
    pub const BOTH: [Self; 2] = [Self::Ours, Self::Theirs];
}

/// How a member is started.
#[derive(Clone, Debug)]
pub struct Start {
    pub id: u64,
    pub voters: Vec<u64>,
    pub election_ticks: u32,
    pub heartbeat_ticks: u32,
    pub seed: u64,
    /// Of applied entries, in memory. Only ours has such a bound; theirs keeps what its store does.
    pub kept_bytes: usize,
    pub mistake: Option<Mistake>,
    pub fault: Option<Fault>,
}

impl Start {
    pub fn member(&self, kind: Kind, disk: Disk) -> Box<dyn Member> {
        match kind {
            Kind::Ours => Box::new(Ours::start(self, disk)),
            Kind::Theirs => Box::new(Theirs::start(self, disk)),
        }
    }
}

/// What can be seen of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub term: u64,
    pub vote: u64,
    pub leader: u64,
    pub leads: bool,
    pub campaigns: bool,
    pub commit: u64,
    pub applied: u64,
}

/// What came out of a member.
#[derive(Debug, Default)]
pub struct Output {
    pub packets: Vec<Packet>,
    pub done: Vec<Done>,
    /// Reads that may be answered once so much is applied: id, index.
    pub reads: Vec<(u64, u64)>,
}

/// What happens to a state machine.
#[derive(Clone, Debug)]
pub enum Done {
    Applied(Entry),
    Restored(Position),
}

pub trait Member {
    fn kind(&self) -> Kind;
    fn tick(&mut self);
    fn campaign(&mut self);
    /// Whether it was taken. Only a leader takes one.
    fn propose(&mut self, payload: Bytes) -> bool;
    fn read(&mut self, id: u64);
    /// Whether it leads and has begun to.
    fn hand_over(&mut self, to: u64) -> bool;
    fn deliver(&mut self, packet: &Packet);
    /// A snapshot for `to` has arrived, with this reach, or not.
    fn snapshot_ended(&mut self, to: u64, reached: Option<u64>);
    /// The link to `peer` has broken.
    fn unreachable(&mut self, peer: u64);
    /// Hand out what is to be durable and write it, without a sync. Whether there was anything.
    fn write(&mut self) -> bool;
    /// Make the oldest write durable. Whether there was one.
    fn sync(&mut self) -> bool;
    fn take(&mut self) -> Output;
    /// Take a snapshot and forget the log before it, if it can be done now.
    fn compact(&mut self) -> bool;
    fn state(&self) -> State;
    /// Term of an entry in the log, if it is still known.
    fn term_of(&self, index: u64) -> Option<u64>;
    fn durable(&self) -> &Disk;
    fn unsynced(&self) -> usize;
    fn crash(self: Box<Self>, spared: usize) -> Disk;
}

//! What is going to happen, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use coreos_engine::peers::Frame;
use coreos_raft::Position;

/// One member's process, between a start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub slot: usize,
    pub life: u64,
}

/// A snapshot on its way.
#[derive(Clone)]
pub(super) struct Parcel {
    pub from: u64,
    pub sender: Process,
    pub to: u64,
    pub position: Position,
    pub time_ns: u64,
    pub bytes: Arc<Vec<u8>>,
}

/// What a member's links tell it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Connected(u64),
    Unreachable(u64),
    Gone(u64),
    Removed,
}

pub(super) enum Event {
    /// A frame arrives.
    Frame { from: u64, to: u64, frame: Frame },
    /// A link says something.
    Link(Process, Link),
    /// The ticker wakes.
    Tick(Process),
    /// The log thread looks what there is to do.
    Log(Process),
    /// The batch goes to the disk.
    Write(Process),
    /// The log thread says that it is there.
    Written(Process),
    /// One of the jobs ends.
    Job(Process),
    /// Whoever held the applying lock lets go.
    CarryOut(Process),
    /// A snapshot arrives.
    Parcel(Parcel),
    /// The sender hears how it ended.
    ParcelEnded(Process, u64, Option<u64>),
    /// A leader that hands over has waited long enough.
    Stop(Process),
    /// The process ends.
    End(Process),
    /// Somebody starts the member.
    Start(usize),
    /// A client has something to do.
    Client(usize, u64),
    /// A watcher has something to do.
    Watcher(usize, u64),
    /// Something goes wrong.
    Fault,
    /// The network is mended.
    Mend(u64),
    /// There is room on the disk again.
    Room(usize),
}

impl Event {
    /// Whose it is, if it cannot happen while that member does not run.
    pub fn process(&self) -> Option<Process> {
        match *self {
            Event::Link(process, _)
            | Event::Tick(process)
            | Event::Log(process)
            | Event::Write(process)
            | Event::Written(process)
            | Event::Job(process)
            | Event::CarryOut(process)
            | Event::ParcelEnded(process, ..)
            | Event::Stop(process)
            | Event::End(process) => Some(process),
            _ => None,
        }
    }
}

/// By time, and of the same time in the order in which they were added.
#[derive(Default)]
pub(super) struct Events {
    queue: BTreeMap<(u64, u64), Event>,
    count: u64,
}

impl Events {
    pub fn add(&mut self, at_ns: u64, event: Event) {
        self.count += 1;
        self.queue.insert((at_ns, self.count), event);
    }

    pub fn next(&mut self) -> Option<(u64, Event)> {
        self.queue.pop_first().map(|((at_ns, _), event)| (at_ns, event))
    }
}

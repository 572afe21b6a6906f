//! What a leader knows about one peer, and how much it may send to it.

use std::collections::VecDeque;

use crate::config::Limits;

/// How entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// One append at a time, to find out where the logs meet.
    Probe {
        /// One is on its way; the next heartbeat's reply allows another.
        waits: bool,
    },
    /// Append after append, without waiting for replies.
    Replicate,
    /// It needs a snapshot. Nothing is sent until that has ended.
    Snapshot {
        /// The oldest entry in memory when that was found: the snapshot reaches at least to the one before it.
        pinned: u64,
    },
}

/// The entries that have to stay in memory, or the snapshot was for nothing: while it was on its way, more may have
/// been appended than is kept otherwise.
#[derive(Clone, Copy, Debug)]
struct CatchingUp {
    /// What the peer has.
    after: u64,
    /// The leader's last entry when the snapshot had ended.
    until: u64,
}

/// A peer as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Up to here its log is durable and the leader's.
    pub matched: u64,
    /// The next entry that it is sent.
    pub next: u64,
    /// It has said something lately: within the last election timeout, or in the one before.
    pub is_heard: bool,
    /// How it is sent entries.
    pub state: PeerState,
}

/// How a peer is sent entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// One append at a time, until it is known where the logs meet.
    Probe,
    /// Append after append.
    Replicate,
    /// Not at all, until the snapshot on its way has ended.
    Snapshot,
}

#[derive(Debug)]
pub(crate) struct Progress {
    /// Up to here the peer's log is durable and the leader's.
    pub matched: u64,
    /// The next entry to send.
    pub next: u64,
    pub sending: Sending,
    /// It has said something since the leader last looked.
    pub is_active: bool,
    /// It had, when the leader last looked.
    was_active: bool,
    /// It goes on from the log behind a snapshot.
    catching_up: Option<CatchingUp>,
    /// Last entry and bytes of each append on its way, oldest first.
    in_flight: VecDeque<(u64, usize)>,
    in_flight_bytes: usize,
}

impl Progress {
    pub fn new(next: u64) -> Self {
        Self {
            matched: 0,
            next,
            sending: Sending::Probe { waits: false },
            is_active: false,
            was_active: false,
            catching_up: None,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }

    pub fn seen(&self) -> Peer {
        Peer {
            matched: self.matched,
            next: self.next,
            is_heard: self.is_active || self.was_active,
            state: match self.sending {
                Sending::Probe { .. } => PeerState::Probe,
                Sending::Replicate => PeerState::Replicate,
                Sending::Snapshot { .. } => PeerState::Snapshot,
            },
        }
    }

    pub fn is_paused(&self, limits: &Limits) -> bool {
        match self.sending {
            Sending::Probe { waits } => waits,
            Sending::Replicate => {
                self.in_flight.len() >= limits.in_flight_messages
                    || self.in_flight_bytes >= limits.in_flight_bytes
            }
            Sending::Snapshot { .. } => true,
        }
    }

    /// An append up to `last` with this many bytes of payload goes out; `is_empty`: it has no entries.
    pub fn sent(&mut self, last: u64, bytes: usize, is_empty: bool) {
        match &mut self.sending {
            Sending::Probe { waits } => *waits = true,
            Sending::Replicate if !is_empty => {
                self.next = last + 1;
                self.in_flight.push_back((last, bytes));
                self.in_flight_bytes += bytes;
            }
            Sending::Replicate | Sending::Snapshot { .. } => {}
        }
    }

    /// The peer has everything up to `matched`. Whether that is news.
    pub fn accepted(&mut self, matched: u64) -> bool {
        while let Some(&(_, bytes)) = self.in_flight.front().filter(|(last, _)| *last <= matched) {
            self.in_flight.pop_front();
            self.in_flight_bytes -= bytes;
        }
        self.next = self.next.max(matched + 1);
        let is_news = matched > self.matched;
        self.matched = self.matched.max(matched);
        if let Some(catching_up) = &mut self.catching_up {
            catching_up.after = catching_up.after.max(matched);
            self.catching_up = self.catching_up.filter(|one| one.after < one.until);
        }
        is_news
    }

    /// The peer does not have the entry `before`, and would have `hint` at most. Whether that is news.
    pub fn rejected(&mut self, before: u64, hint: u64) -> bool {
        match self.sending {
            // An old reply: it has been answered by a later acceptance.
            Sending::Replicate if before <= self.matched => return false,
            Sending::Replicate => {}
            // Not the reply to the append that is on its way.
            Sending::Probe { .. } if self.next != before + 1 => return false,
            Sending::Probe { .. } => {}
            Sending::Snapshot { .. } => return false,
        }
        self.probe((hint + 1).min(before).max(self.matched + 1));
        true
    }

    pub fn probe(&mut self, next: u64) {
        self.next = next;
        self.sending = Sending::Probe { waits: false };
        self.forget_in_flight();
    }

    pub fn replicate(&mut self) {
        self.next = self.matched + 1;
        self.sending = Sending::Replicate;
        self.forget_in_flight();
    }

    pub fn snapshot(&mut self, pinned: u64) {
        self.sending = Sending::Snapshot { pinned };
        self.forget_in_flight();
    }

    /// It has a snapshot to `after`, and the log goes on to `until`.
    pub fn catch_up(&mut self, after: u64, until: u64) {
        self.catching_up = Some(CatchingUp { after, until }).filter(|one| one.after < one.until);
    }

    /// Whether it has been heard since this was last asked. For one that is silent nothing is kept.
    pub fn take_activity(&mut self) -> bool {
        let is_active = std::mem::take(&mut self.is_active);
        self.was_active = is_active;
        if !is_active {
            self.catching_up = None;
        }
        is_active
    }

    /// After which entry the log has to stay in memory for it.
    pub fn pinned(&self) -> Option<u64> {
        match self.sending {
            Sending::Snapshot { pinned } => Some(pinned),
            _ => self.catching_up.map(|one| one.after),
        }
    }

    /// A heartbeat was answered: what was on its way before may have been lost.
    pub fn heard(&mut self, limits: &Limits) {
        self.is_active = true;
        if let Sending::Probe { waits } = &mut self.sending {
            *waits = false;
        }
        if self.sending == Sending::Replicate && self.is_paused(limits) {
            // Room for one more, whose reply tells the truth about all of them.
            if let Some((_, bytes)) = self.in_flight.pop_front() {
                self.in_flight_bytes -= bytes;
            }
        }
    }

    fn forget_in_flight(&mut self) {
        self.in_flight.clear();
        self.in_flight_bytes = 0;
    }
}

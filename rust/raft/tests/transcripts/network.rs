//! What is on its way between members. Nothing arrives unless the transcript says so.

use coreos_raft::{Membership, Message, Position};

use super::words;

/// What there is to say, by its first word.
pub const KINDS: [&str; 17] = [
    "pre-vote",
    "pre-vote-yes",
    "pre-vote-no",
    "vote",
    "vote-yes",
    "vote-no",
    "append",
    "accepted",
    "rejected",
    "heartbeat",
    "heartbeat-reply",
    "read",
    "read-reply",
    "timeout-now",
    "outdated",
    "snapshot",
    "snapshot-ended",
];

/// One thing on its way.
#[derive(Clone, Debug)]
pub enum Packet {
    Message(Message),
    /// On a stream of its own.
    Snapshot {
        from: u64,
        to: u64,
        term: u64,
        position: Position,
        membership: Membership,
    },
    /// The stream from `to` to `from` is at its end; up to where the receiver has it.
    Ended {
        from: u64,
        to: u64,
        reached: Option<u64>,
    },
}

impl Packet {
    pub fn from(&self) -> u64 {
        match self {
            Self::Message(message) => message.from,
            Self::Snapshot { from, .. } | Self::Ended { from, .. } => *from,
        }
    }

    pub fn to(&self) -> u64 {
        match self {
            Self::Message(message) => message.to,
            Self::Snapshot { to, .. } | Self::Ended { to, .. } => *to,
        }
    }

    pub fn kind(&self) -> String {
        let words = match self {
            Self::Message(message) => words::said(&message.said),
            Self::Snapshot { .. } => "snapshot".into(),
            Self::Ended { .. } => "snapshot-ended".into(),
        };
        words.split(' ').next().unwrap_or_default().to_owned()
    }

    pub fn words(&self) -> String {
        match self {
            Self::Message(message) => words::message(message),
            Self::Snapshot { from, to, term, position, membership } => {
                let (to_where, who) = (words::position(*position), words::membership(membership));
                format!("{from}->{to} term {term} snapshot to {to_where}, {who}")
            }
            Self::Ended { from, to, reached: Some(reached) } => {
                format!("{from}->{to} snapshot-ended at {reached}")
            }
            Self::Ended { from, to, reached: None } => format!("{from}->{to} snapshot-ended badly"),
        }
    }
}

/// Which packets: all that fit, or only the first few, or the last one.
#[derive(Clone, Debug, Default)]
pub struct Which {
    pub from: Option<u64>,
    pub to: Option<u64>,
    pub kind: Option<String>,
    pub count: Option<usize>,
    pub is_last: bool,
}

impl Which {
    fn fits(&self, packet: &Packet) -> bool {
        self.from.is_none_or(|from| from == packet.from())
            && self.to.is_none_or(|to| to == packet.to())
            && self.kind.as_ref().is_none_or(|kind| *kind == packet.kind())
    }
}

#[derive(Debug, Default)]
pub struct Network {
    packets: Vec<Packet>,
    /// One-way links that lose everything.
    cut: Vec<(u64, u64)>,
}

impl Network {
    /// Whether it is on its way; else the link is cut.
    pub fn send(&mut self, packet: Packet) -> bool {
        let is_sent = !self.cut.contains(&(packet.from(), packet.to()));
        if is_sent {
            self.packets.push(packet);
        }
        is_sent
    }

    /// Take out what fits, in the order in which it was sent.
    pub fn take(&mut self, which: &Which) -> Vec<Packet> {
        if which.is_last {
            let last = self.packets.iter().rposition(|packet| which.fits(packet));
            return last.map(|place| self.packets.remove(place)).into_iter().collect();
        }
        let mut left = which.count.unwrap_or(usize::MAX);
        let mut fits = |packet: &mut Packet| {
            let fits = left > 0 && which.fits(packet);
            left -= usize::from(fits);
            fits
        };
        self.packets.extract_if(.., &mut fits).collect()
    }

    /// Put it back, behind all others.
    pub fn put(&mut self, packet: Packet) {
        self.packets.push(packet);
    }

    pub fn cut(&mut self, from: u64, to: u64) {
        self.cut.push((from, to));
    }

    pub fn mend(&mut self) {
        self.cut.clear();
    }

    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }
}

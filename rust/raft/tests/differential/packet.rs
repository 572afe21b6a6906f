//! What travels between members.

use coreos_raft::{Message, Position, Said};
use raft::eraftpb;

use crate::member::Kind;
use crate::translate::to_ours;

/// One message, as its sender put it.
#[derive(Clone, Debug)]
pub enum Packet {
    /// Of one of ours.
    Ours(Message),
    /// Of one of theirs, which was in this term when it said so.
    Theirs(eraftpb::Message, u64),
    /// A snapshot. Both kinds leave the state machine to the driver. Ours asks for one to be sent
    /// (`NeedsSnapshot`) and never sees it; theirs makes the message itself. The stream is the same.
    Snapshot { from: u64, to: u64, term: u64, position: Position },
}

impl Packet {
    pub fn ends(&self) -> (u64, u64) {
        match self {
            Self::Ours(message) => (message.from, message.to),
            Self::Theirs(message, _) => (message.from, message.to),
            Self::Snapshot { from, to, .. } => (*from, *to),
        }
    }

    /// Whose words are translated for a receiver, if they are, and which.
    pub fn translated_for(&self, receiver: Kind) -> Option<(Kind, &'static str)> {
        match self {
            Self::Ours(message) if receiver == Kind::Theirs => {
                Some((Kind::Ours, name(&message.said)))
            }
            Self::Theirs(message, term) if receiver == Kind::Ours => {
                Some((Kind::Theirs, name(&to_ours(message, *term, None).said)))
            }
            _ => None,
        }
    }
}

/// Names of everything that is translated.
pub const NAMES: [&str; 17] = [
    "pre-vote",
    "pre-vote granted",
    "pre-vote refused",
    "vote",
    "vote as successor",
    "vote granted",
    "vote refused",
    "append",
    "accepted",
    "rejected",
    "heartbeat",
    "heartbeat with reads",
    "heartbeat reply",
    "read",
    "read reply",
    "timeout now",
    "outdated",
];

fn name(said: &Said) -> &'static str {
    match said {
        Said::PreVote { .. } => "pre-vote",
        Said::PreVoteReply { granted: true } => "pre-vote granted",
        Said::PreVoteReply { granted: false } => "pre-vote refused",
        Said::Vote { is_transfer: false, .. } => "vote",
        Said::Vote { is_transfer: true, .. } => "vote as successor",
        Said::VoteReply { granted: true } => "vote granted",
        Said::VoteReply { granted: false } => "vote refused",
        Said::Append { .. } => "append",
        Said::Accepted { .. } => "accepted",
        Said::Rejected { .. } => "rejected",
        Said::Heartbeat { round: 0, .. } => "heartbeat",
        Said::Heartbeat { .. } => "heartbeat with reads",
        Said::HeartbeatReply { .. } => "heartbeat reply",
        Said::Read { .. } => "read",
        Said::ReadReply { .. } => "read reply",
        Said::TimeoutNow => "timeout now",
        Said::Outdated => "outdated",
        Said::NeedsSnapshot => "needs a snapshot",
    }
}

//! What members say to each other.

use crate::entry::{Entry, Position};

/// From one member to another. It may be lost, delayed, doubled or overtaken; it is never altered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub from: u64,
    /// To whom.
    pub to: u64,
    /// The sender's term; of a [`Said::PreVote`] and of the yes to it, the term that the candidate would begin.
    pub term: u64,
    /// What.
    pub said: Said,
}

/// The content of a [`Message`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Would you vote for me? Changes nothing, so that a member that was cut off does not disturb the others.
    PreVote {
        /// The sender's last entry.
        last: Position,
    },
    /// To [`Said::PreVote`].
    PreVoteReply {
        /// Yes.
        granted: bool,
    },
    /// Vote for me.
    Vote {
        /// The sender's last entry.
        last: Position,
        /// The leader has asked for this election: no reason to stand by it.
        is_transfer: bool,
    },
    /// To [`Said::Vote`].
    VoteReply {
        /// Yes.
        granted: bool,
    },
    /// A leader's entries. Without any, a question whether `before` is there.
    Append {
        /// The entry before the first of them.
        before: Position,
        /// In order, without gaps.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: u64,
    },
    /// To [`Said::Append`], or to a snapshot: everything up to `matched` is there as the leader has it, durable.
    Accepted {
        /// The last entry that is the same.
        matched: u64,
    },
    /// To [`Said::Append`]: `before` is not there.
    Rejected {
        /// Its index.
        before: u64,
        /// The last place at or below it where the logs may still be the same.
        hint: Position,
    },
    /// The leader is there.
    Heartbeat {
        /// The commit index, as far as the receiver is known to have the log.
        commit: u64,
        /// Number of the last round of reads, to be given back.
        round: u64,
    },
    /// To [`Said::Heartbeat`].
    HeartbeatReply {
        /// As given.
        round: u64,
    },
    /// The receiver needs more than the log still has. It is for the sender's driver: see the crate's duties.
    NeedsSnapshot,
    /// What is the commit index, confirmed by a majority?
    Read {
        /// Of the asker, to know the answer by.
        id: u64,
    },
    /// To [`Said::Read`].
    ReadReply {
        /// As given.
        id: u64,
        /// What was committed when it was asked.
        index: u64,
    },
    /// Begin an election at once: the leader hands over.
    TimeoutNow,
    /// The receiver's term is over; the message's term is the one that has begun.
    Outdated,
}

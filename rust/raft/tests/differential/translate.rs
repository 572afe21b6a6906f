//! Our messages in tikv's words, and back. The meanings are the same; where the two differ, it stands at the place.
//!
//! Left out, because only one of the two has it:
//! - theirs says in votes and replies how far it has committed (`commit`, `commit_term`), by which a candidate can
//!   catch up, and a leader can know how far its peers are. Ours does not, and takes no notice.
//! - theirs has priorities, follower-requested snapshots and proposals forwarded by followers; none is used here.
//!   A message that asks for one of them stops the test.

use bytes::Bytes;
use coreos_raft::{Entry, Message, Position, Said};
use raft::CAMPAIGN_TRANSFER;
use raft::eraftpb::{self, MessageType};

/// A wrong translation, for the controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A refused vote becomes a granted one.
    Vote,
    /// An append's commit index is one too high.
    Commit,
    /// An append's entries get the term of the message.
    EntryTerm,
    /// An append begins one entry later than it says.
    Before,
    /// An acceptance names one entry more.
    Accepted,
    /// A heartbeat's reply loses the round of reads.
    Round,
    /// An answered read has no index.
    ReadIndex,
    /// A snapshot says that it reaches one entry further.
    Snapshot,
}

impl Mistake {
    pub const ALL: [Self; 8] = [
        Self::Vote,
        Self::Commit,
        Self::EntryTerm,
        Self::Before,
        Self::Accepted,
        Self::Round,
        Self::ReadIndex,
        Self::Snapshot,
    ];
}

fn number(context: &Bytes) -> u64 {
    match <[u8; 8]>::try_from(&context[..]) {
        Ok(bytes) => u64::from_be_bytes(bytes),
        Err(_) => 0,
    }
}

/// Numbers of reads and rounds, from 1, as theirs carries them; 0 is no context.
pub fn context(number: u64) -> Bytes {
    match number {
        0 => Bytes::new(),
        number => Bytes::copy_from_slice(&number.to_be_bytes()),
    }
}

pub fn entry_to_theirs(entry: &Entry) -> eraftpb::Entry {
    let Entry { term, index, ref payload } = *entry;
    eraftpb::Entry { term, index, data: payload.clone(), ..eraftpb::Entry::default() }
}

/// In both the entry that begins a term is empty. Theirs marks changes of the membership by type; there are none here.
pub fn entry_to_ours(entry: &eraftpb::Entry) -> Entry {
    assert_eq!(entry.entry_type, eraftpb::EntryType::EntryNormal, "the membership is fixed");
    Entry { term: entry.term, index: entry.index, payload: entry.data.clone() }
}

pub fn to_theirs(message: &Message, mistake: Option<Mistake>) -> eraftpb::Message {
    use MessageType as Type;
    let mut made = eraftpb::Message { from: message.from, to: message.to, ..Default::default() };
    made.term = message.term;
    let place = |made: &mut eraftpb::Message, position: Position| {
        (made.index, made.log_term) = (position.index, position.term);
    };
    made.msg_type = match message.said.clone() {
        Said::PreVote { last } => {
            place(&mut made, last);
            Type::MsgRequestPreVote
        }
        Said::PreVoteReply { granted } => {
            made.reject = !granted;
            Type::MsgRequestPreVoteResponse
        }
        Said::Vote { last, is_transfer } => {
            place(&mut made, last);
            if is_transfer {
                made.context = Bytes::from_static(CAMPAIGN_TRANSFER);
            }
            Type::MsgRequestVote
        }
        Said::VoteReply { granted } => {
            made.reject = !granted && mistake != Some(Mistake::Vote);
            Type::MsgRequestVoteResponse
        }
        Said::Append { before, entries, commit } => {
            place(&mut made, before);
            made.index += u64::from(mistake == Some(Mistake::Before) && !entries.is_empty());
            made.commit = commit + u64::from(mistake == Some(Mistake::Commit));
            let mut entries: Vec<_> = entries.iter().map(entry_to_theirs).collect();
            if mistake == Some(Mistake::EntryTerm) {
                entries.iter_mut().for_each(|entry| entry.term = message.term);
            }
            made.entries = entries.into();
            Type::MsgAppend
        }
        Said::Accepted { matched } => {
            made.index = matched + u64::from(mistake == Some(Mistake::Accepted));
            Type::MsgAppendResponse
        }
        // The same hint: the last place at or below `before` whose term is no greater than the append's. Where ours
        // does not know the terms any more, it says term 0, for which theirs goes to the place without a search, as it
        // does for peers from before there was a term in the hint.
        Said::Rejected { before, hint } => {
            made.reject = true;
            (made.index, made.reject_hint, made.log_term) = (before, hint.index, hint.term);
            Type::MsgAppendResponse
        }
        // Theirs gives each read a context of its own and has it confirmed with a heartbeat at once; ours numbers
        // rounds of heartbeats. Followers of both kinds give back what they got, without a look at it.
        Said::Heartbeat { commit, round } => {
            (made.commit, made.context) = (commit, context(round));
            Type::MsgHeartbeat
        }
        Said::HeartbeatReply { round } => {
            made.context = context(if mistake == Some(Mistake::Round) { 0 } else { round });
            Type::MsgHeartbeatResponse
        }
        // Theirs knows a read by its context alone, whoever asked: ids must be unique over all members. It takes such a
        // question for a local one, without a term; ours takes one of its own term only.
        Said::Read { id } => {
            made.term = 0;
            made.entries = vec![asked(id)].into();
            Type::MsgReadIndex
        }
        // Theirs commits up to `index` on this word, if the entry there is of the message's term. That is right: ours
        // too answers only when it has committed an entry of its term, and in that term.
        Said::ReadReply { id, index } => {
            made.index = if mistake == Some(Mistake::ReadIndex) { 0 } else { index };
            made.entries = vec![asked(id)].into();
            Type::MsgReadIndexResp
        }
        Said::TimeoutNow => Type::MsgTimeoutNow,
        // Theirs says it as an acceptance of nothing.
        Said::Outdated => Type::MsgAppendResponse,
        Said::NeedsSnapshot => unreachable!("it is for the driver: see Packet::Snapshot"),
    };
    made
}

fn asked(id: u64) -> eraftpb::Entry {
    eraftpb::Entry { data: context(id), ..eraftpb::Entry::default() }
}

/// `term` is the sender's.
pub fn to_ours(message: &eraftpb::Message, term: u64, mistake: Option<Mistake>) -> Message {
    use MessageType as Type;
    assert_eq!((message.request_snapshot, message.priority), (0, 0), "not in use");
    let index = message.index;
    let position = Position { term: message.log_term, index };
    let is_refused = message.reject;
    let said = match message.msg_type {
        Type::MsgRequestPreVote => Said::PreVote { last: position },
        Type::MsgRequestPreVoteResponse => Said::PreVoteReply { granted: !is_refused },
        Type::MsgRequestVote => {
            let is_transfer = &message.context[..] == CAMPAIGN_TRANSFER;
            Said::Vote { last: position, is_transfer }
        }
        Type::MsgRequestVoteResponse => {
            Said::VoteReply { granted: !is_refused || mistake == Some(Mistake::Vote) }
        }
        Type::MsgAppend => {
            let mut entries: Vec<Entry> = message.entries.iter().map(entry_to_ours).collect();
            if mistake == Some(Mistake::EntryTerm) {
                entries.iter_mut().for_each(|entry| entry.term = message.term);
            }
            let skipped = u64::from(mistake == Some(Mistake::Before) && !entries.is_empty());
            Said::Append {
                before: Position { index: index + skipped, ..position },
                entries,
                commit: message.commit + u64::from(mistake == Some(Mistake::Commit)),
            }
        }
        Type::MsgAppendResponse if is_refused => Said::Rejected {
            before: index,
            hint: Position { term: message.log_term, index: message.reject_hint },
        },
        // Of an append without entries to an empty log it may be a true acceptance as well, of nothing.
        Type::MsgAppendResponse if index == 0 => Said::Outdated,
        Type::MsgAppendResponse => {
            Said::Accepted { matched: index + u64::from(mistake == Some(Mistake::Accepted)) }
        }
        Type::MsgHeartbeat => {
            Said::Heartbeat { commit: message.commit, round: number(&message.context) }
        }
        Type::MsgHeartbeatResponse if mistake == Some(Mistake::Round) => {
            Said::HeartbeatReply { round: 0 }
        }
        Type::MsgHeartbeatResponse => Said::HeartbeatReply { round: number(&message.context) },
        Type::MsgReadIndex => Said::Read { id: number(&message.entries[0].data) },
        Type::MsgReadIndexResp => {
            let index = if mistake == Some(Mistake::ReadIndex) { 0 } else { index };
            Said::ReadReply { id: number(&message.entries[0].data), index }
        }
        Type::MsgTimeoutNow => Said::TimeoutNow,
        other => unreachable!("{other:?} does not travel here"),
    };
    let term = if message.msg_type == Type::MsgReadIndex { term } else { message.term };
    Message { from: message.from, to: message.to, term, said }
}

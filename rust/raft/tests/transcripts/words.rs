//! How what members say and do is written in a transcript.

use std::fmt::Display;

use coreos_raft::{
    Change, Entry, HardState, Membership, Message, Peer, PeerState, Position, Raft, Ready, Role,
    Said,
};

/// Several, with something between them.
pub fn join<T: Display>(parts: impl IntoIterator<Item = T>, between: &str) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(between)
}

/// Term and index.
pub fn position(position: Position) -> String {
    format!("{}/{}", position.term, position.index)
}

/// Place and payload; the no-op that begins a term is a dash.
pub fn entry(entry: &Entry) -> String {
    let payload = String::from_utf8_lossy(&entry.payload);
    let payload = if payload.is_empty() { "-".into() } else { payload };
    format!("{} {payload}", position(entry.position()))
}

pub fn entries(entries: &[Entry]) -> String {
    join(entries.iter().map(entry), ", ")
}

pub fn membership(membership: &Membership) -> String {
    let mut words = format!("voters {}", join(membership.voters(), " "));
    if !membership.learners().is_empty() {
        words += &format!(" learners {}", join(membership.learners(), " "));
    }
    words
}

/// A change of the membership is the payload that it is written as.
pub fn change(payload: &[u8]) -> Option<Change> {
    let words = std::str::from_utf8(payload).ok()?;
    let (kind, id) = words.split_once(' ')?;
    let id = id.parse().ok()?;
    match kind {
        "add-voter" => Some(Change::AddVoter(id)),
        "add-learner" => Some(Change::AddLearner(id)),
        "remove" => Some(Change::Remove(id)),
        _ => None,
    }
}

/// The first word of what is said: by it messages are chosen.
pub fn said(said: &Said) -> String {
    match said {
        Said::PreVote { last } => format!("pre-vote log to {}", position(*last)),
        Said::PreVoteReply { granted } => {
            if *granted { "pre-vote-yes" } else { "pre-vote-no" }.into()
        }
        Said::Vote { last, is_transfer } => {
            let why = if *is_transfer { ", told to stand" } else { "" };
            format!("vote log to {}{why}", position(*last))
        }
        Said::VoteReply { granted } => if *granted { "vote-yes" } else { "vote-no" }.into(),
        Said::Append { before, entries: sent, commit } => {
            let sent = if sent.is_empty() { "nothing".into() } else { entries(sent) };
            format!("append after {}: {sent}; commit {commit}", position(*before))
        }
        Said::Accepted { matched } => format!("accepted to {matched}"),
        Said::Rejected { before, hint } => {
            format!("rejected {before}, at most {}", position(*hint))
        }
        Said::Heartbeat { commit, round: 0 } => format!("heartbeat commit {commit}"),
        Said::Heartbeat { commit, round } => format!("heartbeat commit {commit}, reads {round}"),
        Said::HeartbeatReply { round: 0 } => "heartbeat-reply".into(),
        Said::HeartbeatReply { round } => format!("heartbeat-reply reads {round}"),
        Said::NeedsSnapshot => "needs-snapshot".into(),
        Said::Read { id } => format!("read {id}"),
        Said::ReadReply { id, index } => format!("read-reply {id} at {index}"),
        Said::TimeoutNow => "timeout-now".into(),
        Said::Outdated => "outdated".into(),
    }
}

pub fn message(message: &Message) -> String {
    let Message { from, to, term, said: what } = message;
    format!("{from}->{to} term {term} {}", said(what))
}

/// What storage was given.
pub fn ready(ready: &Ready) -> String {
    let mut parts = Vec::new();
    if let Some(restored) = ready.restored {
        parts.push(format!("a snapshot to {} in place of the log", position(restored)));
    }
    if let Some(HardState { term, vote, commit }) = ready.hard_state {
        parts.push(format!("term {term} vote {vote} commit {commit}"));
    }
    if !ready.entries.is_empty() {
        parts.push(entries(&ready.entries));
    }
    if !ready.must_sync {
        parts.push("no hurry".into());
    }
    parts.join("; ")
}

/// What a member is and knows: its line changes when that does.
pub fn standing(raft: &Raft) -> String {
    let term = raft.hard_state().term;
    match (raft.role(), raft.leader()) {
        (Role::Leader, _) => format!("leads in term {term}"),
        (Role::Candidate, _) => format!("stands in term {term}"),
        (Role::PreCandidate, _) => format!("asks around in term {term}"),
        (Role::Follower, 0) => format!("follows nobody in term {term}"),
        (Role::Follower, leader) => format!("follows {leader} in term {term}"),
    }
}

/// What a leader knows of a peer, and whether it would hand over to it.
pub fn peer(raft: &Raft, id: u64) -> String {
    let Some(Peer { matched, next, is_heard, state }) = raft.peer(id) else {
        return format!("knows nothing of {id}");
    };
    let state = match state {
        PeerState::Probe => "asked where the logs meet",
        PeerState::Replicate => "sent what comes",
        PeerState::Snapshot => "sent a snapshot",
    };
    let heard = if is_heard { "heard" } else { "not heard" };
    let best = if raft.best_successor() == Some(id) { ", best successor" } else { "" };
    format!("knows of {id}: has {matched}, next {next}, {heard}, {state}{best}")
}

/// All that can be seen of a member.
pub fn state(raft: &Raft) -> String {
    let HardState { vote, commit, .. } = raft.hard_state();
    format!(
        "{}, vote {vote}, log to {}, durable {}, committed {commit}, applied {}, {}",
        standing(raft),
        position(raft.last()),
        raft.persisted_index(),
        raft.applied(),
        membership(raft.membership()),
    )
}

//! A new cluster: every one of its first members begins with the same entries, which add all of them.

use coreos_raft::{Entry, HardState, Recovered};
use coreos_store::{Body, Command, RequestId};
use coreos_wal::{Batch, Identity, Wal};

use crate::config::{Joining, MemberConfig};
use crate::error::{EngineError, ErrorKind};
use crate::ids::{cluster_id, member_id};

/// The entries of a founding are of term 1 in etcd, so that the first leader has term 2.
const TERM: u64 = 1;

/// A member of a new cluster, and its peer URLs.
pub(super) type Founder = (u64, Vec<String>);

/// Who the new member is, and the cluster's first members by id, unless it joins one that exists.
pub(super) fn founding(
    config: &MemberConfig,
) -> Result<(Identity, Option<Vec<Founder>>), EngineError> {
    let token = config.token_or_default().to_owned();
    let name = config.name.clone();
    if let Some(Joining { member_id, cluster_id }) = config.joining {
        return Ok((Identity { cluster_id, member_id, token, name }, None));
    }
    let ids = config.initial_cluster.iter().map(|(_, urls)| (member_id(urls, &token), urls));
    let mut founders: Vec<Founder> = ids.map(|(id, urls)| (id, urls.clone())).collect();
    founders.sort_unstable();
    if let Some(pair) = founders.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let message = format!("two members have the same peer URLs: {}", pair[0].1.join(","));
        return Err(EngineError::new(ErrorKind::Config, message));
    }
    let own = config.initial_cluster.iter().find(|(other, _)| *other == name);
    let Some((_, urls)) = own else {
        let message =
            format!("couldn't find local name \"{name}\" in the initial cluster configuration");
        return Err(EngineError::new(ErrorKind::Config, message));
    };
    let all: Vec<u64> = founders.iter().map(|(id, _)| *id).collect();
    let (cluster_id, member_id) = (cluster_id(&all), member_id(urls, &token));
    Ok((Identity { cluster_id, member_id, token, name }, Some(founders)))
}

/// Write the founding entries, all of them committed, and give what a start finds then.
pub(super) fn found(wal: &mut Wal, founders: &[Founder]) -> Result<Recovered, EngineError> {
    let bodies = founders.iter().map(|(id, peer_urls)| Body::AddMember {
        id: *id,
        peer_urls: peer_urls.clone(),
        is_learner: false,
    });
    let entries = entries(TERM, 1, bodies);
    let commit = entries.len() as u64;
    let hard_state = HardState { term: TERM, vote: 0, commit };
    write(wal, 1, hard_state, &entries)?;
    Ok(Recovered { hard_state, entries, ..Recovered::default() })
}

/// Entries that nobody has proposed, from `first` on.
pub(super) fn entries(term: u64, first: u64, bodies: impl Iterator<Item = Body>) -> Vec<Entry> {
    let entry = |(index, body)| {
        let mut payload = Vec::new();
        Command { request: RequestId::default(), time_ns: 0, body }.encode(&mut payload);
        Entry { term, index, payload: payload.into() }
    };
    (first..).zip(bodies).map(entry).collect()
}

/// Write the first batch of a start.
pub(super) fn write(
    wal: &mut Wal,
    incarnation: u64,
    state: HardState,
    entries: &[Entry],
) -> Result<(), EngineError> {
    let mut batch = Batch::new();
    batch.start(incarnation);
    batch.hard_state(state.term, state.vote, state.commit);
    for Entry { term, index, payload } in entries {
        batch.entry(*term, *index, payload);
    }
    wal.write(&mut batch).map_err(|error| EngineError::new(ErrorKind::Io, error.to_string()))
}

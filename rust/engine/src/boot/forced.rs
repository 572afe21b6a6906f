//! `--force-new-cluster`: a cluster of one member from what one data directory has (etcd-v2 section 6.5).

use coreos_raft::HardState;
use coreos_store::Body;
use coreos_wal::{Identity, Wal};

use super::founding::{entries, write};
use super::replay::{Replay, Waiting};
use crate::config::MemberConfig;
use crate::error::EngineError;

pub(super) struct Forced<'a> {
    pub replay: &'a mut Replay,
    pub identity: &'a Identity,
    pub config: &'a MemberConfig,
}

impl Forced<'_> {
    /// Drop what is not known to be committed, and write the entries that leave this member alone, committed. Gives
    /// what has been done, for the log.
    pub fn make(
        self,
        wal: &mut Wal,
        state: &mut HardState,
        incarnation: u64,
    ) -> Result<String, EngineError> {
        let Self { replay, identity, config } = self;
        let dropped = replay.tail.len();
        replay.tail.clear();
        let own = identity.member_id;
        let members = replay.applier.store.members();
        let mut bodies = Vec::new();
        match members.iter().find(|member| member.id == own) {
            None => {
                let peer_urls = config.peer_urls.clone();
                bodies.push(Body::AddMember { id: own, peer_urls, is_learner: false });
            }
            Some(member) if member.is_learner => bodies.push(Body::PromoteMember { id: own }),
            Some(_) => {}
        }
        let others = members.iter().filter(|member| member.id != own);
        bodies.extend(others.map(|member| Body::RemoveMember { id: member.id }));
        let removed = members.iter().filter(|member| member.id != own).count();
        let first = replay.applier.raft_index + 1;
        let entries = entries(state.term.max(1), first, bodies.into_iter());
        let commit = replay.applier.raft_index + entries.len() as u64;
        *state = HardState { term: state.term.max(1), vote: 0, commit };
        write(wal, incarnation, *state, &entries)?;
        let commands = entries.into_iter().map(|entry| {
            let command = coreos_store::Command::decode(&entry.payload).ok();
            Waiting { entry, command }
        });
        replay.tail.extend(commands);
        replay.apply_to(commit);
        Ok(format!(
            "forced a new cluster: {removed} other members were removed, {dropped} uncommitted entries were discarded"
        ))
    }
}

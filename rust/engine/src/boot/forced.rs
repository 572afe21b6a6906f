//! `--force-new-cluster`: a cluster of one member from what one data directory has (etcd-v2 section 6.5).

use coreos_raft::HardState;
use coreos_store::Body;
use coreos_wal::{Identity, Wal};

use super::founding::{entries, write};
use super::replay::{Replay, Waiting};
use crate::config::MemberConfig;
use crate::error::{EngineError, ErrorKind};

pub(super) struct Forced<'a> {
    pub replay: &'a mut Replay,
    pub identity: &'a Identity,
    pub config: &'a MemberConfig,
}

impl Forced<'_> {
    /// Keep everything that the log has, and write the entries that leave this member alone, all of it committed. The
    /// original drops what is not known to be committed; but a client may have been answered, and a member that was
    /// killed may not have written that any more. Gives what has been done, for the log.
    pub fn make(
        self,
        wal: &mut Wal,
        state: &mut HardState,
        incarnation: u64,
    ) -> Result<String, EngineError> {
        let Self { replay, identity, config } = self;
        let unknown = replay.tail.len();
        replay.apply_to(u64::MAX);
        let own = identity.member_id;
        let mut members = replay.applier.store.members_table();
        let mut bodies = Vec::new();
        match members.get(own) {
            // Its URLs may be those of the member that it is a copy of.
            None => {
                bodies.push(Body::AddMember { id: own, peer_urls: Vec::new(), is_learner: false })
            }
            Some(member) if member.is_learner => bodies.push(Body::PromoteMember { id: own }),
            Some(_) => {}
        }
        let others = members.iter().filter(|member| member.id != own);
        bodies.extend(others.map(|member| Body::RemoveMember { id: member.id }));
        let removed = members.iter().filter(|member| member.id != own).count();
        if members.get(own).is_none() {
            bodies.push(Body::UpdateMember { id: own, peer_urls: config.peer_urls.clone() });
        }
        for body in &bodies {
            members.apply(body).map_err(|error| {
                let message =
                    format!("no new cluster can be made of {}: {error}", config.data_dir.display());
                EngineError::new(ErrorKind::Config, message)
            })?;
        }
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
            "forced a new cluster: {removed} other members were removed; {unknown} entries of which it was not known \
             whether they were committed are kept"
        ))
    }
}

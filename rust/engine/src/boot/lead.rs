//! A booted member begins to lead and says who it is, before anybody is served.

use coreos_store::Body;
use coreos_wal::WriteError;

use super::Parts;
use crate::clock::Now;
use crate::config::MemberConfig;
use crate::error::{EngineError, ErrorKind};
use crate::replica::Decided;
use crate::versions;

impl Parts {
    /// Become leader (as the sole voter), bootstrap a new cluster, and publish this member's name and URLs.
    /// `observe` sees every entry that is decided meanwhile. A member whose disk is full starts read-only; it does the
    /// rest when there is room.
    ///
    /// # Errors
    /// The log could not be written.
    pub fn lead(
        &mut self,
        config: &MemberConfig,
        now: Now,
        observe: &mut dyn FnMut(&Decided),
    ) -> Result<(), EngineError> {
        self.replica.campaign();
        self.settle(now, observe)?;
        let introduction = self.introduction(config);
        self.replica.introduce(introduction);
        // A new member is born with cluster time = wall clock; after a restart the two have come apart.
        self.replica.tick(now, None);
        self.settle(now, observe)
    }

    /// What the cluster has to be told by this start.
    fn introduction(&self, config: &MemberConfig) -> Vec<Body> {
        let id = self.identity.member_id;
        let shows_machine_keys = !config.upstream;
        let store = &self.applier.store;
        let mut bodies = Vec::new();
        if !store.members().iter().any(|member| member.id == id) {
            let peer_urls = config.peer_urls.clone();
            bodies.push(Body::AddMember { id, peer_urls, is_learner: false });
        }
        let (name, client_urls) = (config.name.clone(), config.client_urls.clone());
        bodies.push(Body::Publish { id, name, client_urls, shows_machine_keys });
        // The sole member decides for all.
        if versions::is_older(store.cluster_version()) {
            let text = versions::NEWEST.to_owned();
            bodies.push(Body::ClusterVersion { text, shows_machine_keys });
        }
        bodies
    }

    fn settle(&mut self, now: Now, observe: &mut dyn FnMut(&Decided)) -> Result<(), EngineError> {
        while self.replica.has_urgent() {
            let has_ttl = self.applier.store.next_deadline_ns().is_some();
            let Some(writing) = self.replica.fill(now, has_ttl, &mut self.batch) else { break };
            let written = self.wal.write(&mut self.batch);
            let (applier, mut completions) = (&mut self.applier, Vec::new());
            let apply = |decided: Decided| {
                observe(&decided);
                applier.apply(decided, &mut completions);
            };
            match written {
                Ok(()) => self.replica.written(&writing, apply),
                Err(WriteError::NoSpace(why)) => {
                    self.batch.clear();
                    self.chores.disk_is_full(now);
                    self.notes.push(format!("the member starts read-only: {why}"));
                    // Nobody waits for what is taken back: it is the member's own.
                    self.replica.refused(writing, why);
                    self.replica.decide_durable(apply);
                }
                Err(error) => return Err(stopped(&error.to_string())),
            }
        }
        Ok(())
    }
}

fn stopped(why: &str) -> EngineError {
    EngineError::new(ErrorKind::Io, why)
}

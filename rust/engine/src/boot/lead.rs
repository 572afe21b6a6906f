//! A booted member begins to lead and says who it is, before anybody is served.

use coreos_store::Body;

use super::Parts;
use crate::clock::Now;
use crate::config::MemberConfig;
use crate::error::{EngineError, ErrorKind};
use crate::replica::Decided;

/// The cluster version that clients of etcd 2.3 expect to see.
const CLUSTER_VERSION: &str = "2.3.0";

impl Parts {
    /// Become leader (as the sole voter), bootstrap a new cluster, and publish this member's name and URLs.
    /// `observe` sees every entry that is decided meanwhile.
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
        // A new member is born with cluster time = wall clock; after a restart the two have come apart.
        self.replica.tick(now, None);
        let id = self.identity.member_id;
        let shows_machine_keys = !config.upstream;
        let known = self.applier.store.members().into_iter().find(|member| member.id == id);
        if known.is_none() {
            let peer_urls = config.peer_urls.clone();
            self.propose(now, Body::AddMember { id, peer_urls, is_learner: false })?;
        }
        let (name, client_urls) = (config.name.clone(), config.client_urls.clone());
        self.propose(now, Body::Publish { id, name, client_urls, shows_machine_keys })?;
        if self.applier.store.cluster_version().is_none() {
            let text = CLUSTER_VERSION.to_owned();
            self.propose(now, Body::ClusterVersion { text, shows_machine_keys })?;
        }
        self.settle(now, observe)
    }

    fn propose(&mut self, now: Now, body: Body) -> Result<(), EngineError> {
        self.replica.propose(now, body, 0).map_err(|refused| stopped(&refused.to_string()))
    }

    fn settle(&mut self, now: Now, observe: &mut dyn FnMut(&Decided)) -> Result<(), EngineError> {
        while self.replica.has_urgent() {
            let has_ttl = self.applier.store.next_deadline_ns().is_some();
            let Some(writing) = self.replica.fill(now, has_ttl, &mut self.batch) else { break };
            self.wal.write(&mut self.batch).map_err(|error| stopped(&error.to_string()))?;
            let (applier, mut completions) = (&mut self.applier, Vec::new());
            self.replica.written(&writing, |decided| {
                observe(&decided);
                applier.apply(decided, &mut completions);
            });
        }
        Ok(())
    }
}

fn stopped(why: &str) -> EngineError {
    EngineError::new(ErrorKind::Io, why)
}

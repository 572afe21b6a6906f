//! A booted member says who it is; one that decides alone begins to lead, before anybody is served.

use coreos_store::Body;
use coreos_wal::WriteError;

use super::Parts;
use crate::clock::Now;
use crate::config::MemberConfig;
use crate::error::{EngineError, ErrorKind};
use crate::replica::{Decided, Seen};

impl Parts {
    /// Become leader, if this is the sole voter, and publish this member's name and URLs; the member of a larger
    /// cluster does the latter as soon as it can. `observe` sees every entry that is decided meanwhile. A sole voter
    /// whose disk is full starts read-only; it does the rest when there is room.
    ///
    /// # Errors
    /// The log could not be written.
    pub fn lead(
        &mut self,
        config: &MemberConfig,
        now: Now,
        observe: &mut dyn FnMut(&Decided),
    ) -> Result<(), EngineError> {
        // What is committed says who belongs to the cluster.
        self.replica.flush(now);
        self.carry_out(observe)?;
        if self.replica.is_sole_voter() {
            self.replica.campaign(now);
            self.settle(now, observe)?;
        }
        let introduction = self.introduction(config);
        self.replica.introduce(introduction);
        if self.replica.leads() {
            // A new member is born with cluster time = wall clock; after a restart the two have come apart.
            let offset_ns = self.applier.store.offset_ns();
            self.replica.tick(now, Seen { next_deadline_ns: None, offset_ns });
            self.settle(now, observe)?;
        } else {
            // Whether what is here is as new as what others may have shown.
            self.replica.read(now, 0);
        }
        Ok(())
    }

    /// What the cluster has to be told by this start.
    fn introduction(&self, config: &MemberConfig) -> Vec<Body> {
        let id = self.identity.member_id;
        let shows_machine_keys = !config.upstream;
        let mut bodies = Vec::new();
        if self.replica.leads() && self.replica.members().0.get(id).is_none() {
            let peer_urls = config.peer_urls.clone();
            bodies.push(Body::AddMember { id, peer_urls, is_learner: false });
        }
        let (name, client_urls) = (config.name.clone(), config.client_urls.clone());
        bodies.push(Body::Publish { id, name, client_urls, shows_machine_keys });
        bodies
    }

    fn settle(&mut self, now: Now, observe: &mut dyn FnMut(&Decided)) -> Result<(), EngineError> {
        while self.replica.has_urgent() {
            let has_ttl = self.applier.store.next_deadline_ns().is_some();
            let Some(writing) = self.replica.fill(now, has_ttl, &mut self.batch) else { break };
            match self.wal.write(&mut self.batch) {
                Ok(()) => self.replica.written(now, &writing),
                Err(WriteError::NoSpace(why)) => {
                    self.batch.clear();
                    self.chores.disk_is_full(now);
                    self.notes.push(format!("the member starts read-only: {why}"));
                    // Nobody waits for what is taken back: it is the member's own.
                    self.replica.refused(now, writing, why);
                    self.replica.decide_durable(now);
                }
                Err(error) => return Err(stopped(&error.to_string())),
            }
            self.carry_out(observe)?;
        }
        Ok(())
    }

    /// Apply what is decided. `observe` sees it before.
    ///
    /// # Errors
    /// This version does not know a command.
    pub fn carry_out(&mut self, observe: &mut dyn FnMut(&Decided)) -> Result<(), EngineError> {
        let mut completions = Vec::new();
        for mut decided in self.replica.take_decided() {
            decided.decode(self.replica.speaks())?;
            observe(&decided);
            let Decided { command, ticket, .. } = &decided;
            self.applier.apply(decided.position(), command.as_ref(), *ticket, &mut completions);
        }
        Ok(())
    }
}

fn stopped(why: &str) -> EngineError {
    EngineError::new(ErrorKind::Io, why)
}

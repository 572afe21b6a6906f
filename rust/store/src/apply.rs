//! Commands: each is applied exactly once, and alike on every member.

use std::sync::Arc;

use crate::command::{Body, Command, RequestId};
use crate::error::{Code, Error};
use crate::event::{Action, Event};
use crate::store::{Applied, Store};
use crate::window::{Known, Outcome};

/// Nodes that one command removes, part of the format. Each may have an event for every watcher of the root, and
/// nothing else is applied or read meanwhile.
const EXPIRED_MAX: usize = 1000;

impl Store {
    /// Apply the next command of the log.
    pub fn apply(&mut self, command: &Command) -> Applied {
        self.time_ns = self.time_ns.max(command.time_ns);
        let id = command.request;
        if id.is_none() {
            let outcome = self.carry_out(&command.body);
            return Applied { outcome, etcd_index: self.etcd_index, repeated: false };
        }
        if let Some(applied) = self.applied_before(id) {
            if command.body.changes_members() {
                // Consensus, which has no window, judges it anew, and both have to come to the same.
                let _ = self.carry_out(&command.body);
            }
            return applied;
        }
        let outcome = self.carry_out(&command.body);
        self.window.push(id, outcome.clone());
        Applied { outcome, etcd_index: self.etcd_index, repeated: false }
    }

    /// What came of the command with this request id, if it was applied: what [`Store::apply`] would answer to it now,
    /// "outcome unknown" included. None: it was not, or the id is none.
    #[must_use]
    pub fn outcome_of(&self, request: RequestId) -> Option<Applied> {
        if request.is_none() { None } else { self.applied_before(request) }
    }

    fn applied_before(&self, id: RequestId) -> Option<Applied> {
        match self.window.find(id) {
            Known::New => None,
            Known::Applied(outcome) => {
                let etcd_index = match outcome {
                    Ok(Some(event)) => event.index(),
                    Ok(None) => self.etcd_index,
                    Err(error) => error.index,
                };
                Some(Applied { outcome: outcome.clone(), etcd_index, repeated: true })
            }
            Known::Forgotten => {
                let cause = b"etcdserver: outcome unknown, proposed again too late";
                let outcome = Err(self.fail(Code::RaftInternal, cause));
                Some(Applied { outcome, etcd_index: self.etcd_index, repeated: false })
            }
        }
    }

    fn carry_out(&mut self, body: &Body) -> Outcome {
        match body {
            Body::Write(write) => return self.write(write).map(Some),
            Body::Auth(change) => return self.change_auth(change).map(|()| None),
            Body::Noop => {}
            Body::Expire => self.expire(),
            Body::Clock { offset_ns } => self.offset_ns = *offset_ns,
            Body::PromoteMember { .. } => self.change_members(body)?,
            system => {
                let before = self.etcd_index;
                self.carry_out_system(system)?;
                // Each of its events has taken an index of its own; without any it takes one all the same.
                if self.etcd_index == before {
                    let index = self.next_index();
                    self.record_internal(index);
                }
            }
        }
        Ok(None)
    }

    /// The commands that take an index without being a client's. What a client can see of them are events of machine
    /// keys.
    fn carry_out_system(&mut self, body: &Body) -> Result<(), Error> {
        match body {
            Body::AddMember { .. } => self.change_members(body)?,
            Body::RemoveMember { id } | Body::UpdateMember { id, .. } => {
                self.change_shown_member(*id, body)?;
            }
            Body::Publish { id, shows_machine_keys, .. } => {
                // One that does not belong to the cluster decides nothing.
                if self.members.get(*id).is_some() {
                    self.show_machine_keys(*shows_machine_keys);
                }
                self.change_shown_member(*id, body)?;
            }
            Body::ClusterVersion { text, shows_machine_keys } => {
                self.cluster_version = Some(text.clone());
                self.show_machine_keys(*shows_machine_keys);
                self.keep_config_key();
            }
            Body::Noop
            | Body::Write(_)
            | Body::Expire
            | Body::Clock { .. }
            | Body::Auth(_)
            | Body::PromoteMember { .. } => unreachable!("these do not take an index here"),
        }
        Ok(())
    }

    fn change_members(&mut self, body: &Body) -> Result<(), Error> {
        self.members
            .apply(body)
            .map_err(|error| self.fail(error.code(), error.to_string().as_bytes()))
    }

    /// A change of a member that may have a key.
    fn change_shown_member(&mut self, id: u64, body: &Body) -> Result<(), Error> {
        let before = self.members.get(id).cloned();
        self.change_members(body)?;
        match (before, self.members.get(id).cloned()) {
            (Some(before), Some(after)) => self.keep_machine_key(&before, &after),
            (Some(before), None) => self.drop_machine_key(&before),
            (None, _) => {}
        }
        Ok(())
    }

    /// Remove what is due, oldest deadline first. A node in a directory that goes is no event of its own.
    fn expire(&mut self) {
        for _ in 0..EXPIRED_MAX {
            let Some(id) = self.tree.deadlines.due(self.time_ns) else { return };
            let path = self.tree.path_of(id);
            let index = self.next_index();
            self.remove(Action::Expire, id, &path, index);
            self.stats.count_expired();
        }
    }

    /// Take the next index.
    pub(crate) fn next_index(&mut self) -> u64 {
        self.etcd_index += 1;
        self.etcd_index
    }

    /// Keep an event and tell watchers. `gone` are the watched paths that went with a directory. Gives the event as it
    /// is told.
    pub(crate) fn record(&mut self, event: Event, gone: &[Arc<[u8]>]) -> Arc<Event> {
        let kept = Arc::new(event);
        let event = kept.told();
        self.history.push(kept);
        self.hub.reach(event.index());
        self.hub.notify(&event, gone, &mut self.notices);
        // The original tells the streams of a removed key twice.
        let removes =
            matches!(event.action, Action::Delete | Action::CompareAndDelete | Action::Expire);
        if self.config.upstream && removes {
            self.hub.notify_key(&event, &mut self.notices);
        }
        event
    }

    /// An index that no client sees an event of still has its place in the history.
    pub(crate) fn record_internal(&mut self, index: u64) {
        let event = Event::internal(index, self.now());
        self.record(event, &[]);
    }
}

//! Decided commands into the store, and what that means for whoever waits.

use coreos_raft::Position;
use coreos_store::{Applied, Command, Store};

use crate::completion::Completion;

/// The store and how far the log has been applied to it. One lock guards both, so that a reader's indexes belong to
/// the state that it saw.
pub struct Applier {
    /// The state machine.
    pub store: Store,
    /// The last entry applied.
    pub raft_index: u64,
    /// Its term.
    pub term: u64,
}

impl Applier {
    /// A store as it is after entry `raft_index`.
    #[must_use]
    pub fn new(store: Store, raft_index: u64, term: u64) -> Self {
        Self { store, raft_index, term }
    }

    /// Apply the entry at `position`; `command` is none for the no-op that begins a term. The answer for `ticket` (0 =
    /// nobody waits) is added to `completions`.
    pub fn apply(
        &mut self,
        position: Position,
        command: Option<&Command>,
        ticket: u64,
        completions: &mut Vec<Completion>,
    ) {
        assert_eq!(position.index, self.raft_index + 1, "entries are applied in order");
        self.raft_index = position.index;
        self.term = position.term;
        let Some(command) = command else { return };
        let revision = self.store.auth_revision();
        let applied = self.store.apply(command);
        if self.store.auth_revision() != revision {
            // Watchers keep their right to what happened before.
            self.notify(completions);
            completions.push(Completion::AuthChanged);
        }
        if ticket != 0 {
            let Position { index: raft_index, term } = position;
            completions.push(Completion::Applied { ticket, applied, raft_index, term });
        }
    }

    /// What watchers are to be told about everything applied since the last call.
    pub fn notify(&mut self, completions: &mut Vec<Completion>) {
        let mut notices = Vec::new();
        self.store.take_notices(&mut notices);
        if !notices.is_empty() {
            completions.push(Completion::Notices(notices));
        }
    }
}

/// The answer to a proposal that was refused after it had been taken. It was not carried out.
pub(crate) fn refusal(ticket: u64, cause: &str) -> Completion {
    let code = coreos_store::Code::RaftInternal;
    let error = coreos_store::Error::new(code, format!("etcdserver: {cause}").into_bytes(), 0);
    let applied = Applied { outcome: Err(error), etcd_index: 0, repeated: false };
    Completion::Applied { ticket, applied, raft_index: 0, term: 0 }
}

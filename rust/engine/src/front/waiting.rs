//! Reads that wait: those that are to see everything that was answered anywhere before they were asked, until the
//! leader has confirmed that it leads; and every read, until this member has caught up once since its start.

use super::Front;
use super::auth::{Access, Who};
use super::call::Call;
use super::connection::State;
use super::route::Action;

/// A read that is allowed and has not been carried out.
pub(super) struct Waiting {
    action: Action,
    access: Option<Access>,
    who: Who,
}

impl Front {
    /// Whether it has to wait.
    pub(super) fn must_wait(&self, action: &Action) -> bool {
        let quorum = match action {
            Action::Call {
                call: Call::Get { quorum, .. } | Call::Watch { quorum, .. }, ..
            } => *quorum,
            _ => return false,
        };
        (quorum && !self.member.reads_alone()) || !self.member.is_current()
    }

    pub(super) fn wait(&mut self, slot: usize, action: Action, access: Option<Access>, who: Who) {
        let ticket = self.next_ticket(slot);
        let Some(conn) = self.connections.get_mut(slot) else { return };
        conn.ticket = ticket;
        conn.state = State::Waiting(Box::new(Waiting { action, access, who }));
        self.questions.push(ticket);
    }

    /// Ask for all reads of the round at once.
    pub(super) fn ask(&mut self) {
        if !self.questions.is_empty() {
            self.member.read_many(&mut self.questions);
        }
    }

    /// The read may be carried out now, if its client still may.
    pub(super) fn readable(&mut self, ticket: u64) {
        let now_ms = self.now_ms;
        let Some(slot) = self.slot_of(ticket) else { return };
        let Some(conn) = self.output(slot) else { return };
        if !matches!(conn.state, State::Waiting(_)) {
            return;
        }
        let state = std::mem::replace(&mut conn.state, State::Idle);
        let State::Waiting(waiting) = state else { return };
        (conn.ticket, conn.touched_ms) = (0, now_ms);
        let Waiting { action, access, who } = *waiting;
        self.judge_ready(slot, action, access, who);
        self.serve(slot);
    }
}

//! Linearizable reads without a log write (Raft dissertation, 6.4).

use crate::message::Said;
use crate::reads::{Asked, Read};

use super::{Raft, Role};
use crate::broken::{Broken, is_broken};

impl Raft {
    /// Ask for the index that a read has to wait for. [`Raft::take_reads`] gives the answer, if one comes: a question
    /// to a leader elsewhere may be lost, as any message, or be answered twice. So an `id` is never used again, not
    /// even after a restart: a late answer to the first question would be taken for one to the second.
    pub fn read(&mut self, id: u64) {
        let me = self.config.id;
        match (self.role, self.leader) {
            (Role::Leader, _) => self.read_for(me, id),
            (_, 0) => self.answered.push(Read::Lost { id }),
            (_, leader) => self.send(leader, Said::Read { id }),
        }
    }

    /// What became of reads since the last call.
    pub fn take_reads(&mut self) -> Vec<Read> {
        std::mem::take(&mut self.answered)
    }

    pub(super) fn read_for(&mut self, by: u64, id: u64) {
        if self.role != Role::Leader {
            return;
        }
        let asked = Asked { by, id };
        if !self.has_committed() {
            self.reads.ask_early(asked);
        } else if self.membership.is_sole_voter(self.config.id)
            || is_broken(Broken::ReadWithoutQuorum)
        {
            self.answer_read(asked, self.log.committed);
        } else {
            self.reads.ask(asked, self.log.committed);
        }
    }

    /// Whether this leader has committed an entry of its term. Before, it does not know what is committed.
    pub(super) fn has_committed(&self) -> bool {
        self.log.term(self.log.committed) == Some(self.term)
    }

    pub(super) fn ask_early_reads(&mut self) {
        for Asked { by, id } in self.reads.take_early() {
            self.read_for(by, id);
        }
    }

    pub(super) fn send_round(&mut self) {
        if self.role == Role::Leader && self.reads.begin_round() {
            self.send_heartbeats();
            // Since they asked, the others may have been taken out: nobody is left to confirm it then.
            self.answer_confirmed();
        }
    }

    pub(super) fn confirm_reads(&mut self, by: u64, round: u64) {
        self.reads.confirm(by, round);
        self.answer_confirmed();
    }

    pub(super) fn answer_confirmed(&mut self) {
        let me = self.config.id;
        let own = self.reads.number();
        let confirmed = self
            .membership
            .reached_by_majority(|id| if id == me { own } else { self.reads.confirmed_by(id) });
        for (asked, index) in self.reads.take_confirmed(confirmed) {
            self.answer_read(asked, index);
        }
    }

    fn answer_read(&mut self, asked: Asked, index: u64) {
        let Asked { by, id } = asked;
        if by == self.config.id {
            self.answered.push(Read::Ready { id, index });
        } else {
            self.send(by, Said::ReadReply { id, index });
        }
    }
}

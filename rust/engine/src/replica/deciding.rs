//! From committed entries to what is to be applied, and who waits for it.

use coreos_raft::{Change, Entry};
use coreos_store::{Command, RequestId};

use super::{Answer, Decided, Replica};

impl Replica {
    /// What is committed and durable, and has not been given yet, in order. It is to be applied before anything that is
    /// given later.
    pub fn take_decided(&mut self) -> impl Iterator<Item = Decided> + use<> {
        std::mem::take(&mut self.decided).into_iter()
    }

    /// What has become of those who wait for something else than an entry.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        self.has_told_removal = self.is_removed();
        std::mem::take(&mut self.answers)
    }

    /// Whether there is something to apply or to answer.
    #[must_use]
    pub fn has_results(&self) -> bool {
        let has_left = self.is_removed() && !self.has_told_removal;
        !(self.decided.is_empty() && self.answers.is_empty()) || has_left
    }

    /// Whether there is something to apply.
    #[must_use]
    pub fn has_decided(&self) -> bool {
        !self.decided.is_empty()
    }

    pub(super) fn collect_decided(&mut self) {
        let mut entries = std::mem::take(&mut self.committed);
        self.raft.take_committed(|entry| entries.push(entry));
        let changes: Vec<Change> =
            entries.drain(..).filter_map(|entry| self.decide(entry)).collect();
        self.committed = entries;
        changes.into_iter().for_each(|change| self.raft.change(change));
    }

    fn decide(&mut self, entry: Entry) -> Option<Change> {
        let position = entry.position();
        let Entry { term, index, payload } = entry;
        let mut command = self.appended.take(position);
        let request = match &command {
            Some(command) => Some(command.request),
            None => Command::request_of(&payload),
        };
        let own = request.and_then(|request| self.own_sequence(request));
        let proposal = own.and_then(|sequence| self.pending.take(sequence));
        let (ticket, proposed_mono_ns) =
            proposal.map_or((0, 0), |one| (one.ticket, one.proposed_mono_ns));
        let mut change = None;
        if Command::concerns_members(&payload) {
            command = command.or_else(|| Command::decode(&payload).ok());
            change = command.as_ref().and_then(|command| self.follow_members(command));
        }
        let removes_self = change == Some(Change::Remove(self.id));
        self.decided.push_back(Decided {
            index,
            term,
            payload,
            command,
            ticket,
            proposed_mono_ns,
            removes_self,
        });
        change
    }

    pub(super) fn own_sequence(&self, request: RequestId) -> Option<u64> {
        let is_own = request.member == self.id && request.incarnation == self.incarnation;
        is_own.then_some(request.sequence)
    }

    /// Requests of this start that are not decided as far as this member knows, and who waits for each. After the store
    /// has been restored from a leader's snapshot, some of them are in its window.
    #[must_use]
    pub fn undecided(&self) -> Vec<RequestId> {
        let id = |sequence| RequestId { member: self.id, incarnation: self.incarnation, sequence };
        self.pending.iter().map(|one| id(one.sequence)).collect()
    }

    /// The request's outcome is known: gives who waits for it.
    pub fn settle(&mut self, request: RequestId) -> Option<u64> {
        let proposal = self.pending.take(self.own_sequence(request)?)?;
        (proposal.ticket != 0).then_some(proposal.ticket)
    }
}

//! Taking proposals: from clients, from other members for theirs, and the member's own.

use bytes::{Bytes, BytesMut};
use coreos_raft::NotTaken;
use coreos_store::{Body, Command, RequestId};

use super::Replica;
use super::membership::change_of;
use crate::clock::Now;
use crate::error::Refused;
use crate::peers::Content;
use crate::versions;

/// Encoded commands share allocations of this size.
const CHUNK_BYTES: usize = 64 << 10;

/// Key and values of one proposal. An entry is never split, so that what goes with it has to fit into a batch too,
/// below [`coreos_wal::BATCH_PAYLOAD_MAX`].
pub const PROPOSAL_BYTES_MAX: usize = 48 << 20;

/// Encodes commands into shared chunks.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    encoded: Vec<u8>,
    chunk: BytesMut,
}

impl Encoder {
    pub fn encode(&mut self, command: &Command) -> Bytes {
        self.encoded.clear();
        command.encode(&mut self.encoded);
        if self.chunk.capacity() < self.encoded.len() {
            self.chunk = BytesMut::with_capacity(CHUNK_BYTES.max(self.encoded.len()));
        }
        self.chunk.extend_from_slice(&self.encoded);
        self.chunk.split().freeze()
    }
}

impl Replica {
    /// Propose a command. `ticket` names who waits for it; 0 = nobody. It is appended here, if this member leads, or
    /// else forwarded to the leader; without one it waits. When there is another leader, it is proposed again under the
    /// same request id, until it is decided or [`Replica::tick`] has given it up.
    ///
    /// # Errors
    /// It was not taken, and will not be carried out.
    pub fn propose(&mut self, now: Now, body: Body, ticket: u64) -> Result<(), Refused> {
        if let Some(refused) = self.refusal() {
            return Err(refused);
        }
        let bytes = bytes_of(&body);
        if bytes > PROPOSAL_BYTES_MAX {
            return Err(Refused::TooLarge { bytes, bytes_max: PROPOSAL_BYTES_MAX });
        }
        let sequence = self.sequence + 1;
        let request = RequestId { member: self.raft.id(), incarnation: self.incarnation, sequence };
        let (payload, is_sent) = if self.leads() {
            match self.append(now, request, body) {
                Ok(payload) => (payload, true),
                Err((payload, NotAppended::Later)) => (payload, false),
                Err((_, NotAppended::Full | NotAppended::Never(_))) => return Err(Refused::Full),
            }
        } else if self.waits_alone() {
            // The vote of the only member is on its way to its disk.
            return Err(Refused::NoLeader);
        } else {
            let payload = self.encoder.encode(&Command { request, time_ns: 0, body });
            let is_sent = self.forward(payload.clone());
            (payload, is_sent)
        };
        self.sequence = sequence;
        self.pending.push(sequence, ticket, now.mono_ns, payload, is_sent);
        Ok(())
    }

    /// Append as the leader. Gives the command's bytes, with the time, if it has one now.
    fn append(
        &mut self,
        now: Now,
        request: RequestId,
        body: Body,
    ) -> Result<Bytes, (Bytes, NotAppended)> {
        let time_ns = self.timing.stamp(self.clock.at(now));
        let command = Command { request, time_ns, body };
        let payload = self.encoder.encode(&command);
        if self.appended.is_full() {
            return Err((payload, NotAppended::Full));
        }
        let appended = match change_of(&command.body) {
            Some(change) => self.raft.propose_change(payload.clone(), change),
            None => self.raft.propose(payload.clone()),
        };
        match appended {
            Ok(position) => {
                self.appended.push(position, payload.len(), command);
                Ok(payload)
            }
            Err(NotTaken::Full) => Err((payload, NotAppended::Full)),
            Err(NotTaken::HandOverFirst) => {
                // Whoever leads next takes this member out.
                if let Some(id) = self.raft.best_successor() {
                    self.raft.hand_over(id);
                }
                Err((payload, NotAppended::Later))
            }
            Err(NotTaken::NotLeader | NotTaken::HandingOver | NotTaken::ChangePending) => {
                Err((payload, NotAppended::Later))
            }
        }
    }

    /// What only a leader proposes. It has no request id: nobody proposes it again. False: not now.
    pub(super) fn append_own(&mut self, now: Now, body: Body) -> bool {
        self.append(now, RequestId::default(), body).is_ok()
    }

    /// Append a command that has been proposed before, here or elsewhere.
    fn append_again(&mut self, now: Now, payload: &Bytes) -> Result<(), NotAppended> {
        // Its bytes were written by this program, and have a checksum wherever they have been.
        let never = |error| NotAppended::Never(format!("etcdserver: {error}"));
        let Command { request, body, .. } =
            Command::decode(payload).map_err(|error| never(error.to_string()))?;
        if let Some(version) = versions::needs(&body, Some(&self.speaks)) {
            // Another leader may know it; this one ends when it hears that the cluster does.
            return Err(never(Refused::TooNew { version }.to_string()));
        }
        match self.append(now, request, body) {
            Ok(_) => Ok(()),
            Err((_, why)) => Err(why),
        }
    }

    /// Tell the leader, if there is one elsewhere.
    fn forward(&mut self, payload: Bytes) -> bool {
        let leader = self.raft.leader();
        if leader == 0 || self.leads() {
            return false;
        }
        let contents = self.outbox.entry(leader).or_default();
        match contents.last_mut() {
            Some(Content::Forward(payloads)) if has_room(payloads) => payloads.push(payload),
            _ => contents.push(Content::Forward(vec![payload])),
        }
        true
    }

    /// Tell the leader, whoever it is, of everything that it does not have.
    pub(super) fn send_pending(&mut self, now: Now) {
        if !self.pending.has_unsent() || self.raft.leader() == 0 || now.mono_ns < self.send_mono_ns
        {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        let mut never = Vec::new();
        let leads = self.leads();
        pending.send(|proposal| match leads {
            false => self.forward(proposal.payload.clone()),
            true => match self.append_again(now, &proposal.payload) {
                Ok(()) => true,
                Err(NotAppended::Full | NotAppended::Later) => false,
                Err(NotAppended::Never(why)) => {
                    never.push((proposal.sequence, why));
                    true
                }
            },
        });
        self.pending = pending;
        if self.pending.has_unsent() {
            self.send_mono_ns = now.mono_ns + RETRY_NS;
        }
        never.into_iter().for_each(|(sequence, why)| self.fail(sequence, why));
    }

    /// Another member's clients want these.
    pub(super) fn take_forwarded(&mut self, now: Now, from: u64, payloads: &[Bytes]) {
        let mut later = Vec::new();
        for payload in payloads {
            let Some(request) = Command::request_of(payload) else { continue };
            let sequence = request.sequence;
            let why = match self.refusal() {
                None if !self.leads() => NotAppended::Later,
                None => match self.append_again(now, payload) {
                    Ok(()) => continue,
                    Err(why) => why,
                },
                Some(Refused::Full) => NotAppended::Full,
                // It hands over, or another will lead before long.
                Some(_) => NotAppended::Later,
            };
            match why {
                NotAppended::Later => later.push(sequence),
                NotAppended::Full => {
                    let why = format!("etcdserver: {}", Refused::Full);
                    self.tell(from, Content::Refused { sequence, why });
                }
                NotAppended::Never(why) => self.tell(from, Content::Refused { sequence, why }),
            }
        }
        if !later.is_empty() {
            self.tell(from, Content::NotLeading { sequences: later });
        }
    }

    /// The leader did not take these, but another, or the same one later, may.
    pub(super) fn hear_not_leading(&mut self, now: Now, sequences: &[u64]) {
        for &sequence in sequences {
            self.pending.unsent(sequence);
        }
        self.send_mono_ns = now.mono_ns + RETRY_NS;
    }

    /// A leader has not taken this one, and will not. If another one was asked as well, before or after, nobody knows
    /// what becomes of it, and who waits is told in time that it took too long.
    pub(super) fn hear_refused(&mut self, from: u64, sequence: u64, why: String) {
        if self.raft.leader() == from && self.pending.is_asked_once(sequence) {
            self.fail(sequence, why);
        }
    }

    /// Whoever has waited for too long is not waited for any more.
    pub(super) fn give_up(&mut self, now: Now) {
        let before = |ns: u64| now.mono_ns.saturating_sub(ns);
        let give_up_ns = self.pace.give_up_ns;
        let late = self.pending.give_up(before(give_up_ns), before(GONE_FACTOR * give_up_ns));
        for sequence in late {
            self.fail(sequence, "etcdserver: request timed out".to_owned());
        }
    }

    /// A proposal will not be carried out, or nobody will ever know: tell whoever waits. The member's own comes again.
    pub(super) fn fail(&mut self, sequence: u64, why: String) {
        if self.pending.is_own(sequence) {
            return self.pending.unsent(sequence);
        }
        if let Some(proposal) = self.pending.take(sequence)
            && proposal.ticket != 0
        {
            self.answers.push(super::Answer::Failed { ticket: proposal.ticket, why });
        }
    }

    pub(super) fn tell(&mut self, to: u64, content: Content) {
        self.outbox.entry(to).or_default().push(content);
    }

    pub(super) fn refusal(&self) -> Option<Refused> {
        if let Some(why) = &self.poisoned {
            return Some(Refused::Poisoned(why.clone()));
        }
        if self.stopping {
            return Some(Refused::Stopping);
        }
        if let Some(why) = &self.read_only {
            return Some(Refused::ReadOnly(why.clone()));
        }
        let is_full = self.pending.is_full() || (self.leads() && self.appended.is_full());
        is_full.then_some(Refused::Full)
    }

    /// Propose `bodies`, in order, as soon as it can be done.
    pub fn introduce(&mut self, bodies: Vec<Body>) {
        self.introduction.extend(bodies);
    }

    pub(super) fn propose_introduction(&mut self, now: Now) {
        while let Some(body) = self.introduction.pop_front() {
            if self.propose(now, body.clone(), 0).is_err() {
                self.introduction.push_front(body);
                break;
            }
        }
    }
}

/// Commands that are forwarded at once.
const FORWARDED_MAX: usize = 128;
const FORWARDED_BYTES_MAX: usize = 1 << 20;

/// What was sent and is not decided for so many times the patience of clients has been lost on the way.
pub(super) const GONE_FACTOR: u64 = 10;

/// How long a proposal that the leader would not take waits before it is sent again.
const RETRY_NS: u64 = 20_000_000;

/// Why the leader has not appended a command.
enum NotAppended {
    /// It will not.
    Never(String),
    /// Too much is in flight.
    Full,
    /// It hands over, or another change of the membership has to be done first.
    Later,
}

/// Whether a frame has room for these and more. A single one always fits.
fn has_room(payloads: &[Bytes]) -> bool {
    payloads.len() < FORWARDED_MAX
        && payloads.iter().map(Bytes::len).sum::<usize>() < FORWARDED_BYTES_MAX
}

fn bytes_of(body: &Body) -> usize {
    match body {
        Body::Write(write) => {
            let prev_value = write.prev_value.as_ref().map_or(0, Vec::len);
            write.path.len() + write.value.len() + prev_value
        }
        // Names and URLs: the member's own, or from a request that is small by itself.
        _ => 0,
    }
}

//! Taking proposals: from clients, and the member's own.

use bytes::{Bytes, BytesMut};
use coreos_raft::NotTaken;
use coreos_store::{Body, Command, RequestId};

use super::Replica;
use super::in_flight::InFlight;
use crate::clock::Now;
use crate::error::Refused;

/// Encoded commands share allocations of this size.
const CHUNK_BYTES: usize = 64 << 10;

/// Key and values of one proposal. An entry is never split, so that what goes with it has to fit into a batch too,
/// below [`coreos_wal::BATCH_PAYLOAD_MAX`].
pub const PROPOSAL_BYTES_MAX: usize = 48 << 20;

impl Replica {
    /// Propose a command. `ticket` names who waits for it; 0 = nobody.
    ///
    /// # Errors
    /// It was not taken.
    pub fn propose(&mut self, now: Now, body: Body, ticket: u64) -> Result<(), Refused> {
        if let Some(refused) = self.refusal() {
            return Err(refused);
        }
        let bytes = bytes_of(&body);
        if bytes > PROPOSAL_BYTES_MAX {
            return Err(Refused::TooLarge { bytes, bytes_max: PROPOSAL_BYTES_MAX });
        }
        self.sequence += 1;
        let request = RequestId {
            member: self.raft.id(),
            incarnation: self.incarnation,
            sequence: self.sequence,
        };
        let time_ns = self.timing.stamp(self.clock.at(now));
        let command = Command { request, time_ns, body };
        let payload = self.encode(&command);
        let bytes = payload.len();
        let position = self.raft.propose(payload).map_err(|why| match why {
            NotTaken::Full => Refused::Full,
            NotTaken::NotLeader
            | NotTaken::HandingOver
            | NotTaken::HandOverFirst
            | NotTaken::ChangePending => Refused::NoLeader,
        })?;
        let proposed_mono_ns = now.mono_ns;
        self.queue.push(InFlight {
            index: position.index,
            ticket,
            bytes,
            proposed_mono_ns,
            command,
        });
        Ok(())
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
        if !self.leads() {
            return Some(Refused::NoLeader);
        }
        self.queue.is_full().then_some(Refused::Full)
    }

    fn encode(&mut self, command: &Command) -> Bytes {
        self.encoded.clear();
        command.encode(&mut self.encoded);
        if self.chunk.capacity() < self.encoded.len() {
            self.chunk = BytesMut::with_capacity(CHUNK_BYTES.max(self.encoded.len()));
        }
        self.chunk.extend_from_slice(&self.encoded);
        self.chunk.split().freeze()
    }

    /// Propose `bodies`, in order, as soon as this member leads and can write.
    pub fn introduce(&mut self, bodies: Vec<Body>) {
        self.introduction.extend(bodies);
    }

    /// Let time pass: expire what is due, follow the wall clock, say what the member has to say about itself.
    /// `next_deadline_ns` is the store's earliest.
    pub fn tick(&mut self, now: Now, next_deadline_ns: Option<u64>) {
        if self.refusal().is_some() {
            return;
        }
        let time_ns = self.clock.at(now);
        if next_deadline_ns.is_some_and(|due| due <= time_ns) && !self.queue.has_expiry() {
            // Refused only when too much is in flight; the next tick tries again.
            let _ = self.propose(now, Body::Expire, 0);
        }
        if let Some(offset_ns) = self.timing.new_offset(self.clock.offset_ns(now))
            && self.propose(now, Body::Clock { offset_ns }, 0).is_err()
        {
            self.timing.offset_refused();
        }
        while let Some(body) = self.introduction.pop_front() {
            if self.propose(now, body.clone(), 0).is_err() {
                self.introduction.push_front(body);
                break;
            }
        }
    }
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

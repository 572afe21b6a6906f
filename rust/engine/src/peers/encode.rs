//! The payload of a frame as msgpack; integers in their shortest form.

use coreos_raft::{Message, Position, Said};
use rmp::encode as pack;

use super::{Content, Frame, Unsendable};

/// Numbers of what can be in a frame, and of what consensus says. They are for ever.
pub(super) mod number {
    pub const RAFT: u64 = 1;
    pub const FORWARD: u64 = 2;
    pub const REFUSED: u64 = 3;
    pub const NOT_LEADING: u64 = 4;
    pub const DIGEST: u64 = 5;

    pub const PRE_VOTE: u64 = 1;
    pub const PRE_VOTE_REPLY: u64 = 2;
    pub const VOTE: u64 = 3;
    pub const VOTE_REPLY: u64 = 4;
    pub const APPEND: u64 = 5;
    pub const ACCEPTED: u64 = 6;
    pub const REJECTED: u64 = 7;
    pub const HEARTBEAT: u64 = 8;
    pub const HEARTBEAT_REPLY: u64 = 9;
    pub const READ: u64 = 10;
    pub const READ_REPLY: u64 = 11;
    pub const TIMEOUT_NOW: u64 = 12;
    pub const OUTDATED: u64 = 13;
}

const NEVER: &str = "writing to memory does not fail";

struct Packer<'a>(&'a mut Vec<u8>);

impl Packer<'_> {
    fn array(&mut self, len: usize) -> &mut Self {
        let len = u32::try_from(len).expect("fewer than 2^32 items");
        pack::write_array_len(self.0, len).expect(NEVER);
        self
    }

    fn uint(&mut self, number: u64) -> &mut Self {
        pack::write_uint(self.0, number).expect(NEVER);
        self
    }

    fn uints(&mut self, numbers: &[u64]) -> &mut Self {
        numbers.iter().for_each(|&number| _ = self.uint(number));
        self
    }

    fn position(&mut self, position: Position) -> &mut Self {
        self.uint(position.term).uint(position.index)
    }

    fn bool(&mut self, yes: bool) -> &mut Self {
        pack::write_bool(self.0, yes).expect(NEVER);
        self
    }

    fn bin(&mut self, bytes: &[u8]) -> &mut Self {
        let len = u32::try_from(bytes.len()).expect("shorter than 4 GiB");
        pack::write_bin_len(self.0, len).expect(NEVER);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        pack::write_str(self.0, text).expect(NEVER);
        self
    }
}

pub(super) fn frame(frame: &Frame, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let mut to = Packer(out);
    to.array(2).uint(frame.time_ns).array(frame.contents.len());
    frame.contents.iter().try_for_each(|one| content(one, &mut to))
}

fn content(content: &Content, to: &mut Packer<'_>) -> Result<(), Unsendable> {
    match content {
        Content::Raft(message) => return raft(message, to),
        Content::Forward(commands) => {
            to.array(2).uint(number::FORWARD).array(commands.len());
            commands.iter().for_each(|command| _ = to.bin(command));
        }
        Content::Refused { sequence, why } => {
            to.array(3).uint(number::REFUSED).uint(*sequence).text(why);
        }
        Content::NotLeading { sequences } => {
            to.array(2).uint(number::NOT_LEADING).array(sequences.len()).uints(sequences);
        }
        Content::Digest { index, digest } => {
            to.array(3).uint(number::DIGEST).uint(*index).bin(digest);
        }
    }
    Ok(())
}

fn raft(message: &Message, to: &mut Packer<'_>) -> Result<(), Unsendable> {
    let &Message { from, to: whom, term, ref said } = message;
    let mut begin = |kind, fields: usize| {
        to.array(5 + fields).uints(&[number::RAFT, from, whom, term, kind]);
    };
    match said {
        Said::PreVote { last } => {
            begin(number::PRE_VOTE, 2);
            to.position(*last);
        }
        Said::PreVoteReply { granted } => {
            begin(number::PRE_VOTE_REPLY, 1);
            to.bool(*granted);
        }
        Said::Vote { last, is_transfer } => {
            begin(number::VOTE, 3);
            to.position(*last).bool(*is_transfer);
        }
        Said::VoteReply { granted } => {
            begin(number::VOTE_REPLY, 1);
            to.bool(*granted);
        }
        Said::Append { before, entries, commit } => {
            begin(number::APPEND, 4);
            to.position(*before).uint(*commit).array(2 * entries.len());
            // Their indexes follow from the place before them.
            entries.iter().for_each(|entry| _ = to.uint(entry.term).bin(&entry.payload));
        }
        Said::Accepted { matched } => {
            begin(number::ACCEPTED, 1);
            to.uint(*matched);
        }
        Said::Rejected { before, hint } => {
            begin(number::REJECTED, 3);
            to.uint(*before).position(*hint);
        }
        Said::Heartbeat { commit, round } => {
            begin(number::HEARTBEAT, 2);
            to.uint(*commit).uint(*round);
        }
        Said::HeartbeatReply { round } => {
            begin(number::HEARTBEAT_REPLY, 1);
            to.uint(*round);
        }
        Said::Read { id } => {
            begin(number::READ, 1);
            to.uint(*id);
        }
        Said::ReadReply { id, index } => {
            begin(number::READ_REPLY, 2);
            to.uint(*id).uint(*index);
        }
        Said::TimeoutNow => begin(number::TIMEOUT_NOW, 0),
        Said::Outdated => begin(number::OUTDATED, 0),
        Said::NeedsSnapshot => return Err(Unsendable::NeedsSnapshot),
    }
    Ok(())
}

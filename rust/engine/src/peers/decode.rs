//! The payload of a frame, from msgpack that may have been made by anyone.
//!
//! A count is believed only as far as bytes for its items are there: a hostile one costs no memory.

use bytes::Bytes;
use coreos_raft::{Entry, Message, Position, Said};
use rmp::Marker;

use super::encode::number;
use super::{BadFrame, Content, Frame};

type Read<T> = Result<T, BadFrame>;

const ENDS: BadFrame = BadFrame::Malformed("it ends too soon");
const LENGTH: BadFrame = BadFrame::Malformed("an array's length");

struct Unpacker<'a> {
    all: &'a Bytes,
    at: usize,
}

impl Unpacker<'_> {
    fn take(&mut self, len: usize) -> Read<&[u8]> {
        let end = self.at.checked_add(len).ok_or(ENDS)?;
        let taken = self.all.get(self.at..end).ok_or(ENDS)?;
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.take(N)?.first_chunk().copied().ok_or(ENDS)
    }

    fn marker(&mut self) -> Read<Marker> {
        Ok(Marker::from_u8(self.fixed::<1>()?[0]))
    }

    fn array(&mut self) -> Read<usize> {
        let len = match self.marker()? {
            Marker::FixArray(len) => usize::from(len),
            Marker::Array16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            Marker::Array32 => u32::from_be_bytes(self.fixed()?) as usize,
            _ => return Err(BadFrame::Malformed("an array was expected")),
        };
        // Each item takes a byte at least.
        if len > self.all.len() - self.at { Err(ENDS) } else { Ok(len) }
    }

    fn uint(&mut self) -> Read<u64> {
        Ok(match self.marker()? {
            Marker::FixPos(number) => u64::from(number),
            Marker::U8 => u64::from(self.fixed::<1>()?[0]),
            Marker::U16 => u64::from(u16::from_be_bytes(self.fixed()?)),
            Marker::U32 => u64::from(u32::from_be_bytes(self.fixed()?)),
            Marker::U64 => u64::from_be_bytes(self.fixed()?),
            _ => return Err(BadFrame::Malformed("an unsigned integer was expected")),
        })
    }

    fn position(&mut self) -> Read<Position> {
        Ok(Position { term: self.uint()?, index: self.uint()? })
    }

    fn bool(&mut self) -> Read<bool> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            _ => Err(BadFrame::Malformed("a boolean was expected")),
        }
    }

    /// What arrived together is used and given up together, so it may share memory.
    fn bin(&mut self) -> Read<Bytes> {
        let len = match self.marker()? {
            Marker::Bin8 => u32::from(self.fixed::<1>()?[0]),
            Marker::Bin16 => u32::from(u16::from_be_bytes(self.fixed()?)),
            Marker::Bin32 => u32::from_be_bytes(self.fixed()?),
            _ => return Err(BadFrame::Malformed("bytes were expected")),
        };
        let begun = self.at;
        self.take(len as usize)?;
        Ok(self.all.slice(begun..self.at))
    }

    fn text(&mut self) -> Read<String> {
        let len = match self.marker()? {
            Marker::FixStr(len) => u32::from(len),
            Marker::Str8 => u32::from(self.fixed::<1>()?[0]),
            Marker::Str16 => u32::from(u16::from_be_bytes(self.fixed()?)),
            Marker::Str32 => u32::from_be_bytes(self.fixed()?),
            _ => return Err(BadFrame::Malformed("a text was expected")),
        };
        let bytes = self.take(len as usize)?.to_vec();
        String::from_utf8(bytes).map_err(|_| BadFrame::Malformed("a text is not UTF-8"))
    }

    /// As many items as stand in front of them.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let len = self.array()?;
        (0..len).map(|_| item(self)).collect()
    }
}

pub(super) fn frame(payload: &Bytes) -> Read<Frame> {
    let mut from = Unpacker { all: payload, at: 0 };
    if from.array()? != 2 {
        return Err(LENGTH);
    }
    let frame = Frame { time_ns: from.uint()?, contents: from.list(content)? };
    if from.at == payload.len() {
        Ok(frame)
    } else {
        Err(BadFrame::Malformed("something follows its end"))
    }
}

fn content(from: &mut Unpacker<'_>) -> Read<Content> {
    let len = from.array()?;
    let (known, content) = match from.uint()? {
        number::RAFT => return raft(from, len).map(Content::Raft),
        number::FORWARD => (2, Content::Forward(from.list(Unpacker::bin)?)),
        number::REFUSED => (3, Content::Refused { sequence: from.uint()?, why: from.text()? }),
        number::NOT_LEADING => (2, Content::NotLeading { sequences: from.list(Unpacker::uint)? }),
        number::DIGEST => {
            let index = from.uint()?;
            let digest = from.bin()?.as_ref().try_into();
            let digest = digest.map_err(|_| BadFrame::Malformed("a digest's length"))?;
            (3, Content::Digest { index, digest })
        }
        unknown => return Err(BadFrame::UnknownContent(unknown)),
    };
    if len == known { Ok(content) } else { Err(LENGTH) }
}

fn raft(from: &mut Unpacker<'_>, len: usize) -> Read<Message> {
    let (sender, to, term) = (from.uint()?, from.uint()?, from.uint()?);
    let (fields, said) = match from.uint()? {
        number::PRE_VOTE => (2, Said::PreVote { last: from.position()? }),
        number::PRE_VOTE_REPLY => (1, Said::PreVoteReply { granted: from.bool()? }),
        number::VOTE => (3, Said::Vote { last: from.position()?, is_transfer: from.bool()? }),
        number::VOTE_REPLY => (1, Said::VoteReply { granted: from.bool()? }),
        number::APPEND => (4, append(from)?),
        number::ACCEPTED => (1, Said::Accepted { matched: from.uint()? }),
        number::REJECTED => (3, Said::Rejected { before: from.uint()?, hint: from.position()? }),
        number::HEARTBEAT => (2, Said::Heartbeat { commit: from.uint()?, round: from.uint()? }),
        number::HEARTBEAT_REPLY => (1, Said::HeartbeatReply { round: from.uint()? }),
        number::READ => (1, Said::Read { id: from.uint()? }),
        number::READ_REPLY => (2, Said::ReadReply { id: from.uint()?, index: from.uint()? }),
        number::TIMEOUT_NOW => (0, Said::TimeoutNow),
        number::OUTDATED => (0, Said::Outdated),
        unknown => return Err(BadFrame::UnknownMessage(unknown)),
    };
    if len == 5 + fields { Ok(Message { from: sender, to, term, said }) } else { Err(LENGTH) }
}

fn append(from: &mut Unpacker<'_>) -> Read<Said> {
    let before = from.position()?;
    let commit = from.uint()?;
    let items = from.array()?;
    if items % 2 != 0 {
        return Err(LENGTH);
    }
    let too_many = || BadFrame::Malformed("an entry's index");
    let mut index = before.index;
    let mut entries = Vec::new();
    for _ in 0..items / 2 {
        index = index.checked_add(1).ok_or_else(too_many)?;
        entries.push(Entry { term: from.uint()?, index, payload: from.bin()? });
    }
    Ok(Said::Append { before, entries, commit })
}

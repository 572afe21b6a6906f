//! Commands to bytes and back: `docs/formats.md`, section 1.

use crate::auth_codec;
use crate::command::{Body, Command, Op, RequestId, Write};
use crate::pack::Packer;
use crate::unpack::{Fault, Unpacker};

/// Encoding version of the commands written here.
const VERSION: u64 = 1;

/// Kinds that decide who votes.
const ADD_MEMBER: u64 = 4;
const REMOVE_MEMBER: u64 = 5;
const PROMOTE_MEMBER: u64 = 9;

const DIR: u64 = 1;
const RECURSIVE: u64 = 2;
const REFRESH: u64 = 4;

/// Why bytes are not a command that this version can apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Of a later encoding version, or with something that this version does not know. It must not be skipped.
    #[error("the command was written by a newer version (encoding {0}, known is {VERSION})")]
    Newer(Unknown),
    /// Not a command at all.
    #[error("malformed command: {0}")]
    Malformed(&'static str),
}

/// What a newer version put into a command. It is shown behind the word "encoding".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The encoding itself.
    #[error("{0}")]
    Encoding(u64),
    /// A kind of command.
    #[error("{VERSION} with the unknown kind {0}")]
    Kind(u64),
    /// An operation of a write or of a change of users and roles.
    #[error("{VERSION} with the unknown operation {0}")]
    Op(u64),
    /// Flags of a write, all of them.
    #[error("{VERSION} with the unknown flags {0:#x}")]
    Flags(u64),
    /// An array of so many items, at a place where another number is known.
    #[error("{VERSION} with an unknown array of {0} items")]
    Length(usize),
}

impl From<Unknown> for DecodeError {
    fn from(unknown: Unknown) -> Self {
        DecodeError::Newer(unknown)
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(what) => DecodeError::Malformed(what),
            Fault::Io(_) => DecodeError::Malformed("it ends too soon"),
        }
    }
}

impl Command {
    /// Append the command's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let RequestId { member, incarnation, sequence } = self.request;
        let mut to = Packer(out);
        to.array(7).uint(VERSION).uint(member).uint(incarnation).uint(sequence).uint(self.time_ns);
        match &self.body {
            Body::Noop => to.uint(0).array(0),
            Body::Write(write) => encode_write(to.uint(1), write),
            Body::Expire => to.uint(2).array(0),
            Body::Clock { offset_ns } => to.uint(3).array(1).int(*offset_ns),
            Body::AddMember { id, peer_urls, is_learner } => {
                to.uint(ADD_MEMBER).array(3).uint(*id).texts(peer_urls).bool(*is_learner)
            }
            Body::RemoveMember { id } => to.uint(REMOVE_MEMBER).array(1).uint(*id),
            Body::UpdateMember { id, peer_urls } => to.uint(6).array(2).uint(*id).texts(peer_urls),
            Body::Publish { id, name, client_urls, shows_machine_keys } => to
                .uint(7)
                .array(4)
                .uint(*id)
                .text(name)
                .texts(client_urls)
                .bool(*shows_machine_keys),
            Body::ClusterVersion { text, shows_machine_keys } => {
                to.uint(8).array(2).text(text).bool(*shows_machine_keys)
            }
            Body::PromoteMember { id } => to.uint(PROMOTE_MEMBER).array(1).uint(*id),
            Body::Auth(change) => auth_codec::encode_change(to.uint(10), change),
        };
    }

    /// The request id of the command that `bytes` are, without a look at its body. None: they do not begin like a
    /// command of a version that is known.
    #[must_use]
    pub fn request_of(bytes: &[u8]) -> Option<RequestId> {
        peek(bytes).map(|(request, _)| request)
    }

    /// The cluster time of the command that `bytes` are, without a look at its body. None: as for its request id.
    #[must_use]
    pub fn time_of(bytes: &[u8]) -> Option<u64> {
        let mut from = Unpacker(bytes);
        if from.array().ok()? != 7 || from.uint().ok()? != VERSION {
            return None;
        }
        (0..4).try_fold(0, |_, _| from.uint().ok())
    }

    /// Whether the command that `bytes` are changes anything that is known of the members or of what all of them speak,
    /// without a look at its body.
    #[must_use]
    pub fn concerns_members(bytes: &[u8]) -> bool {
        matches!(peek(bytes), Some((_, ADD_MEMBER..=PROMOTE_MEMBER)))
    }

    /// The command that `bytes` are, all of them.
    ///
    /// # Errors
    /// [`DecodeError::Newer`] for a later encoding version, whatever follows it, and for a kind, operation, flag or
    /// length that this version does not know; [`DecodeError::Malformed`] for anything else that is not a command.
    pub fn decode(bytes: &[u8]) -> Result<Command, DecodeError> {
        let mut from = Unpacker(bytes);
        let len = from.array()?;
        let version = from.uint()?;
        if version > VERSION {
            return Err(Unknown::Encoding(version).into());
        }
        if version == 0 {
            return Err(DecodeError::Malformed("not a command"));
        }
        must_be(len, 7)?;
        let (member, incarnation, sequence) = (from.uint()?, from.uint()?, from.uint()?);
        let time_ns = from.uint()?;
        let body = decode_body(&mut from)?;
        from.end()?;
        Ok(Command { request: RequestId { member, incarnation, sequence }, time_ns, body })
    }
}

/// Request id and kind.
fn peek(bytes: &[u8]) -> Option<(RequestId, u64)> {
    let mut from = Unpacker(bytes);
    if from.array().ok()? != 7 || from.uint().ok()? != VERSION {
        return None;
    }
    let mut next = || from.uint().ok();
    let request = RequestId { member: next()?, incarnation: next()?, sequence: next()? };
    let (_time_ns, kind) = (next()?, next()?);
    Some((request, kind))
}

fn encode_write<'a, 'b>(to: &'a mut Packer<'b>, write: &Write) -> &'a mut Packer<'b> {
    let flag = |yes, bit| if yes { bit } else { 0 };
    let flags =
        flag(write.dir, DIR) | flag(write.recursive, RECURSIVE) | flag(write.refresh, REFRESH);
    to.array(7).uint(write.op as u64).bin(&write.path).bin(&write.value).uint(flags);
    match write.ttl_ns {
        Some(ttl_ns) => to.uint(ttl_ns),
        None => to.nil(),
    };
    to.bin_or_nil(write.prev_value.as_deref()).uint(write.prev_index)
}

/// A field that a newer version brings makes an array longer; that is not damage.
pub(crate) fn must_be(len: usize, known: usize) -> Result<(), Unknown> {
    if len == known { Ok(()) } else { Err(Unknown::Length(len)) }
}

fn decode_body(from: &mut Unpacker<&[u8]>) -> Result<Body, DecodeError> {
    let kind = from.uint()?;
    let wanted = match kind {
        0 | 2 => 0,
        3 | 5 | 9 => 1,
        6 | 8 | 10 => 2,
        4 => 3,
        7 => 4,
        1 => 7,
        _ => return Err(Unknown::Kind(kind).into()),
    };
    must_be(from.array()?, wanted)?;
    Ok(match kind {
        0 => Body::Noop,
        1 => Body::Write(decode_write(from)?),
        2 => Body::Expire,
        3 => Body::Clock { offset_ns: from.int()? },
        ADD_MEMBER => {
            Body::AddMember { id: from.uint()?, peer_urls: from.texts()?, is_learner: from.bool()? }
        }
        REMOVE_MEMBER => Body::RemoveMember { id: from.uint()? },
        6 => Body::UpdateMember { id: from.uint()?, peer_urls: from.texts()? },
        7 => Body::Publish {
            id: from.uint()?,
            name: from.text()?,
            client_urls: from.texts()?,
            shows_machine_keys: from.bool()?,
        },
        8 => Body::ClusterVersion { text: from.text()?, shows_machine_keys: from.bool()? },
        PROMOTE_MEMBER => Body::PromoteMember { id: from.uint()? },
        _ => Body::Auth(auth_codec::decode_change(from)?),
    })
}

fn decode_write(from: &mut Unpacker<&[u8]>) -> Result<Write, DecodeError> {
    let number = from.uint()?;
    let op = usize::try_from(number).ok().and_then(|at| Op::ALL.get(at).copied());
    let op = op.ok_or(Unknown::Op(number))?;
    let (path, value, flags) = (from.bin()?, from.bin()?, from.uint()?);
    if flags & !(DIR | RECURSIVE | REFRESH) != 0 {
        return Err(Unknown::Flags(flags).into());
    }
    Ok(Write {
        op,
        path,
        value,
        dir: flags & DIR != 0,
        recursive: flags & RECURSIVE != 0,
        refresh: flags & REFRESH != 0,
        ttl_ns: from.uint_or_nil()?,
        prev_value: from.bin_or_nil()?,
        prev_index: from.uint()?,
    })
}

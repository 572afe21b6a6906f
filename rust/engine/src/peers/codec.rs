//! Frames to bytes and back: `docs/formats.md`, section 6.

use bytes::Bytes;

use super::Frame;
use super::{decode, encode};

/// Length and checksum in front of each payload.
pub const HEAD_BYTES: usize = 8;
/// Longest payload: 60 MiB, as of a batch in the log.
pub const PAYLOAD_BYTES_MAX: usize = 60 << 20;

/// What stands in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Length of the payload in bytes.
    pub payload_bytes: usize,
    /// CRC-32 of it.
    pub crc: u32,
}

/// Why bytes are no frame. The link is of no use any more: nobody knows where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// The length in front.
    #[error("a frame of {0} bytes, where 1 to {PAYLOAD_BYTES_MAX} are possible")]
    Length(usize),
    /// Something was altered on the way.
    #[error("a frame's checksum is wrong")]
    Checksum,
    /// There are fewer bytes than the length says, or more.
    #[error("a frame has {is} bytes of payload, where {said} were announced")]
    Cut {
        /// In front.
        said: usize,
        /// Really.
        is: usize,
    },
    /// The sender knows a kind of content that this version does not.
    #[error("content of the unknown kind {0}: it is of a newer version")]
    UnknownContent(u64),
    /// The same for a message of consensus.
    #[error("a message of the unknown kind {0}: it is of a newer version")]
    UnknownMessage(u64),
    /// Not what the format says.
    #[error("a malformed frame: {0}")]
    Malformed(&'static str),
}

/// Why a frame has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// Longer than any payload may be, in bytes.
    #[error("a frame of {0} bytes, where {PAYLOAD_BYTES_MAX} are possible")]
    TooLong(usize),
    /// A message that is not for the peer.
    #[error("the message that a peer needs a snapshot is for the driver, not for the peer")]
    NeedsSnapshot,
}

impl Head {
    /// Read the bytes in front of a payload. A length that no payload may have is refused here, before anything is
    /// reserved for it.
    ///
    /// # Errors
    /// [`BadFrame::Length`].
    pub fn parse(bytes: &[u8; HEAD_BYTES]) -> Result<Self, BadFrame> {
        let [a, b, c, d, e, f, g, h] = *bytes;
        let payload_bytes = u32::from_le_bytes([a, b, c, d]) as usize;
        if !(1..=PAYLOAD_BYTES_MAX).contains(&payload_bytes) {
            return Err(BadFrame::Length(payload_bytes));
        }
        Ok(Self { payload_bytes, crc: u32::from_le_bytes([e, f, g, h]) })
    }

    /// The frame whose payload this is. Its entries and commands share the memory of `payload`.
    ///
    /// # Errors
    /// All of [`BadFrame`].
    pub fn open(self, payload: &Bytes) -> Result<Frame, BadFrame> {
        if payload.len() != self.payload_bytes {
            return Err(BadFrame::Cut { said: self.payload_bytes, is: payload.len() });
        }
        if crc32fast::hash(payload) != self.crc {
            return Err(BadFrame::Checksum);
        }
        decode::frame(payload)
    }
}

impl Frame {
    /// Append head and payload to `out`. After an error `out` is as before.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let begun = out.len();
        let payload_at = begun + HEAD_BYTES;
        out.resize(payload_at, 0);
        let encoded = encode::frame(self, out).and_then(|()| {
            let length = out.len() - payload_at;
            if length <= PAYLOAD_BYTES_MAX { Ok(length) } else { Err(Unsendable::TooLong(length)) }
        });
        let length = encoded.inspect_err(|_| out.truncate(begun))?;
        let crc = crc32fast::hash(&out[payload_at..]);
        out[begun..begun + 4].copy_from_slice(&(length as u32).to_le_bytes());
        out[begun + 4..payload_at].copy_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    /// The frame that is exactly these bytes, head included.
    ///
    /// # Errors
    /// [`BadFrame`].
    pub fn decode(bytes: &Bytes) -> Result<Self, BadFrame> {
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
            return Err(BadFrame::Malformed("it ends in its head"));
        };
        Head::parse(head)?.open(&bytes.slice(HEAD_BYTES..))
    }
}

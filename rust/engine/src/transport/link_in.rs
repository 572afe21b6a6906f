//! Reading one lane of a peer.

use std::io::{self, BufReader, ErrorKind, Read};

use bytes::Bytes;

use super::shared::Shared;
use super::stream::Stream;
use crate::peers::{BadFrame, Content, Frame, HEAD_BYTES, Head};

/// Read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// Reserved for a frame before its bytes have come.
const RESERVED_BYTES_MAX: usize = 1 << 20;

/// Why there is no further frame.
#[derive(Debug)]
enum End {
    Io(io::Error),
    Bad(BadFrame),
    /// A message of somebody else, or to somebody else.
    Astray(u64, u64),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BadFrame> for End {
    fn from(bad: BadFrame) -> Self {
        Self::Bad(bad)
    }
}

/// Read frames until the link ends.
pub(super) fn run(shared: &Shared, peer: u64, stream: Stream) {
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    let end = loop {
        let frame = next(&mut stream).and_then(|frame| belongs(frame, peer, shared.member_id));
        match frame {
            Ok(frame) => shared.inbox.receive(peer, frame),
            Err(end) => break end,
        }
    };
    let why = match end {
        End::Bad(bad) => bad.to_string(),
        End::Astray(from, to) => format!("a message from {from:x} to {to:x} does not belong here"),
        End::Io(error) if error.kind() == ErrorKind::InvalidData => error.to_string(),
        // Links end, and are made again.
        End::Io(_) => return,
    };
    shared.inbox.log(&format!("the link from peer {peer:x} is ended: {why}"));
}

fn next(stream: &mut impl Read) -> Result<Frame, End> {
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head)?;
    let head = Head::parse(&head)?;
    let mut payload = Vec::with_capacity(head.payload_bytes.min(RESERVED_BYTES_MAX));
    stream.take(head.payload_bytes as u64).read_to_end(&mut payload)?;
    if payload.len() < head.payload_bytes {
        return Err(End::Io(ErrorKind::UnexpectedEof.into()));
    }
    Ok(head.open(&Bytes::from(payload))?)
}

fn belongs(frame: Frame, peer: u64, here: u64) -> Result<Frame, End> {
    let astray = frame.contents.iter().find_map(|content| match content {
        Content::Raft(message) if (message.from, message.to) != (peer, here) => Some(message),
        _ => None,
    });
    match astray {
        Some(message) => Err(End::Astray(message.from, message.to)),
        None => Ok(frame),
    }
}

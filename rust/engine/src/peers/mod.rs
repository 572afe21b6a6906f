//! What members of a cluster say to each other. Values and bytes only: no sockets, no clock.

mod codec;
mod decode;
mod encode;

use bytes::Bytes;
use coreos_raft::{Message, Said};

pub use codec::{BadFrame, HEAD_BYTES, Head, PAYLOAD_BYTES_MAX, Unsendable};

/// What one member sends another at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The sender's cluster time, if it leads; else 0.
    pub time_ns: u64,
    /// In order.
    pub contents: Vec<Content>,
}

/// One thing in a [`Frame`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Between the consensus of both. Never [`Said::NeedsSnapshot`], which is for the driver.
    Raft(Message),
    /// Encoded commands of the sender. The receiver proposes them, if it leads.
    Forward(Vec<Bytes>),
    /// A command that the receiver has forwarded was not taken, and never will be by that forwarding.
    Refused {
        /// Of its request id.
        sequence: u64,
        /// For its client.
        why: String,
    },
    /// The sender does not lead: these commands of the receiver have to be sent again, later or elsewhere.
    NotLeading {
        /// Of their request ids.
        sequences: Vec<u64>,
    },
    /// What the sender's store was after an entry.
    Digest {
        /// The entry.
        index: u64,
        /// SHA-1, as [`coreos_store::StoreView::digest`] gives it.
        digest: [u8; 20],
    },
}

impl Content {
    /// Whether it goes by the lane that never waits behind entries: small, and somebody's patience depends on it.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        let Self::Raft(message) = self else { return false };
        !matches!(message.said, Said::Append { .. } | Said::NeedsSnapshot)
    }

    /// About how many bytes it takes, in memory and on the wire; never less than on the wire.
    #[must_use]
    pub fn weight(&self) -> usize {
        /// More than the numbers of any content take.
        const NUMBERS: usize = 64;
        /// The same for the head of one item of a list.
        const ITEM: usize = 16;
        NUMBERS
            + match self {
                Self::Raft(Message { said: Said::Append { entries, .. }, .. }) => {
                    entries.iter().map(|entry| ITEM + entry.payload.len()).sum()
                }
                Self::Forward(commands) => commands.iter().map(|bytes| ITEM + bytes.len()).sum(),
                Self::Refused { why, .. } => why.len(),
                Self::NotLeading { sequences } => ITEM * sequences.len(),
                Self::Raft(_) | Self::Digest { .. } => 0,
            }
    }
}

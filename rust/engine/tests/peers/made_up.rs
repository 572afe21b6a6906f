//! Frames of every kind, by lot.

use bytes::Bytes;
use coreos_engine::peers::{Content, Frame};
use coreos_raft::{Entry, Message, Position, Said};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..200u64, any::<u64>(), any::<u32>().prop_map(u64::from)]
}

fn payload() -> impl Strategy<Value = Bytes> {
    let lengths = prop_oneof![10 => 0..40usize, 1 => 250..300usize];
    lengths.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len)).prop_map(Bytes::from)
}

fn position() -> impl Strategy<Value = Position> {
    (number(), number()).prop_map(|(term, index)| Position { term, index })
}

fn append() -> impl Strategy<Value = Said> {
    let entries = prop::collection::vec((number(), payload()), 0..20);
    (number(), 0..u64::MAX - 100, entries, number()).prop_map(|(term, index, entries, commit)| {
        let entries = (index + 1..).zip(entries);
        let entries = entries.map(|(index, (term, payload))| Entry { term, index, payload });
        Said::Append { before: Position { term, index }, entries: entries.collect(), commit }
    })
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        position().prop_map(|last| Said::PreVote { last }),
        any::<bool>().prop_map(|granted| Said::PreVoteReply { granted }),
        (position(), any::<bool>())
            .prop_map(|(last, is_transfer)| Said::Vote { last, is_transfer }),
        any::<bool>().prop_map(|granted| Said::VoteReply { granted }),
        append(),
        number().prop_map(|matched| Said::Accepted { matched }),
        (number(), position()).prop_map(|(before, hint)| Said::Rejected { before, hint }),
        (number(), number()).prop_map(|(commit, round)| Said::Heartbeat { commit, round }),
        number().prop_map(|round| Said::HeartbeatReply { round }),
        number().prop_map(|id| Said::Read { id }),
        (number(), number()).prop_map(|(id, index)| Said::ReadReply { id, index }),
        Just(Said::TimeoutNow),
        Just(Said::Outdated),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => (number(), number(), number(), said())
            .prop_map(|(from, to, term, said)| Content::Raft(Message { from, to, term, said })),
        1 => prop::collection::vec(payload(), 0..20).prop_map(Content::Forward),
        1 => (number(), ".*").prop_map(|(sequence, why)| Content::Refused { sequence, why }),
        1 => prop::collection::vec(number(), 0..40)
            .prop_map(|sequences| Content::NotLeading { sequences }),
        1 => (number(), any::<[u8; 20]>())
            .prop_map(|(index, digest)| Content::Digest { index, digest }),
    ]
}

pub fn frame() -> impl Strategy<Value = Frame> {
    (number(), prop::collection::vec(content(), 0..20))
        .prop_map(|(time_ns, contents)| Frame { time_ns, contents })
}

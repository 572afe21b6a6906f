//! Frames to bytes and back.

mod made_up;

use bytes::Bytes;
use coreos_engine::peers::{
    BadFrame, Content, Frame, HEAD_BYTES, Head, PAYLOAD_BYTES_MAX, Unsendable,
};
use coreos_raft::{Entry, Message, Position, Said};
use proptest::prelude::*;

use made_up::frame;

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out).expect("small");
    out
}

/// The frame with this payload and a checksum that fits.
fn sealed(payload: &[u8]) -> Result<Frame, BadFrame> {
    let head = Head { payload_bytes: payload.len(), crc: crc32fast::hash(payload) };
    head.open(&Bytes::copy_from_slice(payload))
}

fn message(said: Said) -> Content {
    Content::Raft(Message { from: 1, to: 2, term: 3, said })
}

proptest! {
    #[test]
    fn what_is_sent_is_what_is_received(frame in frame()) {
        let mut out = b"before".to_vec();
        frame.encode(&mut out).expect("small");
        prop_assert_eq!(Frame::decode(&Bytes::from(out.split_off(6))), Ok(frame.clone()));
        prop_assert_eq!(&out, b"before");
        for content in frame.contents {
            let alone = encoded(&Frame { time_ns: 0, contents: vec![content.clone()] });
            prop_assert!(content.weight() >= alone.len() - HEAD_BYTES - 3);
        }
    }

    #[test]
    fn a_cut_frame_is_an_error(frame in frame()) {
        let whole = Bytes::from(encoded(&frame));
        for len in 0..whole.len() {
            prop_assert!(Frame::decode(&whole.slice(..len)).is_err());
            if len >= HEAD_BYTES {
                prop_assert!(sealed(&whole[HEAD_BYTES..len]).is_err());
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = sealed(&bytes);
    }

    /// With a checksum that fits again, an altered payload is an error, or another frame that can be sent as it is.
    #[test]
    fn no_altered_payload_makes_it_panic(frame in frame(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = encoded(&frame).split_off(HEAD_BYTES);
        let at = at.index(payload.len());
        payload[at] = byte;
        if let Ok(other) = sealed(&payload) {
            prop_assert_eq!(Frame::decode(&encoded(&other).into()), Ok(other));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_flipped_bit_is_an_error(frame in frame()) {
        let mut bytes = encoded(&frame);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Frame::decode(&Bytes::copy_from_slice(&bytes)).is_err(), "bit {}", bit);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_length_is_judged_before_anything_is_reserved_for_it() {
    let head = |len: usize| {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&(len as u32).to_le_bytes());
        Head::parse(&bytes)
    };
    for len in [0, PAYLOAD_BYTES_MAX + 1, u32::MAX as usize] {
        assert_eq!(head(len), Err(BadFrame::Length(len)));
    }
    for len in [1, PAYLOAD_BYTES_MAX] {
        assert_eq!(head(len), Ok(Head { payload_bytes: len, crc: 0 }));
    }
}

/// Counts of 2^32 - 1 with nothing behind them: a list of contents, of commands, of entries.
#[test]
fn a_count_is_believed_only_as_far_as_bytes_are_there() {
    let many: &[u8] = &[0xdd, 0xff, 0xff, 0xff, 0xff];
    for before in
        [&[0x92, 0][..], &[0x92, 0, 0x91, 0x92, 2], &[0x92, 0, 0x91, 0x99, 1, 1, 2, 3, 5, 1, 1, 1]]
    {
        let error = sealed(&[before, many].concat()).expect_err("no items");
        assert_eq!(error, BadFrame::Malformed("it ends too soon"));
        sealed(&[before, &[0x90]].concat()).expect("control: the same with no item is a frame");
    }
}

#[test]
fn an_unknown_kind_is_named() {
    assert_eq!(sealed(&[0x92, 0, 0x91, 0x91, 9]), Err(BadFrame::UnknownContent(9)));
    assert_eq!(sealed(&[0x92, 0, 0x91, 0x95, 1, 1, 2, 3, 99]), Err(BadFrame::UnknownMessage(99)));
    assert!(BadFrame::UnknownContent(9).to_string().contains("unknown kind 9"));
    let last_index =
        [&[0x92, 0, 0x91, 0x99, 1, 1, 2, 3, 5, 1, 0xcf][..], &[0xff; 8], &[1, 0x92, 1, 0xc4, 0]];
    assert_eq!(sealed(&last_index.concat()), Err(BadFrame::Malformed("an entry's index")));
}

#[test]
fn what_cannot_be_sent_leaves_nothing_behind() {
    let mut out = vec![7];
    let long = Bytes::from(vec![0; PAYLOAD_BYTES_MAX]);
    let cases = [message(Said::NeedsSnapshot), Content::Forward(vec![long])];
    let errors = cases.map(|content| {
        Frame { time_ns: 0, contents: vec![Content::Digest { index: 1, digest: [0; 20] }, content] }
            .encode(&mut out)
            .expect_err("cannot be sent")
    });
    assert!(matches!(errors, [Unsendable::NeedsSnapshot, Unsendable::TooLong(_)]), "{errors:?}");
    assert_eq!(out, [7]);
}

/// The bytes of the numbers are for ever.
#[test]
fn the_bytes_are_those_of_the_document() {
    let entry = Entry { term: 4, index: 8, payload: Bytes::from_static(b"ab") };
    let before = Position { term: 3, index: 7 };
    let contents = vec![
        message(Said::Append { before, entries: vec![entry], commit: 6 }),
        Content::Refused { sequence: 9, why: "no".into() },
    ];
    let bytes = encoded(&Frame { time_ns: 5, contents });
    let expected: &[u8] = &[
        0x92, 5, 0x92, // frame
        0x99, 1, 1, 2, 3, 5, 3, 7, 6, 0x92, 4, 0xc4, 2, b'a', b'b', // append
        0x93, 3, 9, 0xa2, b'n', b'o',
    ];
    assert_eq!(bytes[HEAD_BYTES..], *expected);
    assert_eq!(bytes[..4], (expected.len() as u32).to_le_bytes());
    assert_eq!(bytes[4..8], crc32fast::hash(expected).to_le_bytes());
}

#[test]
fn entries_and_commands_are_not_urgent() {
    let before = Position::default();
    for said in [Said::Append { before, entries: Vec::new(), commit: 0 }, Said::NeedsSnapshot] {
        assert!(!message(said).is_urgent());
    }
    assert!(!Content::Forward(Vec::new()).is_urgent());
    for said in
        [Said::Heartbeat { commit: 1, round: 1 }, Said::Accepted { matched: 1 }, Said::TimeoutNow]
    {
        assert!(message(said).is_urgent());
    }
}

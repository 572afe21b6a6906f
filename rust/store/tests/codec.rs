//! Commands to bytes and back.

mod common;

use common::users;
use coreos_store::{AuthChange, Body, Command, DecodeError, Op, RequestId, Unknown, Write};
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(".{0,40}", 0..20)
}

fn write() -> impl Strategy<Value = Write> {
    let op = prop::sample::select(Op::ALL.to_vec());
    let flags = any::<(bool, bool, bool)>();
    let rest = (any::<Option<u64>>(), proptest::option::of(bytes()), any::<u64>());
    (op, bytes(), bytes(), flags, rest).prop_map(
        |(op, path, value, (dir, recursive, refresh), (ttl_ns, prev_value, prev_index))| Write {
            op,
            path,
            value,
            dir,
            recursive,
            refresh,
            ttl_ns,
            prev_value,
            prev_index,
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let body = prop_oneof![
        Just(Body::Noop),
        write().prop_map(Body::Write),
        Just(Body::Expire),
        any::<i64>().prop_map(|offset_ns| Body::Clock { offset_ns }),
        (any::<u64>(), texts(), any::<bool>())
            .prop_map(|(id, peer_urls, is_learner)| Body::AddMember { id, peer_urls, is_learner }),
        any::<u64>().prop_map(|id| Body::RemoveMember { id }),
        (any::<u64>(), texts()).prop_map(|(id, peer_urls)| Body::UpdateMember { id, peer_urls }),
        (any::<u64>(), ".*", texts(), any::<bool>()).prop_map(
            |(id, name, client_urls, shows_machine_keys)| Body::Publish {
                id,
                name,
                client_urls,
                shows_machine_keys
            }
        ),
        (".*", any::<bool>()).prop_map(|(text, shows_machine_keys)| Body::ClusterVersion {
            text,
            shows_machine_keys
        }),
        any::<u64>().prop_map(|id| Body::PromoteMember { id }),
        users::change(".{0,20}").prop_map(Body::Auth),
    ];
    (any::<(u64, u64, u64)>(), any::<u64>(), body).prop_map(
        |((member, incarnation, sequence), time_ns, body)| Command {
            request: RequestId { member, incarnation, sequence },
            time_ns,
            body,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn round_trip(command in command()) {
        let mut bytes = vec![1, 2, 3];
        command.encode(&mut bytes);
        prop_assert_eq!(&bytes[..3], &[1, 2, 3], "appends");
        prop_assert_eq!(Command::decode(&bytes[3..]), Ok(command));
    }

    #[test]
    fn a_part_or_more_than_all_is_malformed(command in command(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        let part = &bytes[..cut.index(bytes.len())];
        prop_assert!(matches!(Command::decode(part), Err(DecodeError::Malformed(_))));
        bytes.push(0);
        prop_assert!(matches!(Command::decode(&bytes), Err(DecodeError::Malformed(_))));
    }

    #[test]
    fn the_head_is_read_without_the_body(command in command(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        let concerns = command.body.changes_members()
            || matches!(command.body, Body::Publish { .. } | Body::ClusterVersion { .. });
        prop_assert_eq!(Command::request_of(&bytes), Some(command.request));
        prop_assert_eq!(Command::concerns_members(&bytes), concerns);
        // A part of it is as much as can be seen, or nothing.
        let part = &bytes[..cut.index(bytes.len())];
        prop_assert!(Command::request_of(part).is_none_or(|request| request == command.request));
        prop_assert!(concerns || !Command::concerns_members(part));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in bytes()) {
        let _ = Command::request_of(&bytes);
        if let Ok(command) = Command::decode(&bytes) {
            let mut again = Vec::new();
            command.encode(&mut again);
            prop_assert_eq!(Command::decode(&again), Ok(command));
        }
    }

    #[test]
    fn a_changed_byte_does_no_harm(command in command(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = to;
        // Whatever it has become, a store takes it without a panic.
        if let Ok(command) = Command::decode(&bytes) {
            let mut store = coreos_store::Store::new(coreos_store::StoreConfig::default());
            store.apply(&command);
            store.apply(&command);
            store.apply(&Command { time_ns: u64::MAX, body: Body::Expire, ..command });
        }
    }
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let command = Command {
        request: RequestId { member: 1, incarnation: 2, sequence: 300 },
        time_ns: 70_000,
        body: Body::Write(Write {
            op: Op::CompareAndSwap,
            path: b"/a".to_vec(),
            value: b"v".to_vec(),
            dir: true,
            recursive: false,
            refresh: true,
            ttl_ns: None,
            prev_value: Some(Vec::new()),
            prev_index: 7,
        }),
    };
    let mut bytes = Vec::new();
    command.encode(&mut bytes);
    let expected = [
        &[0x97, 1, 1, 2, 0xcd, 0x01, 0x2c, 0xce, 0x00, 0x01, 0x11, 0x70, 1][..],
        &[0x97, 4, 0xc4, 2, b'/', b'a', 0xc4, 1, b'v', 5, 0xc0, 0xc4, 0, 7],
    ]
    .concat();
    assert_eq!(bytes, expected);
}

#[test]
fn the_bytes_of_a_changed_user_are_those_of_the_format() {
    let change = AuthChange::UpdateUser {
        name: "al".into(),
        password_hash: None,
        roles: Some(vec!["r".into()]),
        expected_index: 9,
    };
    let command = Command { request: RequestId::default(), time_ns: 1, body: Body::Auth(change) };
    let mut bytes = Vec::new();
    command.encode(&mut bytes);
    let head = [0x97, 1, 0, 0, 0, 1, 10, 0x92, 2, 0x94];
    assert_eq!(bytes, [&head[..], &[0xa2, b'a', b'l', 0xc0, 0x91, 0xa1, b'r', 9]].concat());
}

#[test]
fn what_a_newer_version_wrote_is_told_from_garbage() {
    let newer = |bytes: &[u8], unknown: Unknown| {
        assert_eq!(Command::decode(bytes), Err(DecodeError::Newer(unknown)));
    };
    newer(&[0x98, 2, 0xc1], Unknown::Encoding(2));
    newer(&[0x92, 0xcd, 0x01, 0x00], Unknown::Encoding(256));
    // Its gate lets a version propose a kind or field before the encoding has a new number.
    newer(&[0x97, 1, 0, 0, 0, 0, 11, 0x90], Unknown::Kind(11));
    newer(&[0x97, 1, 0, 0, 0, 0, 11, 0xa1, b'x'], Unknown::Kind(11));
    newer(&[0x97, 1, 0, 0, 0, 0, 10, 0x92, 7, 0x90], Unknown::Op(7));
    newer(&[0x97, 1, 0, 0, 0, 0, 10, 0x92, 0, 0x92, 0xc3, 0], Unknown::Length(2));
    newer(&[0x97, 1, 0, 0, 0, 0, 0, 0x91, 0], Unknown::Length(1));
    newer(&[0x98, 1, 0, 0, 0, 0, 0, 0x90, 0], Unknown::Length(8));
    let write =
        |op, flags| [0x97, 1, 0, 0, 0, 0, 1, 0x97, op, 0xc4, 0, 0xc4, 0, flags, 0xc0, 0xc0, 0];
    newer(&write(7, 0), Unknown::Op(7));
    newer(&write(0, 9), Unknown::Flags(9));
    assert!(Command::decode(&write(6, 7)).is_ok(), "the control: what is known");
    for bytes in [&[0x98, 2, 0, 0, 0, 0, 4, 0x90][..], &[], &[0x97, 2, 0, 0, 0, 0, 4, 0x90]] {
        assert!(Command::request_of(bytes).is_none() && !Command::concerns_members(bytes));
    }
    let error = DecodeError::Newer(Unknown::Kind(11)).to_string();
    assert!(error.contains("newer version (encoding 1 with the unknown kind 11"), "{error}");

    let malformed = |bytes: &[u8]| matches!(Command::decode(bytes), Err(DecodeError::Malformed(_)));
    assert!(malformed(b""));
    assert!(malformed(&[0x97, 0, 0, 0, 0, 0, 0, 0x90]), "version 0");
    assert!(malformed(&[0x97, 1, 0, 0, 0, 0, 0xa0, 0x90]), "a kind that is no number");
    // A length of 4 GiB costs nothing.
    let huge = [0x97, 1, 0, 0, 0, 0, 1, 0x97, 0, 0xc6, 0xff, 0xff, 0xff, 0xff, b'/'];
    assert!(malformed(&huge));
    assert!(malformed(&[0x97, 1, 0, 0, 0, 0, 6, 0x92, 1, 0xdd, 0xff, 0xff, 0xff, 0xff]));
}

//! Bytes of JSON as Go writes them.

mod common;

use common::*;
use coreos_store::{Code, Error, Op, Write};

const TABLE: &[(&[u8], &str)] = &[
    (b"plain /", "plain /"),
    (b"<a&b>", r"\u003ca\u0026b\u003e"),
    (b"\"\\", r#"\"\\"#),
    (b"\n\r\t", r"\n\r\t"),
    (b"\x00\x01\x08\x0b\x0c\x1f", r"\u0000\u0001\u0008\u000b\u000c\u001f"),
    (b"\x7f", "\x7f"),
    ("\u{2028}x\u{2029}".as_bytes(), r"\u2028x\u2029"),
    ("\u{2027}\u{202a}\u{2000}\u{20ac}".as_bytes(), "\u{2027}\u{202a}\u{2000}\u{20ac}"),
    ("你 😀 é".as_bytes(), "你 😀 é"),
    ("\u{fffd}".as_bytes(), "\u{fffd}"),
    // One replacement for each byte that is not part of a character.
    (b"a\xffb\xfe\xfec", r"a\ufffdb\ufffd\ufffdc"),
    (b"\xe2\x82A", r"\ufffd\ufffdA"),
    (b"\xe2\x80", r"\ufffd\ufffd"),
    (b"\xed\xa0\x80", r"\ufffd\ufffd\ufffd"),
    (b"\xf0\x9f\x98", r"\ufffd\ufffd\ufffd"),
    (b"\xc0\xaf", r"\ufffd\ufffd"),
    (b"\xf4\x90\x80\x80", r"\ufffd\ufffd\ufffd\ufffd"),
];

#[test]
fn values_keys_and_causes_are_escaped_alike() {
    for (bytes, expected) in TABLE {
        let mut store = fresh();
        let plain = Write { value: bytes.to_vec(), ..write(Op::Set, "/v", "") };
        let event = done(&mut store, plain);
        let value =
            format!("{{\"action\":\"set\",\"node\":{{\"key\":\"/v\",\"value\":\"{expected}\",");
        assert!(json(&event).starts_with(&value), "{}", json(&event));
        let read = get(&mut store, "/v", false).expect("there");
        assert!(read.contains(&format!("\"value\":\"{expected}\",")), "{read}");

        let name: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'/').collect();
        let name = [b"/k/", name.as_slice(), b"/x"].concat();
        let key = expected.replace('/', "");
        let event = done(&mut store, Write { path: name.clone(), ..write(Op::Set, "", "") });
        assert!(json(&event).contains(&format!("\"key\":\"/k/{key}/x\",")), "{}", json(&event));
        let list = get(&mut store, "/k", true).expect("there");
        assert!(list.contains(&format!("{{\"key\":\"/k/{key}/x\",")), "{list}");

        let error = Error::new(Code::KeyNotFound, bytes.to_vec(), 9);
        let text = format!(
            "{{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"{expected}\",\"index\":9}}\n"
        );
        assert_eq!(String::from_utf8_lossy(&error.json()), text);
    }
}

#[test]
fn errors_without_a_cause_leave_it_out() {
    let error = Error::new(Code::RaftInternal, Vec::new(), 0);
    assert_eq!(
        error.json(),
        b"{\"errorCode\":300,\"message\":\"Raft Internal Error\",\"index\":0}\n"
    );
}

#[test]
fn every_code_has_the_status_and_text_that_clients_know() {
    use Code::*;
    for (code, number, status, message) in [
        (KeyNotFound, 100, 404, "Key not found"),
        (CompareFailed, 101, 412, "Compare failed"),
        (NotAFile, 102, 403, "Not a file"),
        (NotADirectory, 104, 400, "Not a directory"),
        (KeyExists, 105, 412, "Key already exists"),
        (RootReadOnly, 107, 400, "Root is read only"),
        (DirNotEmpty, 108, 403, "Directory not empty"),
        (Unauthorized, 110, 401, "The request requires user authentication"),
        (PrevValueRequired, 201, 400, "PrevValue is Required in POST form"),
        (TtlNotANumber, 202, 400, "The given TTL in POST form is not a number"),
        (IndexNotANumber, 203, 400, "The given index in POST form is not a number"),
        (InvalidField, 209, 400, "Invalid field"),
        (InvalidForm, 210, 400, "Invalid POST form"),
        (RefreshValue, 211, 400, "Value provided on refresh"),
        (RefreshTtlRequired, 212, 400, "A TTL must be provided on refresh"),
        (RaftInternal, 300, 500, "Raft Internal Error"),
        (WatcherCleared, 400, 400, "watcher is cleared due to etcd recovery"),
        (EventIndexCleared, 401, 400, "The event in requested index is outdated and cleared"),
    ] {
        let error = Error::new(code, b"c".to_vec(), 1);
        assert_eq!(error.http_status(), status, "{number}");
        let text = format!(
            "{{\"errorCode\":{number},\"message\":\"{message}\",\"cause\":\"c\",\"index\":1}}\n"
        );
        assert_eq!(String::from_utf8_lossy(&error.json()), text);
    }
}

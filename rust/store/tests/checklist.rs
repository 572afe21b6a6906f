//! The numbered checks of the behaviour specification, groups A, B, D, E and F, as far as they are the
//! store's.

mod common;

use common::*;
use coreos_store::{Body, Code, Op, Write};

#[test]
fn group_a_indexes_and_shapes() {
    let mut store = fresh();
    let error = get(&mut store, "/_none", false).expect_err("nothing there");
    assert_eq!(
        error.json(),
        b"{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/_none\",\"index\":3}\n"
    );
    let root = get(&mut store, "/", false).expect("the root");
    assert_eq!(root, "{\"action\":\"get\",\"node\":{\"dir\":true}}\n");

    let steps: [(Write, u16, &str); 9] = [
        (
            write(Op::Set, "/a", "1"),
            201,
            r#"{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}"#,
        ),
        (
            write(Op::Set, "/a", "2"),
            200,
            r#"{"action":"set","node":{"key":"/a","value":"2","modifiedIndex":5,"createdIndex":5},"prevNode":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}"#,
        ),
        (
            write(Op::Update, "/a", "3"),
            200,
            r#"{"action":"update","node":{"key":"/a","value":"3","modifiedIndex":6,"createdIndex":5},"prevNode":{"key":"/a","value":"2","modifiedIndex":5,"createdIndex":5}}"#,
        ),
        (
            Write { prev_value: Some(b"3".to_vec()), ..write(Op::CompareAndSwap, "/a", "4") },
            200,
            r#"{"action":"compareAndSwap","node":{"key":"/a","value":"4","modifiedIndex":7,"createdIndex":5},"prevNode":{"key":"/a","value":"3","modifiedIndex":6,"createdIndex":5}}"#,
        ),
        (
            Write { dir: true, ..write(Op::Set, "/d", "") },
            201,
            r#"{"action":"set","node":{"key":"/d","dir":true,"modifiedIndex":8,"createdIndex":8}}"#,
        ),
        (
            Write { ttl_ns: Some(60 * S), dir: true, ..write(Op::Update, "/d", "") },
            200,
            r#"{"action":"update","node":{"key":"/d","dir":true,"expiration":"1970-01-01T00:01:00Z","ttl":60,"modifiedIndex":9,"createdIndex":8},"prevNode":{"key":"/d","dir":true,"modifiedIndex":8,"createdIndex":8}}"#,
        ),
        (
            write(Op::CreateInOrder, "/q", "j"),
            201,
            r#"{"action":"create","node":{"key":"/q/00000000000000000010","value":"j","modifiedIndex":10,"createdIndex":10}}"#,
        ),
        (
            Write { recursive: true, ..write(Op::Delete, "/q", "") },
            200,
            r#"{"action":"delete","node":{"key":"/q","dir":true,"modifiedIndex":11,"createdIndex":10},"prevNode":{"key":"/q","dir":true,"modifiedIndex":10,"createdIndex":10}}"#,
        ),
        (
            Write { prev_value: Some(b"4".to_vec()), ..write(Op::CompareAndDelete, "/a", "") },
            200,
            r#"{"action":"compareAndDelete","node":{"key":"/a","modifiedIndex":12,"createdIndex":5},"prevNode":{"key":"/a","value":"4","modifiedIndex":7,"createdIndex":5}}"#,
        ),
    ];
    for (write, status, expected) in steps {
        let event = done(&mut store, write);
        assert_eq!(json(&event), format!("{expected}\n"));
        assert_eq!(if event.created() { 201 } else { 200 }, status, "{expected}");
        assert_eq!(event.index(), store.etcd_index());
    }
    // The directory shows its old index again (check 12).
    assert_eq!(
        get(&mut store, "/d", false).expect("there"),
        "{\"action\":\"get\",\"node\":{\"key\":\"/d\",\"dir\":true,\
         \"expiration\":\"1970-01-01T00:01:00Z\",\"ttl\":60,\"modifiedIndex\":8,\"createdIndex\":8}}\n"
    );
    assert_eq!(store.etcd_index(), 12);
}

#[test]
fn errors_name_their_cause() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/b/f", "v")); // 4
    done(&mut store, write(Op::Set, "/b/d/x", "1")); // 5
    done(&mut store, Write { dir: true, ..write(Op::Set, "/empty", "") }); // 6
    done(&mut store, write(Op::Set, "/onlyhid/_x", "1")); // 7
    let with = |op, path, prev_value: Option<&str>, prev_index| Write {
        prev_value: prev_value.map(|text| text.as_bytes().to_vec()),
        prev_index,
        ..write(op, path, "x")
    };
    let dir = |op, path| Write { dir: true, ..write(op, path, "") };
    let all = |op, path| Write { recursive: true, ..write(op, path, "") };
    let ttl = |op, path| Write { refresh: true, ttl_ns: Some(S), ..write(op, path, "") };
    use Code::*;
    use Op::*;
    let table: Vec<(Write, Code, &str)> = vec![
        (write(Create, "/b/f", "x"), KeyExists, "/b/f"),
        (write(Create, "/b", "x"), KeyExists, "/b"),
        (dir(Create, "/b"), KeyExists, "/b"),
        (write(Create, "/", "x"), RootReadOnly, "/"),
        (write(Create, "/b/f/x/y", "x"), NotADirectory, "/b/f"),
        (with(Create, "/b/f", Some("v"), 0), KeyExists, "/b/f"),
        (with(Create, "/n", Some("v"), 0), CompareFailed, "there is no key to compare with: /n"),
        (with(Create, "/n", Some(""), 0), CompareFailed, "there is no key to compare with: /n"),
        (with(Create, "/n", None, 3), CompareFailed, "there is no key to compare with: /n"),
        (with(Create, "/b/f/n", None, 3), NotADirectory, "/b/f"),
        (write(Update, "/b/nope", "x"), KeyNotFound, "/b/nope"),
        (write(Update, "/zz/a/b", "x"), KeyNotFound, "/zz"),
        (write(Update, "/b", "x"), NotAFile, "/b"),
        (write(Update, "/", ""), RootReadOnly, "/"),
        (with(CompareAndSwap, "/b/f", Some("zz"), 0), CompareFailed, "[zz != v]"),
        (with(CompareAndSwap, "/b/f", Some(""), 0), CompareFailed, "[ != v]"),
        (with(CompareAndSwap, "/b/f", None, 1), CompareFailed, "[1 != 4]"),
        (with(CompareAndSwap, "/b/f", Some("v"), 1), CompareFailed, "[1 != 4]"),
        (with(CompareAndSwap, "/b/f", Some("zz"), 4), CompareFailed, "[zz != v]"),
        (with(CompareAndSwap, "/b/f", Some("zz"), 1), CompareFailed, "[zz != v] [1 != 4]"),
        (with(CompareAndSwap, "/b/missing", Some("x"), 0), KeyNotFound, "/b/missing"),
        (with(CompareAndSwap, "/b", Some("x"), 0), NotAFile, "/b"),
        (with(CompareAndSwap, "/", Some("x"), 0), RootReadOnly, "/"),
        (with(CompareAndSwap, "/b/f/x", Some("x"), 0), NotADirectory, "/b/f"),
        (with(CompareAndDelete, "/b/f", Some("2"), 0), CompareFailed, "[2 != v]"),
        (with(CompareAndDelete, "/b", None, 1), NotAFile, "/b"),
        (with(CompareAndDelete, "/", None, 1), RootReadOnly, "/"),
        (with(CompareAndDelete, "/b/f/x", None, 1), NotADirectory, "/b/f"),
        (with(CompareAndDelete, "/n/x", None, 1), KeyNotFound, "/n"),
        (write(Set, "/b/f/sub", "x"), NotADirectory, "/b/f"),
        (write(Set, "/b", "x"), NotAFile, "/b"),
        (dir(Set, "/b"), NotAFile, "/b"),
        (write(Set, "/", "x"), RootReadOnly, "/"),
        (ttl(Set, "/none/x"), KeyNotFound, "/none"),
        (ttl(Set, "/b"), NotAFile, "/b"),
        (ttl(Set, "/b/f/x"), NotADirectory, "/b/f"),
        (write(CreateInOrder, "/b/f", "x"), NotADirectory, "/b/f"),
        (write(CreateInOrder, "/b/f/x", "x"), NotADirectory, "/b/f"),
        (write(Delete, "/b/none", ""), KeyNotFound, "/b/none"),
        (write(Delete, "/b/d", ""), NotAFile, "/b/d"),
        (dir(Delete, "/b/d"), DirNotEmpty, "/b/d"),
        (dir(Delete, "/onlyhid"), DirNotEmpty, "/onlyhid"),
        (all(Delete, "/"), RootReadOnly, "/"),
        (all(Delete, "/b/f/x"), NotADirectory, "/b/f"),
    ];
    for (write, code, cause) in table {
        let shown = format!("{write:?}");
        let error = refused(&mut store, write);
        assert_eq!(error.code, code, "{shown}");
        assert_eq!(String::from_utf8_lossy(&error.cause), cause, "{shown}");
        assert_eq!(error.index, 7, "{shown}");
    }
    for (path, code, cause) in [
        ("/zz/a/b", KeyNotFound, "/zz"),
        ("/b/zz", KeyNotFound, "/b/zz"),
        ("/b/f/x/y", NotADirectory, "/b/f"),
    ] {
        let error = get(&mut store, path, false).expect_err(path);
        assert_eq!((error.code, error.cause.as_slice()), (code, cause.as_bytes()), "{path}");
        let view = store.tree_view();
        let viewed = view.get(path.as_bytes(), false, 0, &mut |_| true);
        assert_eq!(viewed.expect_err(path), error, "a view answers as the store");
    }
    // The control: what is not in the table is carried out.
    for fine in [
        with(CompareAndSwap, "/b/f", Some("v"), 4),
        Write { prev_value: Some(b"x".to_vec()), ..write(CompareAndSwap, "/b/f", "") },
        with(CompareAndSwap, "/b/f", Some(""), 0),
        write(CompareAndSwap, "/b/f", "unconditional"),
        write(CreateInOrder, "/", "r"),
        dir(Delete, "/empty"),
        dir(Delete, "/b/f"),
        all(Delete, "/b"),
    ] {
        done(&mut store, fine);
    }
}

#[test]
fn a_directory_over_a_file_and_implicit_directories() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/b/f", "v1"));
    let event = done(&mut store, Write { dir: true, ..write(Op::Set, "/b/f", "ignored") });
    assert_eq!(
        json(&event),
        "{\"action\":\"set\",\"node\":{\"key\":\"/b/f\",\"dir\":true,\"modifiedIndex\":5,\
         \"createdIndex\":5},\"prevNode\":{\"key\":\"/b/f\",\"value\":\"v1\",\"modifiedIndex\":4,\
         \"createdIndex\":4}}\n"
    );
    assert!(!event.created());
    done(&mut store, write(Op::Set, "/imp/x/y/z", ""));
    assert_eq!(
        get(&mut store, "/imp", true).expect("made"),
        "{\"action\":\"get\",\"node\":{\"key\":\"/imp\",\"dir\":true,\"nodes\":[{\"key\":\"/imp/x\",\
         \"dir\":true,\"nodes\":[{\"key\":\"/imp/x/y\",\"dir\":true,\"nodes\":[{\"key\":\"/imp/x/y/z\",\
         \"value\":\"\",\"modifiedIndex\":6,\"createdIndex\":6}],\"modifiedIndex\":6,\
         \"createdIndex\":6}],\"modifiedIndex\":6,\"createdIndex\":6}],\"modifiedIndex\":6,\
         \"createdIndex\":6}}\n"
    );
    assert_eq!(store.keys(), 6);
}

#[test]
fn listings_are_sorted_and_leave_out_what_is_hidden() {
    let mut store = fresh();
    for path in ["/l/c", "/l/a", "/l/b/x", "/l/_h", "/l/b/_h2", "/onlyhid/_x"] {
        done(&mut store, write(Op::Set, path, "1"));
    }
    let l = get(&mut store, "/l", false).expect("there");
    assert_eq!(
        l,
        "{\"action\":\"get\",\"node\":{\"key\":\"/l\",\"dir\":true,\"nodes\":[\
         {\"key\":\"/l/a\",\"value\":\"1\",\"modifiedIndex\":5,\"createdIndex\":5},\
         {\"key\":\"/l/b\",\"dir\":true,\"modifiedIndex\":6,\"createdIndex\":6},\
         {\"key\":\"/l/c\",\"value\":\"1\",\"modifiedIndex\":4,\"createdIndex\":4}],\
         \"modifiedIndex\":4,\"createdIndex\":4}}\n"
    );
    let deep = get(&mut store, "/l", true).expect("there");
    assert!(deep.contains("/l/b/x") && !deep.contains("_h"), "{deep}");
    let hidden = get(&mut store, "/l/_h", false).expect("addressed directly");
    assert!(hidden.contains("\"key\":\"/l/_h\",\"value\":\"1\""), "{hidden}");
    let only = get(&mut store, "/onlyhid", false).expect("there");
    assert!(!only.contains("nodes"), "{only}");
    let root = get(&mut store, "/", true).expect("there");
    assert!(
        root.starts_with("{\"action\":\"get\",\"node\":{\"dir\":true,\"nodes\":[{\"key\":\"/l\"")
    );
    assert!(root.ends_with("]}}\n"), "the root has no indexes: {root}");
}

#[test]
fn reads_stop_early_and_leave_the_buffer_alone() {
    let mut store = fresh();
    for n in 0..1000 {
        done(&mut store, write(Op::Set, &format!("/big/{n:04}"), "v"));
        done(&mut store, write(Op::Set, &format!("/hidden/_{n:04}"), "v"));
    }
    let mut out = b"before".to_vec();
    for path in ["/big", "/hidden", "/"] {
        let complete = store.get(path.as_bytes(), true, 0, 128, &mut out).expect("there");
        assert!(!complete, "{path}");
        assert_eq!(out, b"before");
    }
    assert!(out.capacity() < 64 << 10, "not much was rendered: {}", out.capacity());
    assert!(store.get(b"/", false, 0, 128, &mut out).expect("there"), "only the top level");
    let expected = get(&mut store, "/", true).expect("there");
    let (mut pieces, mut sizes) = (Vec::new(), Vec::new());
    let view = store.tree_view();
    let mut take = |piece: &[u8]| {
        pieces.extend_from_slice(piece);
        sizes.push(piece.len());
        true
    };
    view.get(b"/", true, 0, &mut take).expect("there");
    assert_eq!(String::from_utf8_lossy(&pieces), expected);
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < 64 << 10), "{sizes:?}");
    let mut calls = 0;
    let mut stop = |_: &[u8]| {
        calls += 1;
        false
    };
    view.get(b"/", true, 0, &mut stop).expect("there");
    assert_eq!(calls, 1, "false stops it");
}

#[test]
fn reads_stop_early_at_large_values_too() {
    let mut store = fresh();
    let large = "v".repeat(100 << 10);
    for n in 0..20 {
        done(&mut store, write(Op::Set, &format!("/large/{n}"), &large));
    }
    for n in 0..100 {
        done(&mut store, write(Op::Set, &format!("/small/{n}"), "v"));
        done(&mut store, write(Op::Set, &format!("/middle/{n}"), &large[..1000]));
    }
    let mut out = b"before".to_vec();
    for path in ["/large", "/middle"] {
        let complete = store.get(path.as_bytes(), false, 0, 128, &mut out).expect("there");
        assert!(!complete && out == b"before", "{path}");
    }
    assert!(out.capacity() <= 128 << 10, "not much was rendered: {}", out.capacity());
    for path in ["/small", "/large/1"] {
        assert!(store.get(path.as_bytes(), false, 0, 128, &mut out).expect("there"), "{path}");
    }
    let mut sizes = Vec::new();
    let mut take = |piece: &[u8]| {
        sizes.push(piece.len());
        true
    };
    store.tree_view().get(b"/large", false, 0, &mut take).expect("there");
    assert!(sizes.iter().all(|size| *size < 140 << 10), "{sizes:?}");
}

#[test]
fn group_f_time_to_live() {
    let mut store = fresh();
    let at = |store: &mut Store, time_ns: u64, write: Write| {
        let outcome = store.apply(&command(time_ns, Body::Write(write))).outcome;
        outcome.expect("carried out").expect("an event")
    };
    use coreos_store::Store;
    let now = 1_000 * S + 1;
    body(&mut store, Body::Clock { offset_ns: 500_000_000 });
    let event = at(&mut store, now, Write { ttl_ns: Some(5 * S), ..write(Op::Set, "/t/a", "1") });
    assert_eq!(
        json(&event),
        "{\"action\":\"set\",\"node\":{\"key\":\"/t/a\",\"value\":\"1\",\
         \"expiration\":\"1970-01-01T00:16:45.500000001Z\",\"ttl\":5,\"modifiedIndex\":4,\
         \"createdIndex\":4}}\n"
    );
    let ttl_at = |store: &mut Store, later_ns: u64| {
        let mut out = Vec::new();
        store.get(b"/t/a", false, now + later_ns, 10, &mut out).expect("there");
        let text = String::from_utf8(out).expect("UTF-8");
        text.split("\"ttl\":").nth(1).and_then(|rest| rest.split(',').next()?.parse::<i64>().ok())
    };
    assert_eq!(ttl_at(&mut store, 1), Some(5), "rounded up");
    assert_eq!(ttl_at(&mut store, S), Some(4));
    assert_eq!(ttl_at(&mut store, 9 * S), Some(1), "a node that is there lives");
    assert_eq!(store.next_deadline_ns(), Some(now + 5 * S));
    // 101 to 103: set and update without a ttl remove it, update without a value empties.
    let event = at(&mut store, now, write(Op::Set, "/t/a", "2"));
    assert_eq!(json(&event).matches("\"ttl\":5").count(), 1, "in prevNode only");
    assert_eq!(store.next_deadline_ns(), None);
    let event = at(&mut store, now, Write { ttl_ns: Some(9 * S), ..write(Op::Update, "/t/a", "") });
    assert!(json(&event).contains("\"value\":\"\",\"expiration\""), "{}", json(&event));
    at(&mut store, now, write(Op::Update, "/t/a", "k"));
    assert_eq!(store.next_deadline_ns(), None);
    // 104, 105: no time at all.
    let event = at(&mut store, now, Write { ttl_ns: Some(0), ..write(Op::Set, "/t/z", "1") });
    assert!(json(&event).contains("expiration") && !json(&event).contains("ttl"));
    let before = store.etcd_index();
    store.apply(&command(now, Body::Expire));
    assert_eq!(store.etcd_index(), before + 1);
    assert!(get(&mut store, "/t/z", false).is_err());
    // 107 to 109: refresh keeps the value.
    let refresh = |op, path| Write { refresh: true, ttl_ns: Some(30 * S), ..write(op, path, "") };
    let event = at(&mut store, now, refresh(Op::Set, "/t/a"));
    assert!(json(&event).contains("\"value\":\"k\",\"expiration\""), "{}", json(&event));
    assert!(json(&event).starts_with("{\"action\":\"set\""));
    let event = at(&mut store, now, refresh(Op::Update, "/t"));
    assert!(
        json(&event).starts_with("{\"action\":\"update\",\"node\":{\"key\":\"/t\",\"dir\":true,")
    );
    // 115: compare-and-swap without a ttl removes it.
    let swap = Write { prev_value: Some(b"k".to_vec()), ..write(Op::CompareAndSwap, "/t/a", "s") };
    at(&mut store, now, swap);
    assert!(!get(&mut store, "/t/a", false).expect("there").contains("ttl"));
}

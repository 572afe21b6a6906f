//! Watches: told once, in order, and forgotten when their clients leave.

use coreos_store::{Body, Command, Op, RequestId, Store, StoreConfig, Write};

use crate::reply::{bare, form, get, put};
use crate::rig::{ALL, Over, Rig};

#[test]
fn a_watch_for_one_event() {
    for over in ALL {
        let mut rig = Rig::new();
        let (watcher, writer) = (rig.connect(over), rig.connect(over));
        rig.send(watcher, get("/v2/keys/a?wait=true"));
        rig.wait_for_watchers(1);
        // The head comes at once, with the index at which it began to wait.
        rig.until("a head", |rig| rig.received(watcher).ends_with(b"\r\n\r\n").then_some(()));
        rig.ask(writer, put("/v2/keys/b", "other")).expect(201, "");
        rig.ask(writer, put("/v2/keys/a", "1")).expect(201, "");
        let told = rig.reply(watcher).expect(200, r#""value":"1""#);
        assert_eq!((told.index(), rig.watchers()), (3, 0));
        // The connection goes on, also with an event of the past.
        let past = rig.ask(watcher, get("/v2/keys/?wait=true&recursive=true&waitIndex=4"));
        past.expect(200, r#""key":"/b""#);
        rig.ask(watcher, get("/v2/keys/a")).expect(200, r#""value":"1""#);
    }
}

#[test]
fn streams_and_folders() {
    for over in ALL {
        let mut rig = Rig::new();
        let (stream, folder, writer) = (rig.connect(over), rig.connect(over), rig.connect(over));
        rig.send(stream, get("/v2/keys/d/a?wait=true&stream=true"));
        rig.send(folder, get("/v2/keys/d?wait=true&recursive=true&stream=true"));
        rig.wait_for_watchers(2);
        for n in 0..3 {
            rig.ask(writer, put("/v2/keys/d/a", &n.to_string()));
            rig.ask(writer, put("/v2/keys/d/b", &n.to_string()));
            rig.ask(writer, put("/v2/keys/d/_hidden", "never told"));
        }
        rig.ask(writer, bare("DELETE", "/v2/keys/d?recursive=true")).expect(200, "");
        let (one, all) = (rig.wait_for(stream, "\"delete\""), rig.wait_for(folder, "\"delete\""));
        assert_eq!(one.matches("\"action\":\"set\"").count(), 3);
        assert_eq!(all.matches("\"action\":\"set\"").count(), 6);
        assert!(!all.contains("hidden"));
        assert_eq!(rig.watchers(), 2, "streams stay");
        let past = rig.connect(over);
        rig.send(past, get("/v2/keys/d/a?wait=true&stream=true&waitIndex=1"));
        assert_eq!(rig.wait_for(past, "\"delete\"").matches("\"action\":\"set\"").count(), 3);
    }
}

#[test]
fn who_leaves_is_forgotten() {
    for over in ALL {
        let mut rig = Rig::new();
        for target in ["/v2/keys/a?wait=true", "/v2/keys/?wait=true&stream=true&recursive=true"] {
            let watcher = rig.connect(over);
            rig.send(watcher, get(target));
            rig.wait_for_watchers(1);
            rig.leave(watcher);
            rig.wait_for_watchers(0);
        }
        rig.wait_for_connections(0);
    }
}

#[test]
fn who_has_left_before_the_watch_begins_is_forgotten_too() {
    for over in ALL {
        let mut rig = Rig::new();
        let watcher = rig.connect(over);
        let mut requests = put("/v2/keys/a", "1");
        requests.push_str(&get("/v2/keys/a?wait=true"));
        rig.send(watcher, requests);
        rig.finish(watcher);
        assert_eq!(rig.reply(watcher).status, 201, "what it asked before is answered");
        rig.wait_for_end(watcher);
        rig.wait_for_connections(0);
        assert_eq!(rig.watchers(), 0, "{over:?}");
        let gone = rig.connect(over);
        rig.send(gone, get("/v2/keys/a?wait=true&stream=true"));
        if over != Over::Fed {
            rig.leave(gone);
        } else {
            rig.finish(gone);
        }
        rig.wait_for_connections(0);
        assert_eq!(rig.watchers(), 0, "{over:?}");
    }
}

#[test]
fn who_leaves_with_much_pipelined_behind_a_watch_is_forgotten() {
    for over in [Over::Tcp, Over::Unix] {
        let mut rig = Rig::new();
        let watcher = rig.connect(over);
        rig.send(watcher, get("/v2/keys/a?wait=true"));
        rig.wait_for_watchers(1);
        rig.send(watcher, get("/v2/keys/a").repeat(4_000));
        let other = rig.connect(over);
        rig.ask(other, get("/v2/keys/")).expect(200, "");
        rig.leave(watcher);
        rig.wait_for_watchers(0);
    }
}

#[test]
fn a_left_fed_watch_does_not_give_its_place_away_before_it_is_closed() {
    let mut rig = Rig::new();
    let first = rig.front.open_fed("first", None).expect("room");
    rig.front.feed(first, get("/v2/keys/a?wait=true").as_bytes());
    rig.front.turn(256).expect("a turn");
    rig.front.feed(first, b"");
    rig.front.turn(256).expect("a turn");
    assert_eq!(rig.watchers(), 0);
    let second = rig.front.open_fed("second", None).expect("room");
    assert_ne!(first, second, "the first one's task still knows that number");
    rig.front.close_fed(first);
    assert_eq!(rig.front.connections(), 1);
    rig.front.feed(second, get("/v2/keys/").as_bytes());
    rig.front.turn(256).expect("a turn");
    let (output, is_last) = rig.front.take_output(second);
    assert!(output.starts_with(b"HTTP/1.1 200 OK") && !is_last);
}

#[test]
fn a_thousand_watchers_of_one_key_are_told_once() {
    const WATCHERS: usize = 1_000;
    let mut rig = Rig::new();
    let clients: Vec<usize> = (0..WATCHERS)
        .map(|n| {
            let client = rig.connect(if n % 2 == 0 { Over::Unix } else { Over::Fed });
            rig.send(client, get("/v2/keys/a?wait=true"));
            client
        })
        .collect();
    rig.wait_for_watchers(WATCHERS);
    let writer = rig.connect(Over::Tcp);
    rig.ask(writer, put("/v2/keys/a", "1")).expect(201, "");
    rig.ask(writer, put("/v2/keys/a", "2")).expect(200, "");
    let mut bodies: Vec<String> = clients.iter().map(|client| rig.reply(*client).body).collect();
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains(r#""value":"1""#));
    rig.ask(writer, get("/v2/keys/a")).expect(200, "");
    assert!(clients.iter().all(|client| rig.received(*client).is_empty()), "nobody is told more");
    assert_eq!(rig.watchers(), 0);
}

#[test]
fn a_watch_of_http_1_0_ends_with_its_connection() {
    for over in ALL {
        let mut rig = Rig::new();
        let (watcher, writer) = (rig.connect(over), rig.connect(over));
        let request = "GET /v2/keys/a?wait=true HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        rig.send(watcher, request);
        rig.wait_for_watchers(1);
        rig.ask(writer, form("PUT", "/v2/keys/a", "value=1")).expect(201, "");
        let told = rig.reply(watcher).expect(200, r#""value":"1""#);
        assert_eq!(told.header("Transfer-Encoding"), None);
        assert_eq!(told.header("Connection"), Some("close"));
        assert!(rig.has_ended(watcher));
    }
}

#[test]
fn a_stream_that_nobody_reads_is_ended_with_the_index_to_go_on_from() {
    for over in ALL {
        let mut rig = Rig::new();
        let (slow, writer) = (rig.connect(over), rig.connect(over));
        rig.send(slow, get("/v2/keys/a?wait=true&stream=true"));
        rig.wait_for_watchers(1);
        rig.set_deaf(slow, true);
        let value = "v".repeat(60_000);
        let mut writes = 0;
        while rig.watchers() > 0 {
            assert!(writes < 1_000, "{over:?}: it is never ended");
            rig.ask(writer, put("/v2/keys/a", &value));
            writes += 1;
        }
        assert!(writes > 40, "megabytes may wait, so {writes} are too few");
        rig.until("counted", |rig| (rig.front.counters().slow_watches == 1).then_some(()));
        rig.set_deaf(slow, false);
        let told = rig.reply(slow);
        let (events, error) = told.body.trim_end().rsplit_once('\n').expect("events and an error");
        let next = format!("watch again from {}", 4 + events.lines().count());
        assert!(error.contains(r#""errorCode":400"#) && error.contains(&next), "{error}");
        rig.wait_for_end(slow);
        // What it missed is still there for it.
        rig.ask(writer, put("/v2/keys/a", "end")).expect(200, "");
        let again = rig.connect(over);
        let target = format!("/v2/keys/a?wait=true&waitIndex={}", 4 + events.lines().count());
        rig.ask(again, get(&target)).expect(200, r#""action":"set""#);
    }
}

/// The member was behind, and gets another's state as a whole.
fn replace_store(rig: &Rig) {
    rig.member.with_store(|store, _| {
        let mut bytes = Vec::new();
        store.view().write(&mut bytes).expect("memory");
        let config =
            StoreConfig { history_bytes: 0, history_events_min: 2, ..StoreConfig::default() };
        let mut other = Store::restore(config, &mut bytes.as_slice()).expect("its own");
        for _ in 0..5 {
            let body = Body::Write(Write::new(Op::Set, "/a"));
            other.apply(&Command { request: RequestId::default(), time_ns: 0, body });
        }
        store.replace(other);
    });
}

#[test]
fn who_has_missed_a_snapshot_is_told_so() {
    for over in ALL {
        let mut rig = Rig::new();
        let (single, stream, writer) = (rig.connect(over), rig.connect(over), rig.connect(over));
        rig.send(single, get("/v2/keys/a?wait=true"));
        rig.send(stream, get("/v2/keys/a?wait=true&stream=true"));
        rig.wait_for_watchers(2);
        rig.ask(writer, put("/v2/keys/b", "told to nobody")).expect(201, "");
        replace_store(&rig);
        // What the log thread applies next brings the notices.
        rig.ask(writer, put("/v2/keys/b", "1")).expect(200, "");
        let cause = r#""errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [8/5]""#;
        for (client, is_stream) in [(single, false), (stream, true)] {
            let told = rig.reply(client).expect(200, cause);
            assert!(told.body.ends_with(",\"index\":9}\n"), "{over:?}: {}", told.body);
            if is_stream {
                rig.wait_for_end(client);
            } else {
                // The connection goes on, from the state that is there now.
                rig.ask(client, get("/v2/keys/b")).expect(200, r#""value":"1""#);
            }
        }
        assert_eq!(rig.watchers(), 0);
    }
}

#[test]
fn big_events_do_not_make_a_stream_slow() {
    for over in ALL {
        let mut rig = Rig::new();
        let (stream, writer) = (rig.connect(over), rig.connect(over));
        rig.send(stream, get("/v2/keys/a?wait=true&stream=true"));
        rig.wait_for_watchers(1);
        let value = "v".repeat(3_000_000);
        for number in 0..3 {
            rig.ask(writer, put(&format!("/v2/keys/a?prevExist={}", number > 0), &value));
        }
        rig.ask(writer, put("/v2/keys/a", "small")).expect(200, "");
        rig.wait_for(stream, r#""value":"small""#);
        assert_eq!((rig.watchers(), rig.front.counters().slow_watches), (1, 0));
    }
}

/// Changes of `/a`, and a stream that wants all of them: much more than a connection's output may hold at once.
fn stream_of_150_events(rig: &mut Rig, over: Over) -> (usize, usize) {
    let writer = rig.connect(over);
    let value = "v".repeat(10_000);
    for _ in 0..150 {
        rig.ask(writer, put("/v2/keys/a", &value));
    }
    let stream = rig.connect(over);
    rig.send(stream, get("/v2/keys/a?wait=true&stream=true&waitIndex=1"));
    (writer, stream)
}

#[test]
fn a_stream_gets_all_of_the_past_and_goes_on() {
    for over in ALL {
        let mut rig = Rig::new();
        let (writer, stream) = stream_of_150_events(&mut rig, over);
        rig.ask(writer, put("/v2/keys/a", "end")).expect(200, "");
        let all = rig.wait_for(stream, r#""value":"end""#);
        assert_eq!(all.matches(r#""action":"set""#).count(), 151);
        assert_eq!(rig.watchers(), 1);
    }
}

#[test]
fn who_has_finished_sending_still_gets_all_of_the_past() {
    for over in ALL {
        let mut rig = Rig::new();
        let (_, stream) = stream_of_150_events(&mut rig, over);
        rig.finish(stream);
        let all = rig.reply(stream);
        assert_eq!(all.body.matches(r#""action":"set""#).count(), 150, "{over:?}");
        rig.wait_for_end(stream);
        assert_eq!(rig.watchers(), 0);
    }
}

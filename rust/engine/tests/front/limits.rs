//! Limits, each with a control just within it. The sweep looks at times once a second.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use coreos_engine::front::FrontConfig;

use crate::reply::{form, get, put};
use crate::rig::{ALL, Over, Rig};

fn config(change: impl FnOnce(&mut FrontConfig)) -> FrontConfig {
    let mut config = FrontConfig::default();
    change(&mut config);
    config
}

#[test]
fn heads_bodies_and_keys_have_limits_that_are_named() {
    let limits = |config: &mut FrontConfig| {
        config.max_head_bytes = 1_000;
        config.max_body_bytes = 100;
        config.max_key_bytes = 50;
    };
    for over in ALL {
        let mut rig = Rig::with(config(limits), |_| {});
        let key = |len: usize| get(&format!("/v2/keys/{}", "k".repeat(len - 1)));
        let client = rig.connect(over);
        rig.ask(client, key(50)).expect(404, "Key not found");
        rig.ask(client, key(51)).expect(414, "50 (--max-key-bytes)");
        rig.ask(client, put("/v2/keys/a", &"v".repeat(94))).expect(201, "");
        rig.ask(client, put("/v2/keys/a", &"v".repeat(95))).expect(413, "100");
        rig.wait_for_end(client);
        let head = |len: usize| {
            let text = get("/v2/keys/a");
            let more = format!("X: {}\r\n\r\n", "x".repeat(len - text.len() - 5));
            text.strip_suffix("\r\n").expect("a blank line").to_owned() + &more
        };
        let client = rig.connect(over);
        rig.ask(client, head(1_000)).expect(200, "");
        rig.ask(client, head(1_001)).expect(431, "1000");
        rig.wait_for_end(client);
        rig.wait_for_connections(0);
    }
}

#[test]
fn more_connections_than_the_limit_are_refused_with_a_message() {
    let mut rig = Rig::with(config(|config| config.max_connections = 2), |_| {});
    let (first, second) = (rig.connect(Over::Tcp), rig.connect(Over::Fed));
    assert!(!rig.front.wants_accept());
    assert_eq!(rig.front.open_fed("third", None), None);
    for over in [Over::Tcp, Over::Unix] {
        let third = rig.connect(over);
        rig.reply(third).expect(503, "the limit is 2 (--max-connections)");
        rig.wait_for_end(third);
    }
    assert_eq!((rig.front.counters().accepted, rig.front.counters().refused), (2, 3));
    rig.leave(second);
    let next = rig.connect(Over::Tcp);
    rig.ask(next, get("/v2/keys/")).expect(200, "");
    rig.ask(first, get("/v2/keys/")).expect(200, "");
}

#[test]
fn idle_connections_are_closed_and_watches_spared() {
    for over in ALL {
        let mut rig = Rig::with(config(|config| config.idle_timeout_ms = 300), |_| {});
        let (watcher, idle) = (rig.connect(over), rig.connect(over));
        rig.send(watcher, get("/v2/keys/a?wait=true"));
        let began = Instant::now();
        rig.ask(idle, get("/v2/keys/")).expect(200, "");
        rig.wait_for_end(idle);
        let took = began.elapsed();
        assert!(took > Duration::from_millis(300) && took < Duration::from_secs(8), "{took:?}");
        assert_eq!((rig.watchers(), rig.front.connections()), (1, 1), "{over:?}");
        let writer = rig.connect(over);
        rig.ask(writer, put("/v2/keys/a", "1")).expect(201, "");
        rig.reply(watcher).expect(200, r#""value":"1""#);
    }
}

#[test]
fn a_request_that_drips_in_is_answered_408() {
    for over in ALL {
        let mut rig = Rig::with(config(|config| config.head_timeout_ms = 300), |_| {});
        let (slow, idle) = (rig.connect(over), rig.connect(over));
        rig.send(slow, "GET /v2/keys/a HTTP/1.1\r\nX: ");
        // It is never quiet and never done.
        rig.until("an answer", |rig| {
            if !rig.received(slow).is_empty() {
                return Some(());
            }
            rig.send(slow, "x");
            rig.wait_at_most(20);
            None
        });
        rig.reply(slow).expect(408, "300 ms");
        rig.wait_for_end(slow);
        rig.ask(idle, get("/v2/keys/a")).expect(404, "");
    }
}

#[test]
fn a_client_that_does_not_read_its_listing_is_let_go() {
    for over in [Over::Tcp, Over::Unix] {
        let mut rig = Rig::with(config(|config| config.idle_timeout_ms = 300), |_| {});
        let value = "v".repeat(100_000);
        let writer = rig.connect(over);
        for n in 0..150 {
            rig.ask(writer, put(&format!("/v2/keys/d/{n}"), &value)).expect(201, "");
        }
        rig.leave(writer);
        let deaf = rig.connect(over);
        rig.set_deaf(deaf, true);
        rig.send(deaf, get("/v2/keys/d?recursive=true"));
        rig.wait_for_connections(0);
        // The control: who reads gets all of it, although it takes a moment.
        let reader = rig.connect(over);
        let all = rig.ask(reader, get("/v2/keys/d?recursive=true")).expect(200, "");
        assert!(all.body.len() > 15_000_000);
    }
}

#[test]
fn a_write_that_takes_too_long_is_of_unknown_outcome() {
    for over in ALL {
        let mut rig = Rig::with(config(|config| config.request_timeout_ms = 0), |_| {});
        let client = rig.connect(over);
        rig.ask(client, put("/v2/keys/a", "1")).expect(201, "");
        // Nothing is applied while somebody looks at the store, so the answer cannot come.
        let member = rig.member.clone();
        let (held, release) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                member.with_store(|_, _| {
                    held.wait();
                    release.wait();
                });
            });
            held.wait();
            rig.send(client, put("/v2/keys/a", "2"));
            rig.send(client, get("/v2/keys/a"));
            rig.until("a reply", |rig| {
                rig.received(client).windows(4).any(|part| part == b"\r\n\r\n").then_some(())
            });
            release.wait();
        });
        rig.reply(client).expect(500, "request timed out");
        rig.reply(client).expect(200, "");
        let now = |rig: &mut Rig| rig.member.with_store(|store, _| store.etcd_index() == 5);
        rig.until("it is carried out all the same", |rig| now(rig).then_some(()));
        rig.ask(client, get("/v2/keys/a")).expect(200, r#""value":"2""#);
    }
}

/// A refused client that goes on sending as fast as it is read does not keep the others waiting.
#[test]
fn a_refused_flood_stops_nobody() {
    let mut rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut flood =
        TcpStream::connect(listener.local_addr().expect("its address")).expect("connected");
    let (server, _) = listener.accept().expect("accepted");
    rig.front.adopt(server.into(), "flood").expect("adopted");
    let other = rig.connect(Over::Tcp);
    std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            flood.write_all(b"nonsense\r\n\r\n").expect("sent");
            let junk = vec![b'x'; 1 << 20];
            let mut reply = [0; 12];
            flood.read_exact(&mut reply).expect("a reply");
            // Ends when the server has had enough of it.
            let sent = (0..20_000).take_while(|_| flood.write_all(&junk).is_ok()).count();
            (String::from_utf8_lossy(&reply).into_owned(), sent)
        });
        for _ in 0..50 {
            rig.ask(other, get("/v2/keys/")).expect(200, "");
        }
        rig.until("it is reset", |rig| (rig.front.connections() == 1).then_some(()));
        let (reply, sent) = sender.join().expect("the sender");
        assert_eq!(reply, "HTTP/1.1 400");
        assert!(sent < 20_000, "it was never reset");
    });
}

#[test]
fn what_python_gets_is_small() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let post = |len: usize| form("POST", "/v2/members", &"b".repeat(len));
        rig.send(client, post(64 << 10));
        let request = rig.request();
        assert_eq!(request.body.len(), 64 << 10);
        rig.front.respond(request.ticket, 200, &[], b"");
        rig.reply(client).expect(200, "");
        rig.ask(client, post((64 << 10) + 1)).expect(413, "65536");
    }
}

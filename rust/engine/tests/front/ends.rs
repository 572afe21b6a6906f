//! How it ends: a drain, or a log that failed.

use coreos_engine::MemberConfig;
use coreos_wal::WalOptions;

use crate::reply::{bare, get, put};
use crate::rig::{ALL, Over, Rig};

#[test]
fn a_drain_answers_what_runs_and_closes_everything() {
    for over in ALL {
        let mut rig = Rig::new();
        let connect = |rig: &mut Rig| rig.connect(over);
        let [idle, half, watcher, asks, writer, listing] =
            std::array::from_fn(|_| connect(&mut rig));
        let writes: String = (0..300).map(|n| put(&format!("/v2/keys/d/{n}"), "v")).collect();
        rig.send(writer, writes);
        (0..300).for_each(|_| assert_eq!(rig.reply(writer).status, 201));
        rig.ask(idle, get("/v2/keys/")).expect(200, "");
        rig.send(half, "GET /v2/keys/ HT");
        rig.send(watcher, get("/v2/keys/a?wait=true"));
        rig.send(asks, bare("GET", "/version"));
        let request = rig.request();
        rig.wait_for_watchers(1);
        rig.send(listing, get("/v2/keys/d?recursive=true"));
        rig.send(writer, put("/v2/keys/a", "last"));
        // The write and the listing have begun when the drain comes, answered or not.
        let begun = rig.front.counters().requests + 2;
        rig.until("begun", |rig| (rig.front.counters().requests >= begun).then_some(()));
        rig.front.drain();
        assert_eq!(rig.reply(writer).status, 201);
        rig.reply(listing).expect(200, "/d/299");
        for client in [idle, half, writer, listing] {
            rig.wait_for_end(client);
            assert!(rig.received(client).is_empty());
        }
        // A watch ends whole, with the event or with none.
        let told = rig.reply(watcher).expect(200, "");
        assert!(told.body.is_empty() || told.body.contains("\"last\""));
        rig.wait_for_end(watcher);
        rig.wait_for_connections(1);
        assert_eq!(rig.watchers(), 0, "{over:?}");
        rig.front.respond(request.ticket, 200, &[], b"late but here\n");
        let reply = rig.reply(asks).expect(200, "late but here");
        assert_eq!(reply.header("Connection"), Some("close"));
        rig.wait_for_end(asks);
        // Who comes now is served once.
        let late = rig.connect(over);
        let reply = rig.ask(late, get("/v2/keys/a")).expect(200, "");
        assert_eq!(reply.header("Connection"), Some("close"));
        rig.wait_for_end(late);
        rig.wait_for_connections(0);
    }
}

/// A log that soon changes its segment, and can then be made to fail.
fn small_log(config: &mut MemberConfig) {
    config.wal = WalOptions { segment_bytes: 64 << 10, nonce_seed: None };
}

#[test]
fn when_the_log_fails_all_who_wait_are_told() {
    for over in ALL {
        let mut rig = Rig::with(Default::default(), small_log);
        let clients: Vec<usize> = (0..20).map(|_| rig.connect(over)).collect();
        for client in &clients {
            rig.ask(*client, put("/v2/keys/a", "fits")).expect_one_of(&[200, 201]);
        }
        rig.break_log();
        let mut told = 0;
        for round in 0.. {
            assert!(round < 10, "{over:?}: the log does not fail");
            for client in &clients {
                rig.send(*client, put("/v2/keys/a", &"v".repeat(2_000)));
            }
            for client in &clients {
                let reply = rig.reply(*client);
                if reply.status == 500 {
                    let reply = reply.expect(500, "server stopped");
                    assert!(reply.body.contains(r#""errorCode":300"#), "{reply:?}");
                    told += 1;
                } else {
                    // It was durable before the log failed.
                    assert_eq!(reply.status, 200);
                }
            }
            if told > 0 {
                break;
            }
        }
        let reason = rig.until("the front says so", |rig| rig.poisoned.clone());
        assert!(reason.contains("could not rename"), "{reason}");
        assert!(rig.front.turn(256).is_err(), "and goes on saying so");
    }
}

#[test]
fn a_front_that_comes_after_the_log_has_failed_ends_at_once() {
    let mut rig = Rig::with(Default::default(), small_log);
    let client = rig.connect(Over::Tcp);
    rig.break_log();
    while rig.ask(client, put("/v2/keys/a", &"v".repeat(2_000))).status != 500 {}
    let mut next =
        coreos_engine::front::Front::new(rig.member.clone(), Default::default()).expect("a front");
    // A turn to tell who waits, and no further one.
    assert!(next.turn(256).is_ok_and(|turn| turn.next_ms == 0));
    assert!(next.turn(256).is_err());
}

#[test]
fn a_request_that_was_sent_before_the_end_is_answered() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        rig.ask(client, put("/v2/keys/a", "1")).expect(201, "");
        // It is in the socket, and no turn has seen it.
        rig.send(client, get("/v2/keys/a"));
        rig.front.drain();
        let reply = rig.reply(client).expect(200, r#""value":"1""#);
        assert_eq!(reply.header("Connection"), Some("close"));
        rig.wait_for_end(client);
    }
}

//! Big listings: rendered by another thread, streamed, and the same bytes as small ones.

use crate::common;
use crate::reply::{bare, form, get};
use crate::rig::{ALL, Over, Rig};

/// Fill `/d` with keys whose values have `value_bytes`.
fn fill(rig: &mut Rig, keys: std::ops::Range<usize>, value_bytes: usize) {
    let writer = rig.connect(Over::Unix);
    let value = "v".repeat(value_bytes);
    for from in keys.clone().step_by(20) {
        let to = keys.end.min(from + 20);
        let path = |n: usize| format!("/v2/keys/d/{n:05}");
        let writes: String =
            (from..to).map(|n| form("PUT", &path(n), &format!("value={value}"))).collect();
        rig.send(writer, writes);
        (from..to).for_each(|_| assert_eq!(rig.reply(writer).status, 201));
    }
    rig.leave(writer);
}

#[test]
fn a_big_listing_has_the_bytes_of_a_small_one() {
    for over in ALL {
        let mut rig = Rig::new();
        // The control: this one is small, and has a length.
        fill(&mut rig, 0..100, 10);
        let client = rig.connect(over);
        let small = rig.ask(client, get("/v2/keys/d?recursive=true")).expect(200, "");
        assert!(small.header("Content-Length").is_some());
        assert_eq!(small.body, common::read(&rig.member, "/d"));
        fill(&mut rig, 100..500, 10);
        let big = rig.ask(client, get("/v2/keys/d?recursive=true")).expect(200, "");
        assert_eq!(big.header("Transfer-Encoding"), Some("chunked"));
        assert_eq!(big.body, common::read(&rig.member, "/d"));
        let head = rig.ask(client, bare("HEAD", "/v2/keys/d?recursive=true")).expect(200, "");
        assert_eq!(head.header("Content-Length"), None);
        // Its end may come with its last piece or after it.
        for _ in 0..20 {
            let client = rig.connect(over);
            let old = rig.ask(client, "GET /v2/keys/d?recursive=true HTTP/1.0\r\n\r\n");
            assert_eq!(old.header("Connection"), Some("close"));
            assert_eq!(old.body, big.body);
        }
    }
}

/// The pieces that wait when the listing thread is done raise no event: they must be sent all the
/// same.
#[test]
fn a_listing_of_megabytes_does_not_wait_for_the_clock() {
    for over in ALL {
        let mut rig = Rig::new();
        fill(&mut rig, 0..200, 15_000);
        let client = rig.connect(over);
        rig.ask(client, get("/v2/keys/d/00000")).expect(200, "");
        let before = rig.late_turns;
        for _ in 0..3 {
            let big = rig.ask(client, get("/v2/keys/d?recursive=true")).expect(200, "");
            assert!(big.body.len() > 3_000_000);
        }
        assert_eq!(rig.late_turns, before, "{over:?}: no turn came only because a second was over");
    }
}

#[test]
fn a_half_closed_client_gets_its_listing() {
    for over in ALL {
        let mut rig = Rig::new();
        fill(&mut rig, 0..300, 1_000);
        let client = rig.connect(over);
        rig.send(client, get("/v2/keys/d?recursive=true"));
        rig.finish(client);
        let big = rig.reply(client).expect(200, "");
        assert_eq!(big.body, common::read(&rig.member, "/d"));
        rig.wait_for_end(client);
    }
}

#[test]
fn who_leaves_a_listing_frees_its_thread() {
    for over in ALL {
        let mut rig = Rig::new();
        fill(&mut rig, 0..200, 30_000);
        // More than there are threads for listings: the later ones wait for those that left.
        for _ in 0..20 {
            let client = rig.connect(over);
            rig.set_deaf(client, true);
            rig.send(client, get("/v2/keys/d?recursive=true"));
            let all = rig.front.counters().accepted;
            rig.until("it is asked for", |rig| {
                (rig.front.counters().requests >= all).then_some(())
            });
            rig.leave(client);
        }
        let client = rig.connect(over);
        let big = rig.ask(client, get("/v2/keys/d?recursive=true")).expect(200, "");
        assert_eq!(big.body.len(), common::read(&rig.member, "/d").len());
        rig.wait_for_connections(1);
    }
}

#[test]
fn writes_go_on_while_a_listing_waits_for_its_reader() {
    for over in ALL {
        let mut rig = Rig::new();
        fill(&mut rig, 0..200, 30_000);
        let before = common::read(&rig.member, "/d");
        let (slow, writer) = (rig.connect(over), rig.connect(over));
        rig.set_deaf(slow, true);
        rig.send(slow, get("/v2/keys/d?recursive=true"));
        rig.until("it is asked for", |rig| (rig.front.counters().requests > 200).then_some(()));
        rig.ask(writer, form("PUT", "/v2/keys/d/00001", "value=new")).expect(200, "");
        rig.set_deaf(slow, false);
        assert!(rig.reply(slow).body == before, "the listing is of one moment");
    }
}

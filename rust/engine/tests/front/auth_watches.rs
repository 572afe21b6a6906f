//! Watches under authentication: they end with the right to them, and with their client or the server.

use coreos_engine::front::FrontConfig;
use coreos_engine::{AuthChange, Body};
use coreos_store::{Op, Write};

use crate::auth::{IN_TIME, REFUSED, by, change, checks, guarded, list, role, update};
use crate::reply::{get, put};
use crate::rig::{ALL, Over, Rig};

/// Something that takes away the right to a watch.
type Loss = (&'static str, fn(&Rig));

/// Everything that can.
fn losses() -> Vec<Loss> {
    vec![
        ("the user's role", |rig| update(rig, "al", None, &[])),
        ("the user", |rig| change(rig, AuthChange::DeleteUser { name: "al".into() })),
        ("the password", |rig| update(rig, "al", Some("new"), &["r"])),
        ("the role", |rig| change(rig, AuthChange::DeleteRole { name: "r".into() })),
        ("the role's pattern", |rig| {
            let index = rig.member.with_store(|store, _| store.auth().roles["r"].modified_index);
            let (read, write) = (list(&["/other"]), list(&["/m/*"]));
            let name = "r".into();
            change(rig, AuthChange::UpdateRole { name, read, write, expected_index: index });
        }),
    ]
}

#[test]
fn a_watch_ends_with_the_right_to_it() {
    // Each transport meets one of them.
    for (over, (what, lose)) in ALL.into_iter().cycle().zip(losses()) {
        let mut rig = guarded(FrontConfig::default());
        let (once, stream, other) = (rig.connect(over), rig.connect(over), rig.connect(over));
        let guest = rig.connect(over);
        rig.send(once, by("al:pa", get("/v2/keys/m/x?wait=true")));
        rig.send(stream, by("al:pa", get("/v2/keys/m?wait=true&recursive=true&stream=true")));
        rig.send(other, by("root:pw", get("/v2/keys/m/x?wait=true")));
        rig.send(guest, get("/v2/keys/pub?wait=true"));
        rig.wait_for_watchers(4);
        let writer = rig.connect(over);
        rig.ask(writer, by("root:pw", put("/v2/keys/m/y", "before"))).expect(201, "");
        lose(&rig);
        rig.ask(writer, by("root:pw", put("/v2/keys/m/x", "after"))).expect(201, "");
        let empty = rig.reply(once).expect(200, "");
        assert_eq!(empty.body, "", "{what}");
        rig.wait_for_end(once);
        let told = rig.reply(stream).expect(200, "\"before\"");
        assert!(!told.body.contains("after"), "{what}: {told:?}");
        rig.wait_for_end(stream);
        assert_eq!(rig.front.counters().revoked_watches, 2, "{what}");
        // The control: who still may is told.
        rig.reply(other).expect(200, "\"after\"");
        assert_eq!(rig.watchers(), 1, "{what}: the guest's");
    }
}

#[test]
fn a_change_that_takes_nothing_away_ends_no_watch() {
    let mut rig = guarded(FrontConfig::default());
    let watcher = rig.connect(Over::Tcp);
    rig.send(watcher, by("al:pa", get("/v2/keys/m/x?wait=true")));
    rig.wait_for_watchers(1);
    update(&rig, "al", None, &["more", "r"]);
    role(&rig, "more", &["/more"], &[]);
    change(&rig, AuthChange::Switch { on: false });
    change(&rig, AuthChange::Switch { on: true });
    let writer = rig.connect(Over::Tcp);
    rig.ask(writer, by("root:pw", put("/v2/keys/m/x", "1"))).expect(201, "");
    rig.reply(watcher).expect(200, "\"set\"");
}

#[test]
fn turning_it_on_ends_the_watches_of_who_has_shown_nothing() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        change(&rig, AuthChange::Switch { on: false });
        let (guest, public, unproven) = (rig.connect(over), rig.connect(over), rig.connect(over));
        rig.send(guest, get("/v2/keys/m/x?wait=true"));
        rig.send(public, get("/v2/keys/pub?wait=true"));
        rig.send(unproven, by("al:pa", get("/v2/keys/m/x?wait=true")));
        rig.wait_for_watchers(3);
        change(&rig, AuthChange::Switch { on: true });
        rig.wait_for_end(guest);
        rig.wait_for_end(unproven);
        assert_eq!(rig.watchers(), 1, "guests may read that one");
        assert!(!rig.has_ended(public));
    }
}

#[test]
fn the_original_lets_watches_go_on() {
    let mut rig = guarded(FrontConfig { upstream: true, ..FrontConfig::default() });
    let watcher = rig.connect(Over::Tcp);
    rig.send(watcher, by("al:pa", get("/v2/keys/m/x?wait=true")));
    rig.wait_for_watchers(1);
    change(&rig, AuthChange::DeleteUser { name: "al".into() });
    let writer = rig.connect(Over::Tcp);
    rig.ask(writer, by("root:pw", put("/v2/keys/m/x", "1"))).expect(201, "");
    rig.reply(watcher).expect(200, "\"set\"");
    rig.ask(writer, get("/v2/keys")).expect(401, REFUSED);
    rig.ask(writer, by("root:pw", get("/v2/keys"))).expect(200, "");
}

/// A write that nobody waits for in the front.
fn set(rig: &Rig, path: &str, value: &str) {
    let write = Write { value: value.into(), ..Write::new(Op::Set, path) };
    let applied = rig.member.execute(Body::Write(write), IN_TIME).expect("carried out");
    applied.outcome.expect("no error");
}

#[test]
fn a_slow_stream_is_told_nothing_from_after_the_loss() {
    for over in [Over::Unix, Over::Fed] {
        let mut rig = guarded(FrontConfig::default());
        let (stream, writer) = (rig.connect(over), rig.connect(over));
        rig.send(stream, by("al:pa", get("/v2/keys/m?wait=true&recursive=true&stream=true")));
        rig.wait_for_watchers(1);
        rig.set_deaf(stream, true);
        // More than its connection takes, less than what makes it too slow.
        let value = "v".repeat(60_000);
        for _ in 0..40 {
            rig.ask(writer, by("root:pw", put("/v2/keys/m/x", &value)));
        }
        // The front hears of both at once.
        update(&rig, "al", None, &[]);
        set(&rig, "/m/x", "after");
        rig.until("its end", |rig| (rig.front.counters().revoked_watches > 0).then_some(()));
        // Nor does it end again.
        role(&rig, "another", &["/x"], &[]);
        rig.ask(writer, by("root:pw", put("/v2/keys/m/x", "later"))).expect(200, "");
        rig.set_deaf(stream, false);
        let told = rig.reply(stream).expect(200, "").body;
        assert_eq!(told.matches(r#""action":"set""#).count(), 40, "{over:?}");
        assert!(!told.contains(r#""value":"after""#), "{over:?}");
        rig.wait_for_end(stream);
        assert_eq!((rig.front.counters().revoked_watches, rig.watchers()), (1, 0));
    }
}

#[test]
fn a_watch_whose_password_is_checked_while_the_server_stops_ends() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        let client = rig.connect(over);
        rig.send(client, by("al:pa", get("/v2/keys/m/x?wait=true")));
        rig.until("it has come", |rig| (rig.front.counters().requests == 1).then_some(()));
        rig.front.drain();
        let empty = rig.reply(client).expect(200, "");
        assert_eq!((empty.body.as_str(), checks(&rig)), ("", 1));
        rig.wait_for_end(client);
        rig.wait_for_connections(0);
        assert_eq!(rig.watchers(), 0);
    }
}

#[test]
fn a_watch_does_not_outlive_its_client_however_much_was_sent_behind_it() {
    for over in [Over::Tcp, Over::Unix] {
        let mut rig = guarded(FrontConfig::default());
        let client = rig.connect(over);
        rig.send(client, by("al:pa", get("/v2/keys/m/x?wait=true")));
        rig.until("it has come", |rig| (rig.front.counters().requests == 1).then_some(()));
        // While its password is checked: so much that reading stops before the end is seen.
        rig.send(client, get("/v2/keys/pub").repeat(2_500));
        rig.finish(client);
        let empty = rig.reply(client).expect(200, "");
        assert_eq!((empty.body.as_str(), checks(&rig)), ("", 1));
        rig.wait_for_end(client);
        rig.wait_for_connections(0);
        assert_eq!(rig.watchers(), 0);
    }
}

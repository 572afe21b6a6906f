//! Requests under authentication: who asks is found out once, and what may no longer be read is no longer told.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use coreos_engine::front::FrontConfig;
use coreos_engine::{AuthChange, Body, List, hash_password};

use crate::reply::{Reply, bare, form, get, put};
use crate::rig::{ALL, Over, Rig};

pub const IN_TIME: Duration = Duration::from_secs(10);
pub const REFUSED: &str = "\"errorCode\":110,\"message\":\"The request requires user authentication\",\
                       \"cause\":\"Insufficient credentials\",\"index\":0}";

pub fn list(names: &[&str]) -> List {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

pub fn change(rig: &Rig, change: AuthChange) {
    let applied = rig.member.execute(Body::Auth(change), IN_TIME).expect("carried out");
    applied.outcome.expect("no error");
}

pub fn user(rig: &Rig, name: &str, password: &str, roles: &[&str]) {
    let password_hash = hash_password(password.as_bytes()).expect("random bytes");
    change(rig, AuthChange::CreateUser { name: name.into(), password_hash, roles: list(roles) });
}

pub fn role(rig: &Rig, name: &str, read: &[&str], write: &[&str]) {
    let (read, write) = (list(read), list(write));
    change(rig, AuthChange::CreateRole { name: name.into(), read, write });
}

/// Another list of roles, and another password.
pub fn update(rig: &Rig, name: &str, password: Option<&str>, roles: &[&str]) {
    let index = rig.member.with_store(|store, _| store.auth().users[name].modified_index);
    let password_hash = password.map(|it| hash_password(it.as_bytes()).expect("random bytes"));
    let name = name.into();
    let roles = list(roles);
    change(rig, AuthChange::UpdateUser { name, password_hash, roles, expected_index: index });
}

/// Authentication is on, guests may do nothing, `al` with the password `pa` may read and write below /m.
pub fn guarded(config: FrontConfig) -> Rig {
    let rig = Rig::with(config, |_| {});
    user(&rig, "root", "pw", &["root"]);
    user(&rig, "al", "pa", &["r"]);
    role(&rig, "r", &["/m/*"], &["/m/*"]);
    role(&rig, "guest", &["/pub"], &[]);
    change(&rig, AuthChange::Switch { on: true });
    rig
}

fn header(credentials: &str) -> String {
    format!("Authorization: Basic {}\r\n\r\n", BASE64_STANDARD.encode(credentials))
}

/// The same request from somebody.
pub fn by(credentials: &str, request: String) -> String {
    request.replacen("\r\n\r\n", &format!("\r\n{}", header(credentials)), 1)
}

pub fn checks(rig: &Rig) -> u64 {
    rig.front.counters().password_checks
}

#[test]
fn without_authentication_credentials_are_not_looked_at() {
    for over in ALL {
        let mut rig = Rig::new();
        user(&rig, "al", "pa", &[]);
        let client = rig.connect(over);
        rig.ask(client, by("al:wrong", put("/v2/keys/a", "1"))).expect(201, "");
        rig.ask(client, by("nobody:x", get("/v2/keys/a"))).expect(200, "");
        assert_eq!(checks(&rig), 0);
    }
}

#[test]
fn who_may_not_is_refused_and_the_connection_goes_on() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        let client = rig.connect(over);
        rig.ask(client, get("/v2/keys/pub")).expect(404, "\"errorCode\":100");
        rig.ask(client, get("/v2/keys/m/x")).expect(401, REFUSED);
        rig.ask(client, put("/v2/keys/pub", "1")).expect(401, REFUSED);
        rig.ask(client, by("al:pa", put("/v2/keys/m/x", "1"))).expect(201, "");
        rig.ask(client, by("al:pa", put("/v2/keys/pub", "1"))).expect(401, REFUSED);
        rig.ask(client, by("al:wrong", get("/v2/keys/pub"))).expect(401, REFUSED);
        rig.ask(client, by("nobody:pa", get("/v2/keys/pub"))).expect(401, REFUSED);
        let malformed = get("/v2/keys/pub").replace("\r\n\r\n", "\r\nAuthorization: x\r\n\r\n");
        rig.ask(client, malformed).expect(401, REFUSED);
        rig.ask(client, by("nobody:x", get("/v2/keys/m?ttl=bad"))).expect(400, "202");
        rig.ask(client, by("root:pw", put("/v2/keys/pub", "1"))).expect(201, "");
    }
}

#[test]
fn paths_are_judged_as_they_are_carried_out() {
    let mut rig = guarded(FrontConfig::default());
    let client = rig.connect(Over::Tcp);
    for path in ["/m/../secret", "/m/%2e%2e/secret", "//secret", "/m/./../secret/"] {
        let target = format!("/v2/keys{path}");
        rig.ask(client, by("al:pa", put(&target, "1"))).expect(401, REFUSED);
    }
    rig.ask(client, by("al:pa", put("/v2/keys//x/../m//y", "1"))).expect(201, "\"/m/y\"");
    rig.ask(client, by("al:pa", get("/v2/keys/m?recursive=true"))).expect(200, "\"/m/y\"");
    rig.ask(client, by("al:pa", put("/v2/keys/m?dir=true", ""))).expect(401, REFUSED);
}

#[test]
fn who_may_write_in_a_directory_may_not_replace_or_delete_it() {
    let mut rig = guarded(FrontConfig::default());
    let client = rig.connect(Over::Tcp);
    rig.ask(client, by("al:pa", put("/v2/keys/m/x/y", "1"))).expect(201, "");
    for target in ["/v2/keys/m/", "/v2/keys/m//", "/v2/keys/m/./", "/v2/keys/m/x/../"] {
        let delete = bare("DELETE", &format!("{target}?recursive=true"));
        rig.ask(client, by("al:pa", delete)).expect(401, REFUSED);
        rig.ask(client, by("al:pa", put(&format!("{target}?dir=true"), ""))).expect(401, REFUSED);
    }
    // The control: what is in it.
    let delete = bare("DELETE", "/v2/keys/m/x/?recursive=true");
    rig.ask(client, by("al:pa", delete)).expect(200, "");
    rig.ask(client, by("al:pa", form("POST", "/v2/keys/m/", "value=1"))).expect(201, "\"/m/0000");
    rig.ask(client, by("al:pa", get("/v2/keys/m/"))).expect(200, "");
    // The original judges the path as it was sent.
    let mut rig = guarded(FrontConfig { upstream: true, ..FrontConfig::default() });
    let client = rig.connect(Over::Tcp);
    rig.ask(client, by("al:pa", put("/v2/keys/m/x", "1"))).expect(201, "");
    let delete = bare("DELETE", "/v2/keys/m/?recursive=true");
    rig.ask(client, by("al:pa", delete)).expect(200, "");
}

#[test]
fn equal_credentials_are_checked_once_however_many_ask() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        let clients: Vec<usize> = (0..50).map(|_| rig.connect(over)).collect();
        for round in 0..3 {
            for client in &clients {
                // What is pipelined behind waits for its turn.
                let mut both = by("al:pa", put(&format!("/v2/keys/m/{client}"), "1"));
                both.push_str(&by("al:pa", get(&format!("/v2/keys/m/{client}"))));
                rig.send(*client, both);
            }
            for client in &clients {
                let status = if round == 0 { 201 } else { 200 };
                rig.reply(*client).expect(status, "\"action\":\"set\"");
                rig.reply(*client).expect(200, "\"action\":\"get\"");
            }
            assert_eq!(checks(&rig), 1);
        }
        // Another password of the same user is another question, asked once too.
        for client in &clients {
            rig.send(*client, by("al:wrong", get("/v2/keys/m/1")));
        }
        for client in &clients {
            rig.reply(*client).expect(401, REFUSED);
        }
        assert_eq!(checks(&rig), 2);
    }
}

#[test]
fn who_tries_passwords_keeps_nobody_waiting() {
    let mut rig = guarded(FrontConfig::default());
    user(&rig, "bo", "pb", &["r"]);
    let good = rig.connect(Over::Tcp);
    rig.ask(good, by("bo:pb", put("/v2/keys/m/x", "1"))).expect(201, "");
    let tries: Vec<usize> = (0..100).map(|_| rig.connect(Over::Tcp)).collect();
    for (number, client) in tries.iter().enumerate() {
        rig.send(*client, by(&format!("al:{number}"), get("/v2/keys/m/x")));
    }
    let replies: Vec<Reply> = tries.iter().map(|client| rig.reply(*client)).collect();
    let busy = replies.iter().filter(|reply| reply.status != 401).count();
    assert!(busy > 0, "more wait than may");
    let sentence = "{\"errorCode\":300,\"message\":\"Raft Internal Error\",\"cause\":\"etcdserver: too many passwords \
                    of this user are being checked from this address: the limit is 4\",\"index\":0}\n";
    for reply in &replies {
        assert!(
            reply.status == 401 || (reply.status, &*reply.body) == (500, sentence),
            "{reply:?}"
        );
    }
    assert_eq!(checks(&rig), 1 + (tries.len() - busy) as u64);
    // Known ones need no check, whatever is being tried.
    rig.send(tries[0], by("al:another", get("/v2/keys/m/x")));
    rig.ask(good, by("bo:pb", get("/v2/keys/m/x"))).expect(200, "");
    rig.reply(tries[0]).expect(401, "");
}

#[test]
fn beside_the_key_space_a_check_that_has_no_place_is_refused_with_a_sentence() {
    let mut rig = guarded(FrontConfig::default());
    let tries: Vec<usize> = (0..100).map(|_| rig.connect(Over::Tcp)).collect();
    for (number, client) in tries.iter().enumerate() {
        rig.send(*client, by(&format!("al:{number}"), get("/v2/auth/users")));
    }
    let refused = rig.until("a refusal", |rig| {
        tries.iter().copied().find(|client| !rig.received(*client).is_empty())
    });
    rig.reply(refused).expect(503, "from this address: the limit is 4\n");
}

#[test]
fn a_header_that_is_too_long_proves_nothing_and_is_not_checked() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        // Checks end after 72 bytes, so this password may be as long as one likes.
        let password = "p".repeat(72);
        user(&rig, "bo", &password, &["r"]);
        let client = rig.connect(over);
        // Behind the scheme's 6 bytes, 3066 become 4088 and 3069 become 4092: just below 4096 bytes, and above.
        let longest = format!("bo:{password}").len();
        let padded = |bytes: usize| format!("bo:{password}{}", "x".repeat(bytes - longest));
        rig.ask(client, by(&padded(3069), get("/v2/keys/m/x"))).expect(401, REFUSED);
        assert_eq!(checks(&rig), 0);
        rig.ask(client, by(&padded(3066), get("/v2/keys/m/x"))).expect(404, "");
        assert_eq!(checks(&rig), 1, "the control");
    }
}

#[test]
fn large_requests_that_wait_are_bounded_together() {
    let mut rig = guarded(FrontConfig::default());
    let clients: Vec<usize> = (0..10).map(|_| rig.connect(Over::Fed)).collect();
    let value = "x".repeat(9 << 20);
    for client in &clients {
        rig.send(*client, by("al:wrong", put("/v2/keys/m/x", &value)));
    }
    let replies: Vec<Reply> = clients.iter().map(|client| rig.reply(*client)).collect();
    let refused = replies.iter().filter(|reply| reply.status == 500).count();
    assert!(refused >= 3, "ten times 9 MiB are more than 64: {refused}");
    assert!(
        replies.iter().all(|reply| reply.status == 401 || reply.body.contains("67108864 bytes"))
    );
    // They have made room.
    for client in &clients[..7] {
        rig.send(*client, by("al:other", put("/v2/keys/m/x", &value)));
    }
    for client in &clients[..7] {
        rig.reply(*client).expect(401, REFUSED);
    }
}

#[test]
fn a_client_that_leaves_while_its_password_is_checked_is_forgotten() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        let client = rig.connect(over);
        rig.send(client, by("al:pa", put("/v2/keys/m/x", "1")));
        rig.until("it has come", |rig| (rig.front.counters().requests == 1).then_some(()));
        rig.leave(client);
        rig.wait_for_connections(0);
        rig.until("the check", |rig| (checks(rig) == 1).then_some(()));
        let next = rig.connect(over);
        rig.ask(next, by("al:pa", get("/v2/keys/m/none"))).expect(404, "");
        assert_eq!(checks(&rig), 1);
    }
}

#[test]
fn a_changed_password_counts_at_once() {
    let mut rig = guarded(FrontConfig::default());
    let client = rig.connect(Over::Tcp);
    rig.ask(client, by("al:pa", get("/v2/keys/m/x"))).expect(404, "");
    update(&rig, "al", Some("new"), &["r"]);
    rig.ask(client, by("al:pa", get("/v2/keys/m/x"))).expect(401, REFUSED);
    rig.ask(client, by("al:new", get("/v2/keys/m/x"))).expect(404, "");
    change(&rig, AuthChange::DeleteUser { name: "al".into() });
    rig.ask(client, by("al:new", get("/v2/keys/m/x"))).expect(401, REFUSED);
}

#[test]
fn a_certificate_names_a_user_unless_a_header_does() {
    let mut rig = guarded(FrontConfig::default());
    let (al, nobody) = (rig.connect_as("al"), rig.connect_as("nobody"));
    rig.ask(al, put("/v2/keys/m/x", "1")).expect(201, "");
    rig.ask(al, by("al:wrong", get("/v2/keys/m/x"))).expect(401, REFUSED);
    rig.ask(al, by("root:pw", put("/v2/keys/pub", "1"))).expect(201, "");
    rig.ask(nobody, get("/v2/keys/pub")).expect(200, "");
    rig.ask(nobody, get("/v2/keys/m/x")).expect(401, REFUSED);
    rig.send(al, get("/v2/keys/m/x?wait=true"));
    rig.wait_for_watchers(1);
    change(&rig, AuthChange::DeleteUser { name: "al".into() });
    rig.wait_for_end(al);
}

#[test]
fn in_the_original_a_certificate_names_nobody() {
    let mut rig = guarded(FrontConfig { upstream: true, ..FrontConfig::default() });
    let al = rig.connect_as("al");
    rig.ask(al, get("/v2/keys/pub")).expect(404, "");
    rig.ask(al, get("/v2/keys/m/x")).expect(401, REFUSED);
    rig.ask(al, by("al:pa", get("/v2/keys/m/x"))).expect(404, "");
}

#[test]
fn python_is_told_who_asks() {
    for over in ALL {
        let mut rig = guarded(FrontConfig::default());
        let client = rig.connect(over);
        let ask = |rig: &mut Rig, request: String| {
            rig.send(client, request);
            let request = rig.request();
            rig.front.respond(request.ticket, 200, &[], b"");
            rig.reply(client);
            let is_bare = !request.headers.iter().any(|(name, _)| name == "Authorization");
            assert!(is_bare, "credentials stay here");
            (request.user, request.is_root)
        };
        let users = "/v2/auth/users";
        assert_eq!(ask(&mut rig, get(users)), (None, false));
        assert_eq!(ask(&mut rig, by("al:pa", get(users))), (Some("al".into()), false));
        assert_eq!(ask(&mut rig, by("al:wrong", get(users))), (None, false));
        assert_eq!(ask(&mut rig, by("root:pw", get(users))), (Some("root".into()), true));
        let known = checks(&rig);
        // Nobody is asked for what anybody may see.
        assert_eq!(ask(&mut rig, by("al:other", get("/v2/members"))), (None, false));
        assert_eq!(ask(&mut rig, by("al:other", get("/v2/auth/enable"))), (None, false));
        assert_eq!(checks(&rig), known);
        change(&rig, AuthChange::Switch { on: false });
        assert_eq!(ask(&mut rig, by("al:wrong", get(users))), (None, true));
    }
}

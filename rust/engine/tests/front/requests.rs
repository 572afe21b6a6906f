//! The key space's requests and those for Python, alike over every transport.

use coreos_engine::front::FrontConfig;

use crate::reply::{bare, form, get, put};
use crate::rig::{ALL, Over, Rig};

#[test]
fn every_method_on_keys() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let first = rig.ask(client, put("/v2/keys/a", "1"));
        let node = r#"{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}"#;
        assert_eq!(first.status, 201);
        assert_eq!(first.body, format!("{{\"action\":\"set\",\"node\":{node}}}\n"));
        assert_eq!(first.index(), 4);
        assert_eq!(first.header("Content-Type"), Some("application/json"));
        assert!(first.header("X-Raft-Index").is_some() && first.header("X-Raft-Term").is_some());
        rig.ask(client, put("/v2/keys/a", "2"))
            .expect(200, r#""prevNode":{"key":"/a","value":"1""#);
        let found = rig.ask(client, get("/v2/keys/a")).expect(200, r#""value":"2""#);
        let head = rig.ask(client, bare("HEAD", "/v2/keys/a")).expect(200, "");
        assert_eq!(head.header("Content-Length"), Some(&*found.body.len().to_string()));
        rig.ask(client, form("POST", "/v2/keys/q", "value=x"))
            .expect(201, "/q/00000000000000000006");
        rig.ask(client, bare("DELETE", "/v2/keys/a")).expect(200, r#""action":"delete""#);
        let missing = rig.ask(client, get("/v2/keys/a")).expect(404, r#""errorCode":100"#);
        assert_eq!(missing.index(), 7);
        rig.ask(client, bare("DELETE", "/v2/keys/a")).expect(404, "Key not found");
        let silent = form("PUT", "/v2/keys/a?noValueOnSuccess=true", "value=1");
        let silent = rig.ask(client, silent).expect(201, "");
        assert_eq!(silent.body, "{\"action\":\"set\"}\n");
        assert_eq!(rig.front.connections(), 1, "{over:?}: one connection was enough");
    }
}

#[test]
fn a_refresh_leaves_a_file_a_file() {
    let refresh = form("PUT", "/v2/keys/f?dir=true&refresh=true", "ttl=50");
    for (upstream, shown) in [(false, r#""value":"kept","expiration""#), (true, r#""dir":true"#)] {
        let config = FrontConfig { upstream, ..FrontConfig::default() };
        let mut rig = Rig::with(config, |member| member.upstream = upstream);
        let client = rig.connect(Over::Tcp);
        rig.ask(client, refresh.clone()).expect(404, r#""errorCode":100"#);
        rig.ask(client, put("/v2/keys/f", "kept")).expect(201, "");
        rig.ask(client, refresh.clone()).expect(200, shown);
        rig.ask(client, get("/v2/keys/f")).expect(200, shown);
        rig.ask(client, form("PUT", "/v2/keys/d?dir=true", "")).expect(201, "");
        let dir = form("PUT", "/v2/keys/d?dir=true&refresh=true", "ttl=50");
        rig.ask(client, dir).expect(403, r#""errorCode":102"#);
    }
}

#[test]
fn a_get_behind_a_put_sees_it() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let mut both = put("/v2/keys/a", "new");
        both.push_str(&get("/v2/keys/a"));
        // The control: not on the same connection, it does not wait for the write.
        let other = rig.connect(over);
        rig.send(other, get("/v2/keys/a"));
        rig.send(client, both);
        rig.reply(other).expect(404, "");
        assert_eq!(rig.reply(client).status, 201);
        rig.reply(client).expect(200, r#""value":"new""#);
    }
}

#[test]
fn fifty_pipelined_writes_are_answered_in_order() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let all: String = (0..50).map(|n| put("/v2/keys/n", &n.to_string())).collect();
        rig.send(client, all);
        for n in 0..50 {
            let reply = rig.reply(client);
            assert!(
                reply.body.contains(&format!(r#""node":{{"key":"/n","value":"{n}""#)),
                "{reply:?}"
            );
            assert_eq!(reply.index(), 4 + n);
        }
        assert_eq!(rig.front.counters().requests, 50);
    }
}

#[test]
fn bodies_in_pieces_and_in_chunks() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let whole = put("/v2/keys/a", &"x".repeat(300));
        for piece in whole.as_bytes().chunks(100) {
            let before = rig.front.counters().requests;
            rig.send(client, piece);
            assert_eq!(before, 0, "not before it is complete");
        }
        assert_eq!(rig.reply(client).status, 201);
        let chunked = "PUT /v2/keys/a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\
                       Content-Type: application/x-www-form-urlencoded\r\n\r\n\
                       6\r\nvalue=\r\n3\r\nabc\r\n0\r\n\r\n";
        rig.ask(client, chunked).expect(200, r#""value":"abc""#);
        let waits = "PUT /v2/keys/a HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\n";
        assert_eq!(rig.ask(client, waits).status, 100);
        rig.ask(client, "value=d").expect(200, r#""value":"d""#);
    }
}

#[test]
fn what_is_not_a_key_is_for_python() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        rig.send(client, form("POST", "/v2/members?x=%20", "a=b"));
        rig.send(client, get("/v2/keys/"));
        let request = rig.request();
        assert_eq!(
            (&*request.method, &*request.path, &*request.query),
            ("POST", "/v2/members", "x=%20")
        );
        assert_eq!(request.body, b"a=b");
        assert_eq!(request.headers[0], ("Host".to_owned(), "here".to_owned()));
        assert!(rig.received(client).is_empty(), "one request at a time");
        rig.front.respond(request.ticket, 201, &[("X-Test", b"yes")], b"made\n");
        let reply = rig.reply(client).expect(201, "made\n");
        assert_eq!(reply.header("X-Test"), Some("yes"));
        rig.reply(client).expect(200, r#""dir":true"#);
        // Answered already: nobody is there for it.
        rig.front.respond(request.ticket, 200, &[], b"twice");
        rig.ask(client, get("/v2/keys/")).expect(200, r#""dir":true"#);
        rig.send(client, get("/v2/keysx"));
        let request = rig.request();
        rig.leave(client);
        let other = rig.connect(over);
        rig.front.respond(request.ticket, 404, &[], b"too late");
        rig.wait_for_connections(1);
        rig.ask(other, get("/v2/keys/")).expect(200, r#""dir":true"#);
    }
}

#[test]
fn unknown_methods_and_wrong_parameters() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let patch = rig.ask(client, bare("PATCH", "/v2/keys/a")).expect(405, "");
        assert_eq!(patch.header("Allow"), Some("HEAD,GET,PUT,POST,DELETE"));
        rig.ask(client, get("/v2/keys/?recursive=maybe")).expect(400, r#""errorCode":209"#);
        rig.ask(client, form("PUT", "/v2/keys/a", "value=%zz")).expect(400, r#""errorCode":210"#);
        rig.ask(client, bare("HEAD", "/v2/keys/a?wait=true")).expect(400, "");
        rig.ask(client, bare("OPTIONS", "/v2/keys/a")).expect(200, "");
        assert_eq!(rig.front.counters().rejected, 4);
        // What cannot be parsed at all ends the connection.
        rig.ask(client, "GET /v2/keys/a HTTP/1.1\r\n\r\n").expect(400, "Host");
        rig.wait_for_end(client);
    }
}

#[test]
fn cors_headers_only_for_allowed_origins() {
    let cors = vec!["http://good".to_owned()];
    for over in ALL {
        let mut rig =
            Rig::with(FrontConfig { cors: cors.clone(), ..FrontConfig::default() }, |_| {});
        let client = rig.connect(over);
        for (origin, allowed) in [("http://good", Some("http://good")), ("http://bad", None)] {
            let request = format!("GET /v2/keys/ HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\n\r\n");
            let reply = rig.ask(client, request);
            assert_eq!(reply.header("Access-Control-Allow-Origin"), allowed);
        }
    }
}

#[test]
fn the_host_must_be_one_of_ours() {
    let hosts = vec!["ours.example".to_owned()];
    for over in ALL {
        let config = FrontConfig { hosts: hosts.clone(), ..FrontConfig::default() };
        let mut rig = Rig::with(config, |_| {});
        let client = rig.connect(over);
        let asked =
            |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        rig.ask(client, asked("/v2/keys/", "ours.example:2379")).expect(200, "");
        rig.ask(client, asked("/v2/keys/", "theirs.example")).expect(403, "Host");
        // A target with a host outranks the header.
        let target = "http://theirs.example/v2/keys/";
        rig.ask(client, asked(target, "ours.example")).expect(403, "Host");
        let target = "http://ours.example/v2/keys/";
        rig.ask(client, asked(target, "theirs.example")).expect(200, "");
    }
}

#[test]
fn http_1_0_closes_unless_it_is_asked_not_to() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        let kept = "GET /v2/keys/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let reply = rig.ask(client, kept).expect(200, "");
        assert_eq!(reply.header("Connection"), Some("keep-alive"));
        rig.ask(client, "GET /v2/keys/ HTTP/1.0\r\n\r\n").expect(200, r#""dir":true"#);
        rig.wait_for_end(client);
    }
}

#[test]
fn half_closed_clients_get_their_replies() {
    for over in ALL {
        let mut rig = Rig::new();
        let client = rig.connect(over);
        rig.send(client, put("/v2/keys/a", "1"));
        rig.send(client, get("/v2/keys/a"));
        rig.finish(client);
        assert_eq!(rig.reply(client).status, 201);
        rig.reply(client).expect(200, r#""value":"1""#);
        rig.wait_for_end(client);
        rig.wait_for_connections(0);
        // Half a request is none.
        let client = rig.connect(over);
        rig.send(client, "GET /v2/keys/a HTT");
        rig.finish(client);
        rig.wait_for_end(client);
        assert!(rig.received(client).is_empty());
    }
}

#[test]
fn a_client_of_each_kind_at_once() {
    let mut rig = Rig::new();
    let clients: Vec<usize> = ALL.iter().map(|over: &Over| rig.connect(*over)).collect();
    for (n, client) in clients.iter().enumerate() {
        rig.send(*client, form("POST", "/v2/keys/q", &format!("value={n}")));
    }
    for (n, client) in clients.iter().enumerate() {
        rig.reply(*client).expect(201, &format!(r#""value":"{n}""#));
    }
    assert_eq!(rig.front.counters().accepted, 3);
}

#[test]
fn a_body_of_tiny_chunks_may_take_more_bytes_than_the_limits() {
    for over in ALL {
        let config = FrontConfig {
            max_head_bytes: 1_000,
            max_body_bytes: 100_000,
            ..FrontConfig::default()
        };
        let mut rig = Rig::with(config, |_| {});
        let client = rig.connect(over);
        let head = "PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\n";
        let tiny = |text: &str| text.chars().map(|c| format!("1\r\n{c}\r\n")).collect::<String>();
        let body = tiny(&format!("value={}", "v".repeat(90_000)));
        rig.send(client, format!("{head}{body}0\r\n\r\n"));
        rig.reply(client).expect(201, "");
    }
}

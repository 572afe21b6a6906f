//! However the bytes of a script of requests arrive, and over whatever transport, the replies are
//! the same bytes.

use proptest::prelude::*;

use crate::reply::{bare, form, get, put};
use crate::rig::{ALL, Over, Rig};

/// One request of a script.
fn request() -> impl Strategy<Value = String> {
    let key =
        prop_oneof![Just("/v2/keys/a"), Just("/v2/keys/d/b"), Just("/v2/keys/d"), Just("/v2/keys")];
    let value = "[a-z]{0,20}";
    prop_oneof![
        (key.clone(), value).prop_map(|(key, value)| put(key, &value)),
        key.clone().prop_map(get),
        key.clone().prop_map(|key| bare("HEAD", key)),
        key.clone().prop_map(|key| bare("PATCH", key)),
        key.clone().prop_map(|key| bare("DELETE", &format!("{key}?recursive=true"))),
        (key.clone(), value).prop_map(|(key, value)| form("POST", key, &format!("value={value}"))),
        Just(get("/v2/keys/a?wait=true&waitIndex=4")),
        (key.clone(), value).prop_map(|(key, value)| chunked(key, &value)),
        key.prop_map(|key| form("PUT", key, "ttl=never")),
        Just(get("/version")),
    ]
}

fn chunked(target: &str, value: &str) -> String {
    let mut text = format!(
        "PUT {target} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n6\r\nvalue=\r\n"
    );
    if !value.is_empty() {
        text.push_str(&format!("{:x};x=y\r\n{value}\r\n", value.len()));
    }
    text + "0\r\nTrailer: t\r\n\r\n"
}

/// How a script ends, so that the server closes.
fn ending() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("GET /v2/keys HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /never"),
        Just("GET /v2/keys/d HTTP/1.0\r\n\r\n"),
        Just("GET /v2/keys HTTP/1.1\r\n\r\n"),
        Just("PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"),
        Just("GET /v2/keys HTTP/3.0\r\nHost: h\r\n\r\n"),
    ]
}

/// All that a new server says to `script`, sent in pieces that end at `cuts`.
fn replies(over: Over, script: &[u8], cuts: &[usize]) -> String {
    let mut rig = Rig::new();
    let first = rig.connect(over);
    rig.ask(first, put("/v2/keys/a", "first")).expect(201, "");
    let client = rig.connect(over);
    let mut sent = 0;
    for end in cuts.iter().copied().chain([script.len()]) {
        rig.send(client, &script[sent..end]);
        sent = end;
        rig.wait_at_most(0);
        rig.step_once();
        rig.respond_to_all();
    }
    rig.until("the end", |rig| {
        rig.respond_to_all();
        rig.has_ended(client).then_some(())
    });
    let text = String::from_utf8(rig.received(client).to_vec()).expect("UTF-8");
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        max_shrink_iters: 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn pieces_and_transports_make_no_difference(
        requests in prop::collection::vec(request(), 1..25),
        ending in ending(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let script = requests.concat() + ending;
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(script.len())).collect();
        cuts.sort_unstable();
        cuts.dedup();
        // Feeding nothing would mean that the client has finished.
        cuts.retain(|cut| *cut > 0);
        let whole = replies(Over::Tcp, script.as_bytes(), &[]);
        let count = whole.matches("HTTP/1.1 ").count();
        prop_assert_eq!(count, requests.len() + 1, "every request has a reply");
        for over in ALL {
            prop_assert_eq!(&replies(over, script.as_bytes(), &cuts), &whole, "{:?}", over);
        }
    }
}

/// The control: a byte that is missing is noticed.
#[test]
fn another_script_has_other_replies() {
    let script = put("/v2/keys/a", "x") + "GET /v2/keys/a HTTP/1.0\r\n\r\n";
    let whole = replies(Over::Tcp, script.as_bytes(), &[]);
    let changed = script.replace("value=x", "value=y");
    assert_ne!(replies(Over::Tcp, changed.as_bytes(), &[]), whole);
    let every_byte: Vec<usize> = (1..script.len()).collect();
    for over in ALL {
        assert_eq!(replies(over, script.as_bytes(), &every_byte), whole);
    }
}

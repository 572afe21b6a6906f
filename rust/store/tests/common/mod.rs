//! What the tests of the store share.
#![allow(dead_code)] // Each test file uses its own part.

pub mod cluster;
pub mod mistake;
pub mod model;
pub mod shown;
pub mod steps;
pub mod users;

use std::sync::Arc;

use coreos_store::{
    Applied, Body, Command, Error, Event, Notice, Op, RequestId, Store, StoreConfig, Write,
};

/// One second in nanoseconds.
pub const S: u64 = 1_000_000_000;

/// A write with nothing but its operation, path and value.
pub fn write(op: Op, path: &str, value: &str) -> Write {
    Write { value: value.into(), ..Write::new(op, path) }
}

/// A command without a request id.
pub fn command(time_ns: u64, body: Body) -> Command {
    Command { request: RequestId::default(), time_ns, body }
}

/// Apply a write at the store's own time.
pub fn apply(store: &mut Store, write: Write) -> Applied {
    let time_ns = store.time_ns();
    store.apply(&command(time_ns, Body::Write(write)))
}

/// Apply a write that must succeed.
pub fn done(store: &mut Store, write: Write) -> Arc<Event> {
    let shown = format!("{write:?}");
    match apply(store, write).outcome {
        Ok(Some(event)) => event,
        other => panic!("{shown}: {other:?}"),
    }
}

/// Apply a write that must fail.
pub fn refused(store: &mut Store, write: Write) -> Error {
    let shown = format!("{write:?}");
    let before = store.etcd_index();
    let error = apply(store, write).outcome.expect_err(&shown);
    assert_eq!(store.etcd_index(), before, "{shown}: a failure moves nothing");
    error
}

/// Apply any command at the store's own time.
pub fn body(store: &mut Store, body: Body) -> Applied {
    let time_ns = store.time_ns();
    store.apply(&command(time_ns, body))
}

/// A store as a member of a new cluster of one has it: index 3.
pub fn fresh() -> Store {
    fresh_with(StoreConfig::default())
}

/// As [`fresh`], with settings.
pub fn fresh_with(config: StoreConfig) -> Store {
    let mut store = Store::new(config);
    let urls = |port: u16| vec![format!("http://127.0.0.1:{port}")];
    body(&mut store, Body::AddMember { id: 1, peer_urls: urls(2380), is_learner: false });
    let name = "m1".to_owned();
    let client_urls = urls(2379);
    body(&mut store, Body::Publish { id: 1, name, client_urls, shows_machine_keys: false });
    let text = "0.1.0".to_owned();
    body(&mut store, Body::ClusterVersion { text, shows_machine_keys: false });
    store
}

/// The JSON of a read, or the error.
pub fn get(store: &mut Store, path: &str, recursive: bool) -> Result<String, Error> {
    let now_ns = store.time_ns();
    let mut out = Vec::new();
    let complete = store.get(path.as_bytes(), recursive, now_ns, usize::MAX, &mut out)?;
    assert!(complete, "no limit was given");
    Ok(String::from_utf8(out).expect("JSON is UTF-8"))
}

/// The event that a notice tells of.
pub fn event(notice: &Notice) -> &Arc<Event> {
    notice.event().expect("not of a gap")
}

/// The JSON of an event.
pub fn json(event: &Event) -> &str {
    std::str::from_utf8(event.json()).expect("JSON is UTF-8")
}

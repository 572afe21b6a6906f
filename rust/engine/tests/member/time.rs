//! Times to live: a sleeping log thread wakes for them, and they survive a stop.

use std::time::{Duration, Instant};

use coreos_engine::{Completion, Member};
use coreos_store::{Action, Notice, WatchSpec, Watching, Write};
use tempfile::tempdir;

use crate::common::{config, read, set};
use crate::inbox::Inbox;

const MS: u64 = 1_000_000;

fn with_ttl(path: &str, ttl_ns: u64) -> Write {
    Write { ttl_ns: Some(ttl_ns), ..set(path, "v") }
}

fn watch(member: &Member, path: &str) {
    let spec =
        WatchSpec { path: path.as_bytes().to_vec(), recursive: true, stream: true, wait_index: 0 };
    let watching = member.with_store(|store, _| store.watch(spec, 99));
    assert!(matches!(watching, Ok(Watching::Stream(..))));
}

fn expired(got: &[Completion]) -> Vec<String> {
    let mut keys = Vec::new();
    for one in got {
        if let Completion::Notices(notices) = one {
            let events = notices.iter().filter_map(Notice::event);
            let gone = events.filter(|event| event.action() == Action::Expire);
            keys.extend(gone.map(|event| String::from_utf8_lossy(event.key()).into_owned()));
        }
    }
    keys
}

#[test]
fn a_sleeping_member_wakes_for_a_deadline() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&member);
    watch(&member, "/");
    let began = Instant::now();
    let short = (with_ttl("/short", 150 * MS), 1);
    member.propose_many(&mut vec![short, (with_ttl("/long", 3_600_000 * MS), 2)]);
    inbox.outcome(2);
    assert!(read(&member, "/").contains("/short"), "not before its time");
    let gone = inbox.wait(|got| Some(expired(got)).filter(|gone| !gone.is_empty()));
    let took = began.elapsed();
    assert_eq!(gone, ["/short"]);
    assert!(took >= Duration::from_millis(150), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let keys = read(&member, "/");
    assert!(keys.contains("/long") && !keys.contains("/short"), "{keys}");
    member.close();
}

#[test]
fn a_nearer_deadline_is_noticed_while_it_waits_for_a_later_one() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&member);
    watch(&member, "/");
    for (n, ttl_ms) in [400_u64, 300, 200, 100].into_iter().enumerate() {
        let ticket = n as u64 + 1;
        member.propose_many(&mut vec![(with_ttl(&format!("/{ttl_ms}"), ttl_ms * MS), ticket)]);
        inbox.outcome(ticket);
    }
    let gone = inbox.wait(|got| Some(expired(got)).filter(|gone| gone.len() == 4));
    assert_eq!(gone, ["/100", "/200", "/300", "/400"]);
    assert_eq!(member.status().keys, member.with_store(|store, _| store.keys()));
    member.close();
}

#[test]
fn what_one_command_leaves_due_goes_with_the_next() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&member);
    watch(&member, "/due");
    let of = |n: u64| (with_ttl(&format!("/due/{n:04}"), 20 * MS), n + 1);
    // More than two commands remove, all with one deadline or nearly so.
    member.propose_many(&mut (0..2_500).map(of).collect());
    inbox.outcome(2_500);
    let gone = inbox.wait(|got| Some(expired(got)).filter(|gone| gone.len() == 2_500));
    assert!(gone.is_sorted(), "in the order of their deadlines");
    let left = read(&member, "/due");
    assert!(left.contains("\"/due\"") && !left.contains("/due/"), "{left}");
    member.close();
}

#[test]
fn what_is_left_of_a_time_to_live_goes_on_after_a_stop() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&member);
    member
        .propose_many(&mut vec![(with_ttl("/a", 250 * MS), 1), (with_ttl("/b", 600_000 * MS), 2)]);
    inbox.outcome(2);
    member.close();
    let again = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&again);
    watch(&again, "/");
    let gone = if read(&again, "/").contains("\"/a\"") {
        inbox.wait(|got| Some(expired(got)).filter(|gone| !gone.is_empty()))
    } else {
        vec!["/a".to_owned()]
    };
    assert_eq!(gone, ["/a"]);
    assert!(read(&again, "/").contains("\"/b\""));
    again.close();
}

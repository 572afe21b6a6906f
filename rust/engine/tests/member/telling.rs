//! The index up to which watchers have been told, which notices of progress carry.

use std::sync::Arc;
use std::time::Instant;

use coreos_engine::{Completion, Member, Sink};
use coreos_store::{Notice, WatchSpec};
use parking_lot::Mutex;
use tempfile::tempdir;

use crate::common::{DEADLINE, config, set};

/// What there was when a notice came, before it had come.
struct Seen {
    event_index: u64,
    told_index: u64,
    store_index: u64,
}

struct Recorder {
    member: Member,
    seen: Mutex<Vec<Seen>>,
}

impl Sink for Recorder {
    fn deliver(&self, completions: &mut Vec<Completion>) {
        let told_index = self.member.told_index();
        let store_index = self.member.with_store(|store, _| store.etcd_index());
        for completion in completions.drain(..) {
            let Completion::Notices(notices) = completion else { continue };
            self.seen.lock().extend(notices.iter().filter_map(Notice::event).map(|event| Seen {
                event_index: event.index(),
                told_index,
                store_index,
            }));
        }
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn the_told_index_is_never_ahead_of_a_notice_on_its_way() {
    const WRITES: usize = 300;
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a member");
    let first_index = member.with_store(|store, _| store.etcd_index());
    assert_eq!(member.told_index(), first_index, "there was nobody to tell before");
    let recorder = Arc::new(Recorder { member: member.clone(), seen: Mutex::default() });
    member.set_sink(recorder.clone());
    let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 0 };
    member.with_store(|store, _| store.watch(spec, 1)).expect("a watch");
    for number in 0..WRITES {
        // Alone and in company: a batch is told of at once.
        let mut writes = (0..1 + number % 3).map(|_| (set("/a", "1"), 0)).collect();
        assert!(member.propose_many(&mut writes).is_empty());
    }
    let total = (0..WRITES).map(|number| 1 + number % 3).sum();
    wait_until("all notices", || recorder.seen.lock().len() == total);
    let last_index = first_index + total as u64;
    wait_until("the last index", || member.told_index() == last_index);
    let seen = recorder.seen.lock();
    assert!(seen.iter().map(|one| one.event_index).eq(first_index + 1..=last_index));
    for one in seen.iter() {
        assert!(one.told_index < one.event_index, "{} {}", one.told_index, one.event_index);
    }
    // The control: the store's own index would have lied to whoever was told before this notice.
    assert!(seen.iter().all(|one| one.store_index >= one.event_index));
    member.close();
}

//! Commands that a thread waits for: applied, refused, or of unknown outcome, but never for ever.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use coreos_engine::{
    AuthChange, Completion, Member, MemberConfig, NotExecuted, PasswordHash, Refused, Sink,
};
use coreos_store::{Body, Code};
use coreos_wal::WalOptions;
use parking_lot::Mutex;
use tempfile::tempdir;

use crate::common::{config, set};
use crate::inbox::Inbox;

const IN_TIME: Duration = Duration::from_secs(10);

fn user(name: &str) -> Body {
    let password_hash = PasswordHash("none".into());
    Body::Auth(AuthChange::CreateUser { name: name.into(), password_hash, roles: None })
}

fn cluster_version(text: &str) -> Body {
    Body::ClusterVersion { text: text.into(), shows_machine_keys: true }
}

#[test]
fn threads_that_wait_get_their_own_answers_beside_those_of_clients() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&member);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let member = &member;
            scope.spawn(move || {
                for n in 0..50 {
                    let done = member.execute(user(&format!("{thread}-{n}")), IN_TIME);
                    done.expect("carried out").outcome.expect("no error");
                }
            });
        }
        for ticket in 1..=200 {
            assert!(member.propose_many(&mut vec![(set("/a", "1"), ticket)]).is_empty());
        }
    });
    inbox.outcome(200);
    assert_eq!(inbox.tickets(), (1..=200).collect::<Vec<u64>>(), "nothing that is not theirs");
    let users = member.with_store(|store, _| store.auth().users.len());
    assert_eq!(users, 200);
    let again = member.execute(user("0-0"), IN_TIME).expect("carried out");
    assert_eq!(again.outcome.expect_err("exists").code, Code::KeyExists);
    member.close();
}

#[test]
fn a_revision_moves_with_each_change_and_users_outlive_a_restart() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let member = Member::open(&config, true).expect("a start");
    let before = member.auth_revision();
    member.execute(user("al"), IN_TIME).expect("carried out");
    let after = member.auth_revision();
    assert_ne!(before, after);
    member.execute(user("al"), IN_TIME).expect("carried out").outcome.expect_err("exists");
    assert_eq!(member.auth_revision(), after, "a failure is no change");
    let auth = member.with_store(|store, _| store.auth().clone());
    member.close();
    let again = Member::open(&config, true).expect("a start");
    assert_eq!(again.with_store(|store, _| store.auth().clone()), auth);
    again.close();
}

#[test]
fn what_the_cluster_does_not_speak_is_not_proposed() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    // As 0.1 has written it, which does not raise the version by itself.
    let older = MemberConfig { speaks: "0.1.0".to_owned(), ..config.clone() };
    let member = Member::open(&older, true).expect("a start");
    member.execute(cluster_version("2.3.0"), IN_TIME).expect("carried out");
    let raft_index = member.status().raft_index;
    let refused = member.execute(user("al"), IN_TIME).expect_err("too new");
    assert_eq!(refused, NotExecuted::Refused(Refused::TooNew { version: "0.2.0" }));
    assert_eq!(member.status().raft_index, raft_index, "nothing is in the log");
    let index = member.status().etcd_index;
    member.close();
    // The sole member speaks for all at its next start.
    let again = Member::open(&config, true).expect("a start");
    let status = again.status();
    assert_eq!(status.cluster_version.as_deref(), Some("0.2.0"));
    assert_eq!(status.etcd_index, index + 2, "its own publication and the version");
    again.execute(user("al"), IN_TIME).expect("carried out").outcome.expect("no error");
    again.close();
    // The control: a start after that writes none.
    let third = Member::open(&config, true).expect("a start");
    assert_eq!(third.status().etcd_index, index + 2 + 5 + 1);
    third.close();
}

#[test]
fn a_log_that_fails_wakes_who_waits() {
    let dir = tempdir().expect("a directory");
    let wal = WalOptions { segment_bytes: 4096, nonce_seed: None };
    let config = MemberConfig { wal, ..config(dir.path()) };
    let member = Member::open(&config, true).expect("a start");
    let (log, away) = (dir.path().join("member/wal"), dir.path().join("away"));
    std::fs::rename(&log, &away).expect("moved");
    let large = user(&"x".repeat(3_800));
    let failed = member.execute(large, IN_TIME).expect_err("no way to the next segment");
    assert!(matches!(failed, NotExecuted::Poisoned(_)), "{failed:?}");
    let after = member.execute(user("al"), IN_TIME).expect_err("it has failed");
    assert!(matches!(after, NotExecuted::Refused(Refused::Poisoned(_))), "{after:?}");
    member.close();
}

#[test]
fn a_member_that_closes_refuses() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    member.close();
    let refused = member.execute(user("al"), IN_TIME).expect_err("closed");
    assert_eq!(refused, NotExecuted::Refused(Refused::Stopping));
}

/// Keeps the log thread, which it meets first, for as long as somebody holds the lock.
struct Stuck {
    met: Barrier,
    lock: Mutex<()>,
}

impl Sink for Stuck {
    fn deliver(&self, completions: &mut Vec<Completion>) {
        if !completions.is_empty() {
            self.met.wait();
            drop(self.lock.lock());
            completions.clear();
        }
    }
}

#[test]
fn who_has_waited_long_enough_is_told_that_it_may_still_come() {
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let stuck = Arc::new(Stuck { met: Barrier::new(2), lock: Mutex::new(()) });
    member.set_sink(stuck.clone());
    let held = stuck.lock.lock();
    assert!(member.propose_many(&mut vec![(set("/a", "1"), 7)]).is_empty());
    stuck.met.wait();
    let late = member.execute(user("al"), Duration::from_millis(1)).err();
    assert_eq!(late, Some(NotExecuted::TimedOut));
    member.set_sink(Arc::new(Inbox::default()));
    drop(held);
    // Whatever was proposed before is decided by then.
    member.execute(user("bo"), IN_TIME).expect("carried out");
    assert!(member.with_store(|store, _| store.auth().users.contains_key("al")));
    member.close();
}

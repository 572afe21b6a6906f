//! What is found in the data directory decides whether and how a member starts.

use coreos_engine::{ErrorKind, Member, MemberConfig};
use tempfile::tempdir;

use crate::common::{config, names, read, set};
use crate::inbox::Inbox;

fn refused(config: &MemberConfig) -> (ErrorKind, String) {
    match Member::open(config, true) {
        Ok(member) => {
            member.close();
            panic!("the member started");
        }
        Err(error) => (error.kind, error.message),
    }
}

#[test]
fn a_new_member_has_index_3_and_each_later_start_adds_one() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let mut before: Option<(String, Vec<_>)> = None;
    for start in 0..4_u64 {
        let member = Member::open(&config, true).expect("a start");
        let status = member.status();
        // Add, publish, cluster version; then one publish each, and one write per life.
        assert_eq!(status.etcd_index, 3 + 2 * start);
        assert_eq!(status.term, 2 + start);
        assert_eq!(status.leader_id, status.member_id);
        if let Some((keys, members)) = before {
            assert_eq!(read(&member, "/kept"), keys);
            assert_eq!(member.members(), members);
        }
        let inbox = Inbox::of(&member);
        assert!(member.propose_many(&mut vec![(set("/kept", "v"), 1)]).is_empty());
        assert_eq!(inbox.outcome(1).etcd_index, 4 + 2 * start);
        before = Some((read(&member, "/kept"), member.members()));
        member.close();
    }
}

#[test]
fn a_directory_has_one_member_at_a_time() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let first = Member::open(&config, true).expect("a start");
    let (kind, message) = refused(&config);
    assert_eq!(kind, ErrorKind::Locked, "{message}");
    assert!(message.contains(&std::process::id().to_string()), "{message}");
    first.close();
    Member::open(&config, true).expect("free again").close();
}

#[test]
fn a_foreign_directory_is_refused_and_left_alone() {
    let dir = tempdir().expect("a directory");
    std::fs::write(dir.path().join("thesis.txt"), "years of work").expect("a file");
    let (kind, message) = refused(&config(dir.path()));
    assert_eq!(kind, ErrorKind::Foreign, "{message}");
    assert!(message.contains("thesis.txt"), "{message}");
    assert_eq!(names(dir.path()), ["thesis.txt"]);
    // The control: without that file it is a directory like any other.
    std::fs::remove_file(dir.path().join("thesis.txt")).expect("removed");
    Member::open(&config(dir.path()), true).expect("a start").close();
    assert_eq!(names(dir.path()), ["LOCK", "member"]);
}

#[test]
fn the_token_must_be_the_directory_s_own_when_it_is_given() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let with_token = |token: &str| MemberConfig { token: Some(token.to_owned()), ..config.clone() };
    Member::open(&with_token("ours"), true).expect("a start").close();
    let (kind, message) = refused(&with_token("theirs"));
    assert_eq!(kind, ErrorKind::Mismatch, "{message}");
    assert!(message.contains("\"ours\"") && message.contains("\"theirs\""), "{message}");
    Member::open(&with_token("ours"), true).expect("its own token").close();
    Member::open(&config, true).expect("no token is no check").close();
}

#[test]
fn an_initial_cluster_without_the_own_name_is_refused() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let other = MemberConfig { name: "two".to_owned(), ..config.clone() };
    let (kind, message) = refused(&other);
    assert_eq!(kind, ErrorKind::Config, "{message}");
    assert!(message.contains("\"two\""), "{message}");
    // Nothing was begun, and a member that exists does not look at the initial cluster.
    Member::open(&config, true).expect("a start").close();
    let member = Member::open(&other, true).expect("a member may change its name");
    assert_eq!(member.members()[0].name, "two");
    member.close();
}

#[test]
fn a_creation_that_was_cut_off_is_begun_again() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    Member::open(&config, true).expect("a start").close();
    let born = std::fs::read(dir.path().join("member/identity")).expect("its identity");
    let unfinished = tempdir().expect("a directory");
    std::fs::create_dir_all(unfinished.path().join("member/wal")).expect("made");
    std::fs::write(unfinished.path().join("member/identity.tmp"), &born[..10]).expect("written");
    let member = Member::open(&self::config(unfinished.path()), true).expect("a start");
    assert_eq!(member.status().etcd_index, 3);
    member.close();
    let text = std::fs::read(unfinished.path().join("member/identity")).expect("its identity");
    assert_eq!(text, born);
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let member = Member::open(&config, true).expect("a start");
    let inbox = Inbox::of(&member);
    member.propose_many(&mut vec![(set("/a", "1"), 1)]);
    inbox.outcome(1);
    member.close();
    let wal = dir.path().join("member/wal");
    let segment = wal.join(&names(&wal)[0]);
    let mut bytes = std::fs::read(&segment).expect("the log");
    let end = bytes.iter().rposition(|b| *b != 0).expect("batches") + 1;
    let torn = end.next_multiple_of(8);
    bytes[torn..torn + 4].copy_from_slice(b"BAT1");
    std::fs::write(&segment, &bytes).expect("written");
    let again = Member::open(&config, true).expect("a start");
    assert_eq!(again.recovery_notes().len(), 1, "{:?}", again.recovery_notes());
    assert!(read(&again, "/a").contains("\"value\":\"1\""));
    again.close();
    // The control: the same bytes within the log are damage.
    let mut bytes = std::fs::read(&segment).expect("the log");
    bytes[torn - 32] ^= 1;
    std::fs::write(&segment, &bytes).expect("written");
    let (kind, message) = refused(&config);
    assert_eq!(kind, ErrorKind::Damaged, "{message}");
}

//! Snapshots appear, old segments go, and a start from a snapshot is a start like any other.

use std::path::Path;

use coreos_engine::boot::boot;
use coreos_engine::{Member, MemberConfig, Now, RealDisk};
use coreos_wal::WalOptions;
use tempfile::tempdir;

use crate::common::{config, digest, names, read, set};
use crate::inbox::Inbox;

fn write(member: &Member, inbox: &Inbox, tickets: std::ops::Range<u64>) {
    for ticket in tickets {
        let write = set(&format!("/{}", ticket % 50), &"v".repeat(200));
        assert!(member.propose_many(&mut vec![(write, ticket)]).is_empty());
        inbox.outcome(ticket);
    }
}

/// Write until `enough`; the snapshot and the removal behind it happen on other threads.
fn write_until(member: &Member, inbox: &Inbox, from: u64, enough: impl Fn() -> bool) -> u64 {
    let mut ticket = from;
    while !enough() {
        assert!(ticket < from + 20_000, "it does not happen");
        write(member, inbox, ticket..ticket + 50);
        ticket += 50;
    }
    ticket
}

fn snapshots(dir: &Path) -> usize {
    let names = names(&dir.join("member/snap"));
    names.iter().filter(|name| name.ends_with(".snap")).count()
}

fn first_segment_is_gone(dir: &Path) -> bool {
    !names(&dir.join("member/wal")).iter().any(|name| name.starts_with("0000000000000000-"))
}

#[test]
fn by_count_with_old_segments_removed() {
    let dir = tempdir().expect("a directory");
    let wal = WalOptions { segment_bytes: 16 << 10, nonce_seed: None };
    let config = MemberConfig { snapshot_count: Some(100), wal, ..config(dir.path()) };
    let member = Member::open(&config, false).expect("a start");
    let inbox = Inbox::of(&member);
    let enough = || snapshots(dir.path()) == 2 && first_segment_is_gone(dir.path());
    let next = write_until(&member, &inbox, 1, enough);
    assert!(member.metrics().snapshots.value().count >= 2);
    write(&member, &inbox, next..next + 30);
    let (keys, index) = (read(&member, "/"), member.status().etcd_index);
    member.close();
    assert!(snapshots(dir.path()) <= 2, "no more are kept than was asked for");
    // The control: without the snapshots, what is left of the log is not enough.
    let again = Member::open(&config, false).expect("a start");
    assert_eq!(again.recovery_notes(), [""; 0]);
    assert_eq!(read(&again, "/"), keys);
    assert_eq!(again.status().etcd_index, index + 1);
    again.close();
    let snap = dir.path().join("member/snap");
    for name in names(&snap) {
        std::fs::rename(snap.join(&name), dir.path().join("member").join(name)).expect("moved");
    }
    let refused = Member::open(&config, false).err().expect("the log alone is not all");
    assert_eq!(refused.kind, coreos_engine::ErrorKind::Damaged, "{refused}");
}

#[test]
fn a_snapshot_and_the_whole_log_give_the_same_store() {
    let (with, without) = (tempdir().expect("a directory"), tempdir().expect("a directory"));
    let config = MemberConfig { snapshot_count: Some(80), ..config(with.path()) };
    let member = Member::open(&config, false).expect("a start");
    let inbox = Inbox::of(&member);
    let next = write_until(&member, &inbox, 1, || snapshots(with.path()) == 2);
    write(&member, &inbox, next..next + 7);
    member.close();
    let before = digest(&member);
    copy(with.path(), without.path());
    let snap = without.path().join("member/snap");
    names(&snap).iter().for_each(|name| std::fs::remove_file(snap.join(name)).expect("removed"));
    for (dir, snapshots) in [(&with, 2), (&without, 0)] {
        assert_eq!(self::snapshots(dir.path()), snapshots);
        let config = MemberConfig { data_dir: dir.path().to_path_buf(), ..config.clone() };
        let mut parts = boot(RealDisk::new(false), &config, Now::real()).expect("a recovery");
        assert_eq!(parts.notes, [""; 0]);
        assert_eq!(parts.applier.store.view().digest(), before, "{snapshots} snapshots");
        // The control: one more entry is another store.
        parts.lead(&config, Now::real(), &mut |_| {}).expect("led");
        assert_ne!(parts.applier.store.view().digest(), before);
    }
}

#[test]
fn a_broken_snapshot_is_put_aside_for_the_one_before_it() {
    let dir = tempdir().expect("a directory");
    let config = MemberConfig { snapshot_count: Some(60), ..config(dir.path()) };
    let member = Member::open(&config, false).expect("a start");
    let inbox = Inbox::of(&member);
    write_until(&member, &inbox, 1, || snapshots(dir.path()) == 2);
    let keys = read(&member, "/");
    member.close();
    let snap = dir.path().join("member/snap");
    let newest = snap.join(names(&snap).pop().expect("a snapshot"));
    let mut bytes = std::fs::read(&newest).expect("a snapshot");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).expect("written");
    let calm = MemberConfig { snapshot_count: None, ..config };
    let again = Member::open(&calm, false).expect("a start");
    assert_eq!(again.recovery_notes().len(), 1, "{:?}", again.recovery_notes());
    assert!(again.recovery_notes()[0].contains(".broken"));
    assert_eq!(read(&again, "/"), keys);
    again.close();
    assert!(names(&snap).iter().any(|name| name.ends_with(".broken")));
    let third = Member::open(&calm, false).expect("a start");
    assert_eq!(third.recovery_notes(), [""; 0], "said once");
    third.close();
}

fn copy(from: &Path, to: &Path) {
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            std::fs::create_dir_all(&to).expect("made");
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("copied");
        }
    }
}

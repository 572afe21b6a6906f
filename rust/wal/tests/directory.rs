//! The data directory on a real disk: whose it is, modes, lock, syncs.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Owned, batch, entries, entry, error_of, identity, options, prepare};
use coreos_wal::{
    DataDir, DirLock, DirState, ErrorKind, RealDisk, SnapshotMeta, WalOptions, repair, verify,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn walk(dir: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        }
        files.push(path);
    }
}

#[test]
fn a_member_on_a_real_disk() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("new/data");
    let disk = RealDisk::new(true);
    let data = DataDir::new(disk.clone(), &root);
    assert_eq!(data.state().unwrap(), DirState::Empty);
    let lock = DirLock::take(&root).unwrap();
    assert_eq!(data.state().unwrap(), DirState::Empty);
    let mut wal = data.create(&identity(), &options()).unwrap();
    prepare(&mut wal);
    let before = disk.syncs();
    for index in 1..=4 {
        wal.write(&mut batch(&[entry(1, index, 500)])).unwrap();
    }
    assert_eq!(disk.syncs() - before, 4, "one sync for each batch");
    for index in 5..=30 {
        wal.write(&mut batch(&[entry(1, index, 500)])).unwrap();
    }
    let meta = SnapshotMeta { term: 1, index: 20, cluster_time_ns: 3 };
    data.write_snapshot(meta, &mut |out| out.write_all(b"store")).unwrap();
    wal.write(&mut batch(&[Owned::Mark { term: 1, index: 20 }])).unwrap();
    wal.release(20).unwrap();
    drop(wal);
    let mut seen = Vec::new();
    let mut visit = |record: coreos_wal::Record<'_>| {
        seen.push(Owned::of(&record));
        Ok(())
    };
    let (_, recovery) = data.recover(&options(), 20, &mut visit).unwrap();
    assert_eq!(recovery.last_index, 30);
    assert_eq!(entries(&seen), (21..=30).map(|i| entry(1, i, 500)).collect::<Vec<_>>());
    let report = verify(disk, &root).unwrap();
    assert!(report.ok, "{report:?}");
    drop(lock);
    let mut files = vec![root.clone(), place.path().join("new")];
    walk(&root, &mut files);
    for path in files {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn a_disk_without_fsync_counts_none() {
    let place = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(false);
    let data = DataDir::new(disk.clone(), place.path());
    let mut wal = data.create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[entry(1, 1, 5)])).unwrap();
    assert_eq!(disk.syncs(), 0);
}

#[test]
fn a_default_segment_is_64_mib_of_written_zeroes() {
    use std::os::unix::fs::MetadataExt;
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::new(RealDisk::new(true), place.path());
    data.create(&identity(), &WalOptions::default()).unwrap();
    let name = "member/wal/0000000000000000-0000000000000001.wal";
    let metadata = fs::metadata(place.path().join(name)).unwrap();
    assert_eq!(metadata.len(), 64 << 20);
    assert!(metadata.blocks() * 512 >= 64 << 20, "not all blocks are there");
}

#[test]
fn the_second_process_is_told_who_the_first_is() {
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::new(RealDisk::new(true), place.path());
    data.create(&identity(), &options()).unwrap();
    let lock = DirLock::take(place.path()).unwrap();
    let error = error_of(DirLock::take(place.path()));
    assert_eq!(error.kind, ErrorKind::Locked);
    assert!(error.message.contains(&format!("process {}", std::process::id())), "{error}");
    assert_eq!(error_of(repair(RealDisk::new(true), place.path())).kind, ErrorKind::Locked);
    // `verify` may look at a running member.
    assert!(verify(RealDisk::new(true), place.path()).unwrap().ok);
    drop(lock);
    DirLock::take(place.path()).unwrap();
    assert_eq!(repair(RealDisk::new(true), place.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn foreign_directories_are_refused_and_untouched() {
    for (name, named) in [
        ("notes.txt", "notes.txt"),
        ("member/snap/readme", "member/snap/readme"),
        ("member/wal/0.wal", "member/wal/0.wal"),
        ("member/data", "member/data"),
        ("fleet/x", "fleet"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"precious").unwrap();
        let data = DataDir::new(RealDisk::new(true), place.path());
        let error = error_of(data.state());
        assert_eq!(error.kind, ErrorKind::Foreign, "{name}");
        assert!(error.message.contains(&format!("/{named} ")), "{error}");
        assert_eq!(error_of(data.create(&identity(), &options())).kind, ErrorKind::Foreign);
        assert_eq!(error_of(verify(RealDisk::new(true), place.path())).kind, ErrorKind::Foreign);
        assert_eq!(error_of(repair(RealDisk::new(true), place.path())).kind, ErrorKind::Foreign);
        let mut files = Vec::new();
        walk(place.path(), &mut files);
        files.retain(|path| path.is_file());
        assert_eq!(files, std::slice::from_ref(&path));
        assert_eq!(fs::read(path).unwrap(), b"precious");
    }
}

#[test]
fn a_fresh_file_system_and_an_unfinished_creation_are_accepted() {
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::new(RealDisk::new(true), place.path());
    fs::create_dir(place.path().join("lost+found")).unwrap();
    let lock = DirLock::take(place.path()).unwrap();
    assert_eq!(data.state().unwrap(), DirState::Empty);
    drop(data.create(&identity(), &options()).unwrap());
    // The identity comes last: without it, it was not finished.
    let identity_path = place.path().join("member/identity");
    fs::remove_file(&identity_path).unwrap();
    fs::write(place.path().join("member/identity.tmp"), b"core").unwrap();
    assert_eq!(data.state().unwrap(), DirState::Unfinished);
    let mut wal = data.create(&identity(), &options()).unwrap();
    wal.write(&mut batch(&[entry(1, 1, 5)])).unwrap();
    drop((wal, lock));
    // The control: a log with something in it is nobody's unfinished creation.
    fs::remove_file(&identity_path).unwrap();
    let error = error_of(data.state());
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.message.contains("member/identity is missing"), "{error}");
    assert!(data.create(&identity(), &options()).is_err());
}

#[test]
fn an_identity_of_a_newer_version_or_damaged() {
    let place = tempfile::tempdir().unwrap();
    let data = DataDir::new(RealDisk::new(true), place.path());
    data.create(&identity(), &options()).unwrap();
    let path = place.path().join("member/identity");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("coreos-etcd 1\ncluster c1\nmember 3e\ntoken etcd-cluster\nname one\n")
    );
    for (changed, kind) in [
        (text.replace("coreos-etcd 1", "coreos-etcd 2"), ErrorKind::Newer),
        (text.replace("member 3e", "member 3f"), ErrorKind::Damaged),
        (String::new(), ErrorKind::Damaged),
    ] {
        fs::write(&path, changed).unwrap();
        assert_eq!(error_of(data.state()).kind, kind);
        assert_eq!(error_of(data.recover(&options(), 0, &mut |_| Ok(()))).kind, kind);
    }
}

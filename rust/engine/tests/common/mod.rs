//! What the tests of members and of the front share.
#![allow(dead_code)] // Each test binary uses its own part.

use std::path::Path;
use std::time::Duration;

use coreos_engine::{COMMANDS_VERSION, Member, MemberConfig};
use coreos_store::{Op, Write};
use coreos_wal::WalOptions;

/// After this long something hangs. Nothing waits for it otherwise.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A cluster of one with small log files.
pub fn config(data_dir: &Path) -> MemberConfig {
    let peer_urls = vec!["http://127.0.0.1:2380".to_owned()];
    MemberConfig {
        data_dir: data_dir.to_path_buf(),
        name: "one".to_owned(),
        initial_cluster: vec![("one".to_owned(), peer_urls.clone())],
        token: None,
        joining: None,
        force_new_cluster: false,
        heartbeat_ms: 100,
        election_ms: 1_000,
        peer_urls,
        client_urls: vec!["http://127.0.0.1:2379".to_owned()],
        snapshot_count: None,
        max_snapshots: 2,
        history_bytes: 1 << 20,
        upstream: false,
        limits: Default::default(),
        wal: WalOptions { segment_bytes: 1 << 20, nonce_seed: None },
        speaks: COMMANDS_VERSION.to_owned(),
    }
}

/// A set without conditions.
pub fn set(path: &str, value: &str) -> Write {
    Write { value: value.into(), ..Write::new(Op::Set, path) }
}

/// The JSON of a recursive read.
pub fn read(member: &Member, path: &str) -> String {
    member.with_store(|store, context| {
        let mut out = Vec::new();
        match store.get(path.as_bytes(), true, context.now_ns, usize::MAX, &mut out) {
            Ok(_) => String::from_utf8(out).expect("JSON is UTF-8"),
            Err(error) => error.to_string(),
        }
    })
}

/// What two equal stores have in common.
pub fn digest(member: &Member) -> [u8; 20] {
    member.with_store(|store, _| store.view().digest())
}

/// Names in a directory, in order.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

//! Names in the data directory.

use std::path::{Path, PathBuf};

/// The file that is locked by the running member.
pub(crate) const LOCK: &str = "LOCK";
/// Ending of what is being written.
pub(crate) const TMP: &str = ".tmp";
/// Ending of a segment that was prepared in advance.
pub(crate) const NEXT: &str = ".next";
/// Ending of what was set aside because it was damaged.
pub(crate) const BROKEN: &str = ".broken";

/// The paths of one data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub root: PathBuf,
    pub member: PathBuf,
    pub wal: PathBuf,
    pub snap: PathBuf,
    pub identity: PathBuf,
    /// There only while a repair is under way.
    pub repair: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Layout {
        let member = root.join("member");
        Layout {
            root: root.to_path_buf(),
            wal: member.join("wal"),
            snap: member.join("snap"),
            identity: member.join("identity"),
            repair: member.join("repair"),
            member,
        }
    }

    pub(crate) fn segment(&self, sequence: u64, first_index: u64) -> PathBuf {
        self.wal.join(format!("{sequence:016x}-{first_index:016x}.wal"))
    }

    pub(crate) fn next(&self, sequence: u64) -> PathBuf {
        self.wal.join(format!("{sequence:016x}{NEXT}"))
    }

    pub(crate) fn snapshot(&self, term: u64, index: u64) -> PathBuf {
        self.snap.join(format!("{term:016x}-{index:016x}.snap"))
    }
}

/// Sequence and first index in a segment's name.
pub(crate) fn parse_segment(name: &str) -> Option<(u64, u64)> {
    parse_pair(name.strip_suffix(".wal")?)
}

/// Term and index in a snapshot's name.
pub(crate) fn parse_snapshot(name: &str) -> Option<(u64, u64)> {
    parse_pair(name.strip_suffix(".snap")?)
}

fn parse_pair(stem: &str) -> Option<(u64, u64)> {
    let (left, right) = stem.split_once('-')?;
    Some((parse_hex(left)?, parse_hex(right)?))
}

/// Exactly the sixteen digits that we write, so that one number has one name.
fn parse_hex(digits: &str) -> Option<u64> {
    let legal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (digits.len() == 16 && digits.bytes().all(legal))
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// `path` with something appended to its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = "000000000000000a-0000000000000100.wal";
        assert_eq!(parse_segment(name), Some((10, 256)));
        assert_eq!(parse_segment("a-100.wal"), None);
        assert_eq!(parse_segment("000000000000000A-0000000000000100.wal"), None);
        assert_eq!(parse_segment("+00000000000000a-0000000000000100.wal"), None);
        assert_eq!(parse_segment("000000000000000a-0000000000000100.snap"), None);
        assert_eq!(parse_snapshot("000000000000000a-0000000000000100.snap"), Some((10, 256)));
    }
}

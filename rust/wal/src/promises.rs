//! What a member has promised and must never take back, kept in a file of its own while a repair
//! changes the log that it stood in.
//!
//! The file is durable before the first change and goes after the last one. As long as it is
//! there, the log may be in any state between, so that only another repair may touch it.

use crate::dir::DataDir;
use crate::disk::read_full;
use crate::error::{ErrorKind, WalError, io_error};
use crate::layout::{TMP, with_suffix};
use crate::sealed_text::{seal, unseal};
use crate::snapshot::SnapshotFile;
use crate::state::{HardState, State};
use crate::survey::Salvage;

const FIRST_LINE: &str = "coreos-repair 1";
/// More than any such file that we write.
const BYTES_MAX: usize = 4 << 10;

/// Term, vote and commit index, how often it was started, and cluster time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promises {
    pub hard: HardState,
    pub incarnation: u64,
    pub clock_ns: u64,
}

impl Promises {
    /// Taken from wherever they still can be read: the log before the cut, batches behind it, the
    /// newest snapshot.
    pub(crate) fn of(found: &State, salvage: &Salvage, newest: Option<&SnapshotFile>) -> Promises {
        let mut hard = found.hard.unwrap_or_default();
        if let Some(later) = salvage.hard.filter(|later| later.term >= hard.term) {
            hard = HardState { commit: later.commit.max(hard.commit), ..later };
        }
        if let Some(file) = newest.filter(|file| file.term > hard.term) {
            hard = HardState { term: file.term, vote: 0, ..hard };
        }
        hard.commit = hard.commit.max(newest.map_or(0, |file| file.index));
        Promises {
            hard,
            incarnation: found.incarnation.max(salvage.incarnation),
            clock_ns: found.clock_ns.max(salvage.clock_ns),
        }
    }

    /// Together with those that an earlier repair, which was cut off, had found.
    pub(crate) fn with(self, earlier: Promises) -> Promises {
        // It had seen more than is there now, so its vote counts.
        let newer = if earlier.hard.term >= self.hard.term { earlier.hard } else { self.hard };
        Promises {
            hard: HardState { commit: self.hard.commit.max(earlier.hard.commit), ..newer },
            incarnation: self.incarnation.max(earlier.incarnation),
            clock_ns: self.clock_ns.max(earlier.clock_ns),
        }
    }

    fn encode(&self) -> String {
        let HardState { term, vote, commit } = self.hard;
        seal(format!(
            "{FIRST_LINE}\nterm {term}\nvote {vote:x}\ncommit {commit}\nincarnation {}\nclock {}\n",
            self.incarnation, self.clock_ns
        ))
    }

    fn decode(bytes: &[u8]) -> Option<Promises> {
        let mut lines = unseal(str::from_utf8(bytes).ok()?)?.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut field = |key: &str, radix| {
            let digits = lines.next()?.strip_prefix(key)?.strip_prefix(' ')?;
            u64::from_str_radix(digits, radix).ok()
        };
        let (term, vote, commit) = (field("term", 10)?, field("vote", 16)?, field("commit", 10)?);
        let (incarnation, clock_ns) = (field("incarnation", 10)?, field("clock", 10)?);
        Some(Promises { hard: HardState { term, vote, commit }, incarnation, clock_ns })
    }

    /// Those of a repair that was cut off, if one was.
    pub(crate) fn read(dir: &DataDir) -> Result<Option<Promises>, WalError> {
        let path = &dir.layout.repair;
        if !dir.exists(path)? {
            return Ok(None);
        }
        let file = dir.disk.open(path, false).map_err(io_error("open", path))?;
        let mut bytes = vec![0; BYTES_MAX];
        let count = read_full(file.as_ref(), &mut bytes, 0).map_err(io_error("read", path))?;
        let promises = Promises::decode(&bytes[..count]).ok_or_else(|| {
            WalError::new(
                ErrorKind::Damaged,
                format!(
                    "{} cannot be read: it is damaged, or of a newer version. It holds the term, \
                     vote and start count of a repair that was cut off. Restore the data \
                     directory from a backup, or remove this member from its cluster and add it \
                     again with an empty directory",
                    path.display()
                ),
            )
        })?;
        Ok(Some(promises))
    }

    /// Make them durable. Only while nothing else is being written in the directory.
    pub(crate) fn write(&self, dir: &DataDir) -> Result<(), WalError> {
        let path = &dir.layout.repair;
        let tmp = with_suffix(path, TMP);
        let mut file = dir.disk.create(&tmp).map_err(io_error("create", &tmp))?;
        file.write_all_at(self.encode().as_bytes(), 0)
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", &tmp))?;
        dir.disk.rename(&tmp, path).map_err(io_error("rename", &tmp))?;
        dir.sync_dir(&dir.layout.member)
    }

    /// The log holds them now.
    pub(crate) fn remove(dir: &DataDir) -> Result<(), WalError> {
        let path = &dir.layout.repair;
        dir.disk.remove(path).map_err(io_error("remove", path))?;
        dir.sync_dir(&dir.layout.member)
    }
}

/// What to say of a directory in which a repair was cut off.
pub(crate) fn cut_off(dir: &DataDir) -> String {
    let root = dir.layout.root.display();
    format!(
        "a repair of {root} was cut off before its end, so that the log may be in any state: run \
         `coreos etcd repair {root}` again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promises() -> Promises {
        let hard = HardState { term: 5, vote: u64::MAX, commit: 30 };
        Promises { hard, incarnation: 2, clock_ns: 9 }
    }

    #[test]
    fn round_trip_and_every_flipped_bit() {
        let text = promises().encode();
        assert_eq!(Promises::decode(text.as_bytes()), Some(promises()));
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Promises::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn nothing_is_taken_back_by_what_is_found_later() {
        let hard = HardState { term: 5, vote: 0, commit: 40 };
        let poorer = Promises { hard, incarnation: 1, clock_ns: 0 };
        let both = poorer.with(promises());
        assert_eq!((both.hard.vote, both.hard.commit), (u64::MAX, 40));
        assert_eq!((both.incarnation, both.clock_ns), (2, 9));
    }
}

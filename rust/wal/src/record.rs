//! What a batch holds.

use crate::msgpack::{put_array, put_bin, put_uint, take_array, take_bin, take_uint};

const ENTRY: u64 = 1;
const HARD_STATE: u64 = 2;
const SNAPSHOT_MARK: u64 = 3;
const CLOCK: u64 = 4;
const START: u64 = 5;

/// One record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// An entry of the replicated log. Its index is one more than that of the entry before, or
    /// smaller: then it replaces the suffix from there.
    Entry {
        /// Term in which it was proposed.
        term: u64,
        /// Its place.
        index: u64,
        /// The command, not looked at here.
        payload: &'a [u8],
    },
    /// What a member has promised. A new segment begins with the newest, so it may come again.
    HardState {
        /// Current term.
        term: u64,
        /// Whom it voted for in that term; 0: nobody.
        vote: u64,
        /// Greatest index known to be committed.
        commit: u64,
    },
    /// The snapshot file of that name is durable. When the log does not hold an entry of this
    /// term at this index, the snapshot came from a leader: the log is empty after it and goes on
    /// at `index + 1`.
    SnapshotMark {
        /// Term of the last entry in the snapshot.
        term: u64,
        /// Index of the last entry in the snapshot.
        index: u64,
    },
    /// Cluster time went on, in nanoseconds. May come again at the start of a segment.
    Clock {
        /// Cluster time.
        time_ns: u64,
    },
    /// The member was started. May come again at the start of a segment.
    Start {
        /// How often it had been started, this time included.
        incarnation: u64,
    },
}

impl Record<'_> {
    /// Append the record's encoding.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Record::Entry { term, index, payload } => {
                put_numbers(out, 4, &[ENTRY, term, index]);
                put_bin(out, payload);
            }
            Record::HardState { term, vote, commit } => {
                put_numbers(out, 4, &[HARD_STATE, term, vote, commit]);
            }
            Record::SnapshotMark { term, index } => {
                put_numbers(out, 3, &[SNAPSHOT_MARK, term, index]);
            }
            Record::Clock { time_ns } => put_numbers(out, 2, &[CLOCK, time_ns]),
            Record::Start { incarnation } => put_numbers(out, 2, &[START, incarnation]),
        }
    }
}

fn put_numbers(out: &mut Vec<u8>, len: u8, numbers: &[u64]) {
    put_array(out, len);
    for &number in numbers {
        put_uint(out, number);
    }
}

/// Why a payload whose checksum is right cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadRecord {
    /// Not a record at all.
    Malformed,
    /// A kind or a shape that this version does not know.
    Newer { kind: u64 },
}

/// The records of a payload, in order.
pub(crate) struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Records { rest: payload }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = take_record(&mut self.rest);
        if record.is_err() {
            self.rest = &[];
        }
        Some(record)
    }
}

fn take_record<'a>(input: &mut &'a [u8]) -> Result<Record<'a>, BadRecord> {
    let len = take_array(input).ok_or(BadRecord::Malformed)?;
    let mut number = || take_uint(input).ok_or(BadRecord::Malformed);
    let kind = number()?;
    Ok(match (kind, len) {
        (ENTRY, 4) => {
            let (term, index) = (number()?, number()?);
            let payload = take_bin(input).ok_or(BadRecord::Malformed)?;
            Record::Entry { term, index, payload }
        }
        (HARD_STATE, 4) => {
            Record::HardState { term: number()?, vote: number()?, commit: number()? }
        }
        (SNAPSHOT_MARK, 3) => Record::SnapshotMark { term: number()?, index: number()? },
        (CLOCK, 2) => Record::Clock { time_ns: number()? },
        (START, 2) => Record::Start { incarnation: number()? },
        _ => return Err(BadRecord::Newer { kind }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_comes_back() {
        let records = [
            Record::Entry { term: 3, index: 1 << 40, payload: b"x" },
            Record::HardState { term: u64::MAX, vote: 200, commit: 70_000 },
            Record::SnapshotMark { term: 1, index: 2 },
            Record::Clock { time_ns: 1_700_000_000_000_000_000 },
            Record::Start { incarnation: 9 },
        ];
        let mut out = Vec::new();
        for record in &records {
            record.put(&mut out);
        }
        let read: Vec<_> = Records::new(&out).map(Result::unwrap).collect();
        assert_eq!(read, records);
        assert!(Records::new(&out[..out.len() - 1]).any(|r| r == Err(BadRecord::Malformed)));
    }

    #[test]
    fn unknown_kinds_and_shapes_are_of_a_newer_version() {
        let kinds: Vec<_> = [&[0x92, 6, 1][..], &[0x93, 5, 1, 1]]
            .iter()
            .map(|bytes| Records::new(bytes).next())
            .collect();
        assert_eq!(kinds[0], Some(Err(BadRecord::Newer { kind: 6 })));
        assert_eq!(kinds[1], Some(Err(BadRecord::Newer { kind: 5 })));
    }
}

//! One file: what is durable, what a reader sees, and the writes in between.

use super::DiskTotals;
use crate::rng::Rng;

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    durable: Vec<u8>,
    seen: Vec<u8>,
    pending: Vec<Pending>,
}

fn write(into: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    into[offset..end].copy_from_slice(bytes);
}

impl Content {
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    pub fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let rest = self.seen.get(offset..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        write(&mut self.seen, offset, bytes);
        self.pending.push(Pending::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn set_len(&mut self, len: usize) {
        self.seen.resize(len, 0);
        self.pending.push(Pending::Length(len));
    }

    pub fn sync(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.seen);
    }

    /// A sync that failed: some of what was on its way arrived, and the system takes all of it for clean.
    pub fn fail_sync(&mut self, rng: &mut Rng) {
        for pending in std::mem::take(&mut self.pending) {
            if rng.one_in(2) {
                self.arrive(&pending);
            }
        }
    }

    fn arrive(&mut self, pending: &Pending) {
        match pending {
            Pending::Write { offset, bytes } => write(&mut self.durable, *offset, bytes),
            Pending::Length(len) => self.durable.resize(*len, 0),
        }
    }

    pub fn crash(&mut self, rng: &mut Rng, totals: &mut DiskTotals) {
        for pending in std::mem::take(&mut self.pending) {
            match (&pending, rng.below(4)) {
                (_, 0) => self.arrive(&pending),
                (Pending::Write { offset, bytes }, 1 | 2) => {
                    totals.torn += 1;
                    self.tear(*offset, bytes, rng);
                }
                _ => totals.lost += 1,
            }
        }
        self.seen.clone_from(&self.durable);
    }

    /// Each sector of a write arrives or not; a longer file may have got its length without the data.
    fn tear(&mut self, offset: usize, bytes: &[u8], rng: &mut Rng) {
        let end = offset + bytes.len();
        if rng.one_in(2) && self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        let mut at = offset;
        while at < end {
            let next = ((at / SECTOR + 1) * SECTOR).min(end);
            if rng.one_in(2) {
                write(&mut self.durable, at, &bytes[at - offset..next - offset]);
            }
            at = next;
        }
    }

    pub fn flip_bit(&mut self, rng: &mut Rng) -> Option<usize> {
        if self.durable.is_empty() {
            return None;
        }
        // Most of a preallocated file is zeroes that nobody reads.
        let offset = (0..20)
            .map(|_| rng.place(self.durable.len()))
            .find(|&offset| self.durable[offset] != 0)
            .unwrap_or(0);
        self.durable[offset] ^= 1 << rng.below(8);
        self.seen.clone_from(&self.durable);
        Some(offset)
    }
}

//! Ways to hurt a log: written as words, so that what fuzzing finds can be kept as a line of the corpus.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use proptest::prelude::*;

use super::dice::Dice;
use super::sim::SimDisk;

/// One change of the files. Segments and places are counted around: any number means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Turn a bit.
    Flip { segment: u32, at: u32, bit: u32 },
    /// Overwrite with one byte.
    Fill { segment: u32, at: u32, length: u32, byte: u32 },
    /// Overwrite with anything.
    Noise { segment: u32, at: u32, length: u32, seed: u32 },
    /// Cut the file.
    Cut { segment: u32, at: u32 },
    /// Write what stands at one place to another: real batches where they do not belong.
    Copy { segment: u32, at: u32, length: u32, to_segment: u32, to: u32 },
    /// Remove the file.
    Delete { segment: u32 },
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Flip { segment, at, bit } => write!(out, "flip {segment} {at} {bit}"),
            Damage::Fill { segment, at, length, byte } => {
                write!(out, "fill {segment} {at} {length} {byte}")
            }
            Damage::Noise { segment, at, length, seed } => {
                write!(out, "noise {segment} {at} {length} {seed}")
            }
            Damage::Cut { segment, at } => write!(out, "cut {segment} {at}"),
            Damage::Copy { segment, at, length, to_segment, to } => {
                write!(out, "copy {segment} {at} {length} {to_segment} {to}")
            }
            Damage::Delete { segment } => write!(out, "delete {segment}"),
        }
    }
}

impl FromStr for Damage {
    type Err = String;

    fn from_str(text: &str) -> Result<Damage, String> {
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let numbers: Vec<u32> =
            words.map(str::parse).collect::<Result<_, _>>().map_err(|_| text.to_owned())?;
        Ok(match (kind, numbers.as_slice()) {
            ("flip", &[segment, at, bit]) => Damage::Flip { segment, at, bit },
            ("fill", &[segment, at, length, byte]) => Damage::Fill { segment, at, length, byte },
            ("noise", &[segment, at, length, seed]) => Damage::Noise { segment, at, length, seed },
            ("cut", &[segment, at]) => Damage::Cut { segment, at },
            ("copy", &[segment, at, length, to_segment, to]) => {
                Damage::Copy { segment, at, length, to_segment, to }
            }
            ("delete", &[segment]) => Damage::Delete { segment },
            _ => return Err(text.to_owned()),
        })
    }
}

/// Any of them.
pub fn damage() -> impl Strategy<Value = Damage> {
    let segment = || 0..9_u32;
    let at = || 0..4096_u32;
    // Short, or a whole sector and more.
    let length = || prop_oneof![1..40_u32, Just(512), 1..1500_u32];
    prop_oneof![
        3 => (segment(), at(), 0..8_u32)
            .prop_map(|(segment, at, bit)| Damage::Flip { segment, at, bit }),
        3 => (segment(), at(), length(), prop_oneof![Just(0), Just(255), 0..256_u32])
            .prop_map(|(segment, at, length, byte)| Damage::Fill { segment, at, length, byte }),
        2 => (segment(), at(), length(), any::<u32>())
            .prop_map(|(segment, at, length, seed)| Damage::Noise { segment, at, length, seed }),
        1 => (segment(), at()).prop_map(|(segment, at)| Damage::Cut { segment, at }),
        2 => (segment(), at(), length(), segment(), at()).prop_map(
            |(segment, at, length, to_segment, to)| {
                Damage::Copy { segment, at, length, to_segment, to }
            }
        ),
        1 => segment().prop_map(|segment| Damage::Delete { segment }),
    ]
}

impl Damage {
    /// Do it.
    pub fn inflict(self, disk: &SimDisk) {
        let segments = disk.segments();
        if segments.is_empty() {
            return;
        }
        // From the end, where a log is written.
        let path = |number: u32| -> PathBuf {
            segments[segments.len() - 1 - number as usize % segments.len()].clone()
        };
        match self {
            Damage::Flip { segment, at, bit } => disk.edit(&path(segment), |bytes| {
                if let Some(byte) = place(bytes, at).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1 << bit;
                }
            }),
            Damage::Fill { segment, at, length, byte } => {
                let new = vec![byte as u8; length as usize];
                disk.edit(&path(segment), |bytes| overwrite(bytes, at, &new));
            }
            Damage::Noise { segment, at, length, seed } => {
                let mut dice = Dice::new(u64::from(seed));
                let new: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
                disk.edit(&path(segment), |bytes| overwrite(bytes, at, &new));
            }
            Damage::Cut { segment, at } => disk.edit(&path(segment), |bytes| {
                let at = at as usize % (bytes.len() + 1);
                bytes.truncate(at);
            }),
            Damage::Copy { segment, at, length, to_segment, to } => {
                let bytes = disk.bytes(&path(segment));
                let Some(at) = place(&bytes, at) else { return };
                // Batches begin at multiples of eight.
                let at = at / 8 * 8;
                let new = bytes[at..bytes.len().min(at + length as usize)].to_vec();
                disk.edit(&path(to_segment), |bytes| overwrite(bytes, to / 8 * 8, &new));
            }
            Damage::Delete { segment } => disk.delete(&path(segment)),
        }
    }
}

/// Around the used part of a segment and a little behind it; what follows is zeroes.
fn place(bytes: &[u8], at: u32) -> Option<usize> {
    let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    (!bytes.is_empty()).then(|| at as usize % (used + 64).min(bytes.len()))
}

fn overwrite(bytes: &mut [u8], at: u32, new: &[u8]) {
    let Some(at) = place(bytes, at) else { return };
    let end = bytes.len().min(at + new.len());
    bytes[at..end].copy_from_slice(&new[..end - at]);
}

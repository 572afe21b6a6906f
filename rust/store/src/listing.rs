//! What a reader may choose of a listing (docs/v2-extensions.md), and its rendering step by step.

use crate::arena::{NodeId, Nodes};
use crate::page::Paging;
use crate::path::clean_path;
use crate::render::{Look, Rendering, Step};

/// How a directory is shown. The default is what the original's clients know without `recursive`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSpec {
    /// What lies deeper too.
    pub recursive: bool,
    /// Without the values.
    pub keys_only: bool,
    /// The number of the nodes instead of the nodes.
    pub counts: bool,
    /// Only a part of them, as a flat list.
    pub page: Option<Page>,
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The key after which it begins, clean; empty: at the first node.
    pub after: Vec<u8>,
    /// So many nodes at most.
    pub limit: usize,
}

impl ReadSpec {
    pub(crate) fn on(&self, look: Look) -> Look {
        Look { recursive: self.recursive, keys_only: self.keys_only, ..look }
    }
}

/// What stands before the hexadecimal digits of a key that is not UTF-8: JSON could not give such a key back.
const HEX: &[u8] = b"hex:";

/// The key that a client means by `after`: one that begins with a slash, or what [`write_next`] made of one.
#[must_use]
pub fn parse_after(text: &[u8]) -> Option<Vec<u8>> {
    let key = match text.strip_prefix(HEX) {
        Some(digits) => decode_hex(digits)?,
        None => text.to_vec(),
    };
    (key.first() == Some(&b'/')).then(|| clean_path(&key))
}

fn decode_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8; 2]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// The text that leads back to a key through JSON and [`parse_after`].
pub(crate) fn write_next(key: &[u8]) -> Vec<u8> {
    if std::str::from_utf8(key).is_ok() {
        return key.to_vec();
    }
    let digits = key.iter().flat_map(|byte| format!("{byte:02x}").into_bytes());
    HEX.iter().copied().chain(digits).collect()
}

/// A listing that is being rendered.
pub(crate) enum Listing<'a> {
    /// As the original shows it.
    Tree(Rendering<'a>),
    /// A flat part of it, or a number.
    Flat(Paging<'a>),
}

impl<'a> Listing<'a> {
    /// Begin with the node `id`, whose path is `path`.
    pub fn begin(
        nodes: &'a Nodes,
        id: NodeId,
        path: &[u8],
        look: Look,
        spec: &ReadSpec,
        out: &mut Vec<u8>,
    ) -> Listing<'a> {
        if spec.counts || spec.page.is_some() {
            return Listing::Flat(Paging::begin(nodes, id, path, look, spec, out));
        }
        Listing::Tree(Rendering::begin(nodes, id, path, look, out))
    }

    /// As [`Rendering::step`].
    pub fn step(&mut self, out: &mut Vec<u8>, out_max: usize) -> Step {
        match self {
            Listing::Tree(rendering) => rendering.step(out, out_max),
            Listing::Flat(paging) => paging.step(out, out_max),
        }
    }

    /// Nodes looked at so far.
    pub fn visited(&self) -> usize {
        match self {
            Listing::Tree(rendering) => rendering.visited,
            Listing::Flat(paging) => paging.visited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_back_through_its_next() {
        for key in [&b"/a"[..], b"/a/b c%41", b"/\xff\x00/x", "/\u{fffd}".as_bytes(), b"/hex:2f"] {
            let text = write_next(key);
            assert!(std::str::from_utf8(&text).is_ok());
            assert_eq!(parse_after(&text).as_deref(), Some(key));
        }
        assert_eq!(write_next(b"/a"), b"/a");
        assert_eq!(write_next(b"/\xff"), b"hex:2fff");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in [&b""[..], b"a", b"hex:", b"hex:2", b"hex:2g", b"hex:61", b"HEX:2f"] {
            assert_eq!(parse_after(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(parse_after(b"//a/./b/").as_deref(), Some(&b"/a/b"[..]));
        assert_eq!(parse_after(b"hex:2f2F").as_deref(), Some(&b"/"[..]));
    }
}

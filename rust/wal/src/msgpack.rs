//! The few msgpack shapes that records use. Written by hand: a record is a handful of bytes on the
//! hottest path, and reading must not allocate or trust a length.

/// Append an unsigned integer in its shortest form.
pub(crate) fn put_uint(out: &mut Vec<u8>, value: u64) {
    if let Ok(small) = u8::try_from(value) {
        if small < 0x80 {
            out.push(small);
        } else {
            out.extend_from_slice(&[0xcc, small]);
        }
    } else if let Ok(short) = u16::try_from(value) {
        out.push(0xcd);
        out.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(medium) = u32::try_from(value) {
        out.push(0xce);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Append an array header for fewer than 16 elements.
pub(crate) fn put_array(out: &mut Vec<u8>, len: u8) {
    debug_assert!(len < 16);
    out.push(0x90 | len);
}

/// Append bytes. Longer than 4 GiB cannot be; such a batch is refused by its length anyway.
pub(crate) fn put_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = bytes.len() as u64;
    if let Ok(small) = u8::try_from(len) {
        out.extend_from_slice(&[0xc4, small]);
    } else if let Ok(short) = u16::try_from(len) {
        out.push(0xc5);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xc6);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
    out.extend_from_slice(bytes);
}

/// Take `n` bytes off the front.
fn take<'a>(input: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, rest) = input.split_at_checked(n)?;
    *input = rest;
    Some(head)
}

fn take_be(input: &mut &[u8], bytes: usize) -> Option<u64> {
    Some(take(input, bytes)?.iter().fold(0, |value, &b| value << 8 | u64::from(b)))
}

/// Take an unsigned integer in any form.
pub(crate) fn take_uint(input: &mut &[u8]) -> Option<u64> {
    match take(input, 1)?[0] {
        small @ 0..=0x7f => Some(u64::from(small)),
        0xcc => take_be(input, 1),
        0xcd => take_be(input, 2),
        0xce => take_be(input, 4),
        0xcf => take_be(input, 8),
        _ => None,
    }
}

/// Take the header of an array with fewer than 16 elements.
pub(crate) fn take_array(input: &mut &[u8]) -> Option<u8> {
    let head = take(input, 1)?[0];
    (head & 0xf0 == 0x90).then_some(head & 0x0f)
}

/// Take bytes.
pub(crate) fn take_bin<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = match take(input, 1)?[0] {
        0xc4 => take_be(input, 1)?,
        0xc5 => take_be(input, 2)?,
        0xc6 => take_be(input, 4)?,
        _ => return None,
    };
    take(input, usize::try_from(len).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_the_borders_of_their_forms() {
        for (value, bytes) in [
            (0, &[0][..]),
            (0x7f, &[0x7f]),
            (0x80, &[0xcc, 0x80]),
            (0xff, &[0xcc, 0xff]),
            (0x100, &[0xcd, 1, 0]),
            (0xffff, &[0xcd, 0xff, 0xff]),
            (0x1_0000, &[0xce, 0, 1, 0, 0]),
            (0xffff_ffff, &[0xce, 0xff, 0xff, 0xff, 0xff]),
            (0x1_0000_0000, &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
            (u64::MAX, &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ] {
            let mut out = Vec::new();
            put_uint(&mut out, value);
            assert_eq!(out, bytes);
            let mut input = &out[..];
            assert_eq!(take_uint(&mut input), Some(value));
            assert!(input.is_empty());
            assert_eq!(take_uint(&mut &out[..out.len() - 1]), None);
        }
    }

    #[test]
    fn bytes_at_the_borders_of_their_forms() {
        for len in [0, 1, 255, 256, 65_535, 65_536] {
            let bytes = vec![7; len];
            let mut out = Vec::new();
            put_bin(&mut out, &bytes);
            assert_eq!(take_bin(&mut &out[..]), Some(&bytes[..]));
            assert_eq!(take_bin(&mut &out[..out.len() - 1]), None);
        }
    }
}

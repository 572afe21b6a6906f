//! JSON as Go's encoder writes it, because clients and tests compare the bytes.

/// Append a number.
pub(crate) fn uint(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Append a signed number.
pub(crate) fn int(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Append `bytes` as a quoted string. A byte that is not part of valid UTF-8 becomes `\ufffd`.
pub(crate) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    text(out, bytes);
    out.push(b'"');
}

/// Append `bytes` escaped, without quotes. Escaping pieces cut at `/` gives the same as the whole.
pub(crate) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_ascii() {
        return valid(out, bytes);
    }
    for chunk in bytes.utf8_chunks() {
        valid(out, chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// What a byte of valid UTF-8 needs: 0 nothing, 1 `\u00XX`, 2 a look at what follows (it may begin
/// U+2028 or U+2029), else the letter after the backslash.
const NEEDS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = 1;
        byte += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'<' as usize] = 1;
    table[b'>' as usize] = 1;
    table[b'&' as usize] = 1;
    table[0xe2] = 2;
    table
};

fn valid(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut done = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let need = NEEDS[usize::from(byte)];
        if need == 0 {
            at += 1;
            continue;
        }
        if need == 2 {
            let separator = match bytes[at..] {
                [_, 0x80, 0xa8, ..] => Some(b'8'),
                [_, 0x80, 0xa9, ..] => Some(b'9'),
                _ => None,
            };
            if let Some(digit) = separator {
                out.extend_from_slice(&bytes[done..at]);
                out.extend_from_slice(b"\\u202");
                out.push(digit);
                done = at + 3;
            }
            at += 3;
            continue;
        }
        out.extend_from_slice(&bytes[done..at]);
        if need == 1 {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(&[b'\\', need]);
        }
        at += 1;
        done = at;
    }
    out.extend_from_slice(&bytes[done..]);
}

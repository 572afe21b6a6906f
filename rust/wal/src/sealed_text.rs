//! Small text files with a checksum in their last line.

use std::fmt::Write;

/// Append the line `crc` over everything before it.
pub(crate) fn seal(mut text: String) -> String {
    let crc = crc32fast::hash(text.as_bytes());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "crc {crc:08x}");
    text
}

/// Everything before the last line, when that is the right checksum.
pub(crate) fn unseal(text: &str) -> Option<&str> {
    let body_bytes = text.strip_suffix('\n')?.rfind('\n')? + 1;
    let (body, last) = text.split_at(body_bytes);
    let crc = format!("crc {:08x}\n", crc32fast::hash(body.as_bytes()));
    (last == crc).then_some(body)
}

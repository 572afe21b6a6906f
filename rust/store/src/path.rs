//! Paths of the key space: what is clean, what is hidden, what lies above.

use std::borrow::Cow;

/// The clean path for what a client wrote after `/v2/keys`.
///
/// `/a//b/../c/` is `/a/c`, and nothing is `/`. Dots are resolved inside the key space and never lead
/// out of it.
#[must_use]
pub fn clean_path(rest: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(rest.len() + 1);
    for segment in rest.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => path.truncate(parent_len(&path)),
            _ => {
                path.push(b'/');
                path.extend_from_slice(segment);
            }
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

/// As [`clean_path`], without a copy when there is nothing to clean.
pub(crate) fn cleaned(path: &[u8]) -> Cow<'_, [u8]> {
    if is_clean(path) { Cow::Borrowed(path) } else { Cow::Owned(clean_path(path)) }
}

fn is_clean(path: &[u8]) -> bool {
    let Some((b'/', rest)) = path.split_first() else { return false };
    rest.is_empty()
        || rest.split(|&byte| byte == b'/').all(|segment| !matches!(segment, b"" | b"." | b".."))
}

/// Length of the text of the parent's path, without a final slash: 0 for the root.
pub(crate) fn parent_len(path: &[u8]) -> usize {
    memchr::memrchr(b'/', path).unwrap_or(0)
}

/// The last segment of a clean path; empty for the root.
pub(crate) fn name(path: &[u8]) -> &[u8] {
    &path[(parent_len(path) + 1).min(path.len())..]
}

/// Whether `path` lies strictly below `ancestor`, segment by segment (not as text).
pub(crate) fn is_below(path: &[u8], ancestor: &[u8]) -> bool {
    if ancestor == b"/" {
        return path.len() > 1;
    }
    path.len() > ancestor.len() && path.starts_with(ancestor) && path[ancestor.len()] == b'/'
}

/// Whether a watch at `point` must not see `path`, which lies below it: a segment of the way down
/// begins with `_`. What is hidden above the point does not count.
#[must_use]
pub fn is_hidden_below(path: &[u8], point: &[u8]) -> bool {
    let below = if point == b"/" { path } else { path.get(point.len()..).unwrap_or(b"") };
    memchr::memmem::find(below, b"/_").is_some()
}

/// The path of a child.
pub(crate) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let parent = if parent == b"/" { b"" } else { parent };
    let mut path = Vec::with_capacity(parent.len() + 1 + name.len());
    path.extend_from_slice(parent);
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// A number that tells paths apart (64-bit FNV-1a, so that it can go on from a parent's).
pub(crate) fn hash(path: &[u8]) -> u64 {
    hash_on(0xcbf2_9ce4_8422_2325, path)
}

/// The hash of a path that goes on with `more`.
pub(crate) fn hash_on(hash: u64, more: &[u8]) -> u64 {
    more.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_stays_inside_the_key_space() {
        for (given, clean) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a//b/../c/", "/a/c"),
            ("/../../a", "/a"),
            ("/a/./b", "/a/b"),
            ("/a/..", "/"),
            ("a", "/a"),
            ("/..a/b..", "/..a/b.."),
        ] {
            assert_eq!(clean_path(given.as_bytes()), clean.as_bytes(), "{given}");
            assert!(is_clean(clean.as_bytes()), "{clean}");
            assert_eq!(is_clean(given.as_bytes()), given == clean, "{given}");
        }
    }

    #[test]
    fn hidden_is_relative_to_the_watch_point() {
        assert!(is_hidden_below(b"/a/_b/c", b"/a"));
        assert!(is_hidden_below(b"/_b", b"/"));
        assert!(!is_hidden_below(b"/_b/c", b"/_b"));
        assert!(!is_hidden_below(b"/a_/b_c", b"/"));
    }

    #[test]
    fn below_goes_by_segments() {
        assert!(is_below(b"/foo/x", b"/foo"));
        assert!(is_below(b"/foo", b"/"));
        assert!(!is_below(b"/foobar", b"/foo"));
        assert!(!is_below(b"/foo", b"/foo"));
        assert!(!is_below(b"/", b"/"));
    }

    #[test]
    fn names_and_parents() {
        assert_eq!((name(b"/"), parent_len(b"/")), (&b""[..], 0));
        assert_eq!((name(b"/a"), parent_len(b"/a")), (&b"a"[..], 0));
        assert_eq!((name(b"/a/bc"), parent_len(b"/a/bc")), (&b"bc"[..], 2));
        assert_eq!((join(b"/", b"a"), join(b"/a", b"b")), (b"/a".to_vec(), b"/a/b".to_vec()));
    }
}

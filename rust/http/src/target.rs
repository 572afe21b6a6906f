//! The target of the request line, taken apart.

use memchr::memchr;

use crate::framing::is_authority;

/// The parts of a request target, undecoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Only in absolute form, where it stands in for the Host header.
    pub authority: Option<&'a [u8]>,
    pub path: &'a [u8],
    /// Without the question mark; empty also when there is none.
    pub query: &'a [u8],
}

impl<'a> Target<'a> {
    /// Take `target` apart; `None` when it has none of the forms that `method` may have.
    pub(crate) fn parse(method: &[u8], target: &'a [u8]) -> Option<Self> {
        if target.first() == Some(&b'/') {
            return Some(Self::origin(None, target));
        }
        if let Some(rest) = strip_scheme(target) {
            let end = rest.iter().position(|&b| b == b'/' || b == b'?').unwrap_or(rest.len());
            let (authority, local) = rest.split_at(end);
            if authority.is_empty() || !is_authority(authority) {
                return None;
            }
            return Some(Self::origin(Some(authority), local));
        }
        match method {
            b"OPTIONS" if target == b"*" => {
                Some(Self { authority: None, path: target, query: b"" })
            }
            // Nobody tunnels through etcd, but the refusal should name the method, not the target.
            b"CONNECT" if is_authority(target) => {
                Some(Self { authority: Some(target), path: target, query: b"" })
            }
            _ => None,
        }
    }

    fn origin(authority: Option<&'a [u8]>, local: &'a [u8]) -> Self {
        let (path, query) = match memchr(b'?', local) {
            Some(mark) => (&local[..mark], &local[mark + 1..]),
            None => (local, &b""[..]),
        };
        Self { authority, path: if path.is_empty() { b"/" } else { path }, query }
    }
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

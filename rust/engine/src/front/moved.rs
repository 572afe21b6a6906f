//! What upstream's router answers to a path that is not clean: a redirect, as Go's library writes it.

use coreos_http::Method;
use coreos_store::clean_path;

/// Where the cleaned path is, and the page that says so (None for methods that get none).
#[derive(Debug)]
pub(super) struct Moved {
    pub location: Vec<u8>,
    pub page: Option<Vec<u8>>,
}

/// The redirect for a request to this decoded path, if it is not clean. A final slash may stay.
pub(super) fn moved(decoded: &[u8], query: &[u8], method: &Method<'_>) -> Option<Moved> {
    let mut clean = clean_path(decoded);
    if decoded.ends_with(b"/") && clean != b"/" {
        clean.push(b'/');
    }
    if clean == decoded {
        return None;
    }
    let mut location = Vec::new();
    escape_path(&clean, &mut location);
    if !query.is_empty() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    let page = match method {
        Method::Get => Some(page(&location)),
        Method::Head => Some(Vec::new()),
        _ => None,
    };
    Some(Moved { location, page })
}

/// Percent-encode what Go encodes in the path of a URL.
fn escape_path(path: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
}

fn page(location: &[u8]) -> Vec<u8> {
    let mut out = b"<a href=\"".to_vec();
    for &byte in location {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            _ => out.push(byte),
        }
    }
    out.extend_from_slice(b"\">Moved Permanently</a>.\n\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(decoded: &str, query: &str) -> Option<(String, String)> {
        let found = moved(decoded.as_bytes(), query.as_bytes(), &Method::Get)?;
        let text = |bytes| String::from_utf8(bytes).expect("ASCII");
        Some((text(found.location), text(found.page.expect("a page"))))
    }

    #[test]
    fn clean_paths_stay() {
        for path in ["/v2/keys", "/v2/keys/", "/v2/keys/a", "/v2/keys/a/", "/v2/keys/a b"] {
            assert!(to(path, "").is_none(), "{path}");
        }
    }

    #[test]
    fn others_move_as_go_writes_it() {
        let (location, page) = to("/v2/keys//a b/", "x=<&>").expect("moved");
        assert_eq!(location, "/v2/keys/a%20b/?x=<&>");
        assert_eq!(page, "<a href=\"/v2/keys/a%20b/?x=&lt;&amp;&gt;\">Moved Permanently</a>.\n\n");
        for (from, location) in [
            ("/v2/keys//", "/v2/keys/"),
            ("/v2/keys/a/../..", "/v2"),
            ("/v2/keys/../../..", "/"),
            ("/v2/keys//a\r\nb", "/v2/keys/a%0D%0Ab"),
        ] {
            assert_eq!(to(from, "").expect("moved").0, location);
        }
    }

    #[test]
    fn only_get_has_a_page() {
        let page = |method| moved(b"/v2/keys//", b"", &method).expect("moved").page;
        assert_eq!(page(Method::Head), Some(Vec::new()));
        assert_eq!(page(Method::Put), None);
    }
}

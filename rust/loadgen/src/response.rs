//! Just enough of HTTP/1.1 to know where a reply ends and what its status is.

/// A reply at the front of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// A whole reply: its status and length in bytes.
    Reply(u16, usize),
    /// Not a reply that this client understands.
    Broken,
}

/// Look at `bytes`, which begin with a reply.
pub fn parse(bytes: &[u8]) -> Parsed {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else { return Parsed::Incomplete };
    let head = &bytes[..head_end + 2];
    let Some(status) = head.get(9..12).and_then(|s| std::str::from_utf8(s).ok()?.parse().ok())
    else {
        return Parsed::Broken;
    };
    let body = head_end + 4;
    if let Some(length) = header(head, b"content-length:") {
        let Some(length) = std::str::from_utf8(length).ok().and_then(|s| s.parse::<usize>().ok())
        else {
            return Parsed::Broken;
        };
        return if bytes.len() >= body + length {
            Parsed::Reply(status, body + length)
        } else {
            Parsed::Incomplete
        };
    }
    // Chunked: small replies only, so looking for the end marker is enough.
    match find(&bytes[body..], b"0\r\n\r\n") {
        Some(end) => Parsed::Reply(status, body + end + 5),
        None => Parsed::Incomplete,
    }
}

/// Whether the head of a reply has arrived (a long poll's body comes later).
pub fn has_head(bytes: &[u8]) -> bool {
    find(bytes, b"\r\n\r\n").is_some()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn header<'a>(head: &'a [u8], lower_name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&b| b == b'\n')
        .find(|line| {
            line.len() > lower_name.len()
                && line[..lower_name.len()].eq_ignore_ascii_case(lower_name)
        })
        .map(|line| line[lower_name.len()..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_both_kinds() {
        let sized = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(sized), Parsed::Reply(201, sized.len()));
        assert_eq!(parse(&sized[..sized.len() - 1]), Parsed::Incomplete);
        let chunked = b"HTTP/1.1 200 OK\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(parse(chunked), Parsed::Reply(200, chunked.len()));
        assert_eq!(parse(b"HTTP/1.1 abc\r\n\r\n"), Parsed::Broken);
    }
}

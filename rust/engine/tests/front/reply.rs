//! Replies as a client reads them.

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(its, _)| its.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn index(&self) -> u64 {
        let text = self.header("X-Etcd-Index").expect("an X-Etcd-Index");
        text.parse().expect("a number")
    }

    #[track_caller]
    pub fn expect_one_of(self, statuses: &[u16]) -> Self {
        assert!(statuses.contains(&self.status), "{self:?}");
        self
    }

    #[track_caller]
    pub fn expect(self, status: u16, part: &str) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.body.contains(part), "{part} is not in {self:?}");
        self
    }
}

/// The first reply in `bytes`, if it is complete, and its length. `ended`: nothing will follow.
pub fn parse(bytes: &[u8], head_only: bool, ended: bool) -> Option<(Reply, usize)> {
    let head_len = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_len]).expect("a head is ASCII");
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().expect("a status line");
    assert!(status_line.starts_with("HTTP/1.1 "), "{status_line}");
    let status: u16 = status_line[9..12].parse().expect("a status");
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    };
    let headers: Vec<(String, String)> = lines.map(pair).collect();
    let mut reply = Reply { status, headers, body: String::new() };
    let rest = &bytes[head_len..];
    let (body, length) = if head_only || status < 200 || status == 204 {
        (Vec::new(), 0)
    } else if let Some(length) = reply.header("Content-Length") {
        let length = length.parse().expect("a length");
        (rest.get(..length)?.to_vec(), length)
    } else if reply.header("Transfer-Encoding").is_some() {
        dechunk(rest)?
    } else {
        (ended.then(|| rest.to_vec())?, rest.len())
    };
    reply.body = String::from_utf8(body).expect("UTF-8");
    Some((reply, head_len + length))
}

/// The joined chunks, and how many bytes they took.
fn dechunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|part| part == b"\r\n")?;
        let text = std::str::from_utf8(&bytes[at..at + line]).expect("a chunk's length");
        let length = usize::from_str_radix(text, 16).expect("a chunk's length");
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + length)?);
        assert_eq!(bytes.get(at + length..at + length + 2)?, b"\r\n");
        at += length + 2;
        if length == 0 {
            return Some((body, at));
        }
    }
}

/// A request without a body.
pub fn bare(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: here\r\n\r\n")
}

pub fn get(target: &str) -> String {
    bare("GET", target)
}

/// A request with a form.
pub fn form(method: &str, target: &str, form: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: here\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

pub fn put(target: &str, value: &str) -> String {
    form("PUT", target, &format!("value={value}"))
}

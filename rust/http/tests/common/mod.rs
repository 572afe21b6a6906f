//! What the tests share: a parse with everything copied out, so that runs can be compared.
#![allow(dead_code)] // Each test binary uses its part.

pub mod fuzz;

use coreos_http::{Connection, Limits, Next, Reject};

/// A request without borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub path: Vec<u8>,
    pub query: Vec<u8>,
    pub minor: u8,
    pub keep_alive: bool,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// All that came out of a byte stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub requests: Vec<Owned>,
    pub reject: Option<Reject>,
    /// Bytes left over; not set after a reject, which ends the interest in them.
    pub left: usize,
}

/// Feed `pieces`, asking for requests after each. Also returns how often Continue was reported.
pub fn run<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> (Outcome, usize, Connection) {
    let mut connection = Connection::new();
    let mut outcome = Outcome::default();
    let mut continues = 0;
    for piece in pieces {
        connection.receive(piece);
        loop {
            match connection.next(limits) {
                Next::Incomplete => break,
                Next::Continue => continues += 1,
                Next::Bad(reject) => {
                    assert_eq!(
                        connection.next(limits),
                        Next::Bad(reject.clone()),
                        "not repeatable"
                    );
                    outcome.reject = Some(reject);
                    return (outcome, continues, connection);
                }
                Next::Request(request) => outcome.requests.push(Owned {
                    method: request.method.as_bytes().to_vec(),
                    target: request.target.to_vec(),
                    path: request.path.to_vec(),
                    query: request.query.to_vec(),
                    minor: request.version_minor,
                    keep_alive: request.keep_alive,
                    headers: request.headers().map(|(n, v)| (n.to_owned(), v.to_vec())).collect(),
                    body: request.body.to_vec(),
                }),
            }
            connection.advance();
        }
    }
    outcome.left = connection.buffered();
    (outcome, continues, connection)
}

/// All of `bytes` at once.
pub fn at_once(bytes: &[u8], limits: &Limits) -> Outcome {
    run([bytes], limits).0
}

/// Limits small enough for tests to reach.
pub fn small() -> Limits {
    Limits { head_bytes: 400, body_bytes: 60, target_bytes: 60, headers: 8 }
}

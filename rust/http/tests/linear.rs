//! Slow clients cost no more than fast ones. What is counted is bytes searched, parsed or moved.

mod common;

use common::run;
use coreos_http::{Connection, Limits, Next};

fn big_head() -> Vec<u8> {
    let mut head = b"GET /v2/keys/a HTTP/1.1\r\nHost: h\r\n".to_vec();
    for _ in 0..120 {
        head.extend(b"X-Filler: ");
        head.resize(head.len() + 8_700, b'f');
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    assert!(head.len() > 1_000_000 && head.len() < 1 << 20);
    head
}

/// Feed byte by byte, asking after each; the work done and the requests seen.
fn drip(bytes: &[u8]) -> (u64, usize) {
    let (outcome, _, connection) = run(bytes.chunks(1), &Limits::default());
    assert_eq!(outcome.reject, None);
    (connection.work(), outcome.requests.len())
}

fn assert_linear(bytes: &[u8]) {
    let (work, requests) = drip(bytes);
    assert_eq!(requests, 1);
    assert!(work <= 3 * bytes.len() as u64, "{work} for {} bytes", bytes.len());
}

#[test]
fn a_dripping_head_is_linear() {
    assert_linear(&big_head());
}

#[test]
fn a_dripping_body_costs_nothing_before_it_is_whole() {
    let head = "PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    bytes.resize(head.len() + (10 << 20), b'v');
    let (work, requests) = drip(&bytes);
    assert_eq!(requests, 1);
    assert!(work <= 3 * head.len() as u64, "{work}");
}

#[test]
fn a_dripping_chunked_body_is_linear() {
    for chunk in [1usize, 5_000] {
        let mut bytes =
            b"PUT /v2/keys/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..(2 << 20) / chunk {
            bytes.extend(format!("{chunk:x}\r\n").bytes());
            bytes.resize(bytes.len() + chunk, b'v');
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n");
        for _ in 0..100 {
            bytes.extend(b"Trailer: ");
            bytes.resize(bytes.len() + 5_000, b't');
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        assert_linear(&bytes);
    }
}

/// The framing of tiny chunks is thrown away as it comes, not when the body is complete.
#[test]
fn tiny_chunks_hold_no_more_memory_than_their_data() {
    let limits = Limits::default();
    let mut connection = Connection::new();
    connection.receive(b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    let data = 100_000;
    for _ in 0..data / 100 {
        connection.receive(&b"1;ext\r\nv\r\n".repeat(100));
        assert_eq!(connection.next(&limits), Next::Incomplete);
    }
    assert!(connection.buffered() < data + 200, "{}", connection.buffered());
}

#[test]
fn many_pipelined_requests_are_linear() {
    let bytes = b"GET /v2/keys/a HTTP/1.1\r\nHost: h\r\n\r\n".repeat(20_000);
    for piece in [bytes.len(), 1_000, 7] {
        let (outcome, _, connection) = run(bytes.chunks(piece), &Limits::default());
        assert_eq!(outcome.requests.len(), 20_000);
        let work = connection.work();
        assert!(work <= 5 * bytes.len() as u64, "{work} for {} in pieces of {piece}", bytes.len());
    }
}

/// The control: a parser that begins again with every piece exceeds the bound by orders of
/// magnitude, and the count shows it.
#[test]
fn the_count_shows_a_parser_that_begins_again() {
    let head = big_head();
    let bytes = &head[..20_000];
    let mut work = 0;
    for len in 1..bytes.len() {
        let mut connection = Connection::new();
        connection.receive(&bytes[..len]);
        assert_eq!(connection.next(&Limits::default()), Next::Incomplete);
        work += connection.work();
    }
    assert!(work > 1000 * 3 * bytes.len() as u64, "{work}");
}

//! One row for every rule about requests. A refused row stands beside an accepted one that differs
//! in nothing but what the rule is about: that is its control.

mod common;

use common::{Outcome, at_once, run, small};
use coreos_http::{Connection, Limits, Method, Next};

/// What a row expects: a status, or the body of the only request and whether the connection is
/// kept.
enum Expect<'a> {
    Bad(u16),
    Body(&'a str, bool),
}
use Expect::{Bad, Body};

fn check(rows: &[(&str, Expect<'_>)]) {
    for (input, expected) in rows {
        let outcome = at_once(input.as_bytes(), &small());
        match (expected, &outcome) {
            (Bad(status), Outcome { reject: Some(reject), .. }) => {
                assert_eq!(reject.status, *status, "{input:?}: {reject}");
            }
            (Body(body, keep), Outcome { requests, reject: None, left: 0 }) => {
                assert_eq!(requests.len(), 1, "{input:?}");
                assert_eq!(requests[0].body, body.as_bytes(), "{input:?}");
                assert_eq!(requests[0].keep_alive, *keep, "{input:?}");
            }
            _ => panic!("{input:?}: {outcome:?}"),
        }
    }
}

#[test]
fn request_line() {
    check(&[
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("GET http://h/p HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET http://u@h/p HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET ftp://h/p HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET p HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET /\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", Bad(400)),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/3\r\nHost: h\r\n\r\n", Bad(400)),
        ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("\r\n\n\r\n\n\r\n\n\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("\n\n\n\n\n\n\n\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\nHost: h\n\n", Body("", true)),
    ]);
}

#[test]
fn headers() {
    check(&[
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n", Body("", true)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\tc\r\n\r\n", Body("", true)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: \u{e9}\r\n\r\n", Body("", true)),
        ("GET / HTTP/1.1\r\nHost: h\r\n\u{e9}: b\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\r\nA:\r\n\r\n", Body("", true)),
        ("GET / HTTP/1.1\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.0\r\n\r\n", Body("", false)),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Body("", true)),
        ("GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Bad(400)),
        ("GET / HTTP/1.1\r\nHost: [::1]:4001\r\n\r\n", Body("", true)),
    ]);
}

#[test]
fn keeping_the_connection() {
    check(&[
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", Body("", false)),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: Foo ,CLOSE\r\n\r\n", Body("", false)),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: closer\r\n\r\n", Body("", true)),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: close\r\n\r\n",
            Body("", false),
        ),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Body("", true)),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Body("", false)),
    ]);
}

#[test]
fn body_length() {
    check(&[
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", Body("abc", true)),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", Body("abc", true)),
        ("PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", Body("abc", false)),
        ("PUT / HTTP/1.1\r\nHost: h\r\n\r\n", Body("", true)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", Body("", true)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 003\r\n\r\nabc", Body("abc", true)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", Bad(400)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", Bad(400)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", Bad(400)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc", Bad(400)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", Bad(400)),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            Body("abc", true),
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            Bad(400),
        ),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 03\r\n\r\nabc",
            Bad(400),
        ),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n", Bad(413)),
        ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", Bad(413)),
    ]);
}

/// A chunked PUT with the given text after the head.
fn chunked(text: &str) -> String {
    format!("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{text}")
}

/// The one thing that is taken in two ways, and where it ends.
#[test]
fn line_feeds_alone() {
    let table = [
        (chunked("0\r\nA: b\n\n"), Body("", true)),
        (chunked("1\r\na\r\n0\r\n\n"), Body("a", true)),
        (chunked("1\na\r\n0\r\n\r\n"), Bad(400)),
        (chunked("1\r\na\n0\r\n\r\n"), Bad(400)),
        (chunked("0\n\r\n"), Bad(400)),
        ("GET / HTTP/1.1\nHost: h\r\nA: b\n\r\n".to_owned(), Body("", true)),
        ("GET / HTTP/1.1\rHost: h\r\r\n\r\n".to_owned(), Bad(400)),
        ("GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n".to_owned(), Bad(400)),
    ];
    for (input, expected) in table {
        check(&[(input.as_str(), expected)]);
    }
}

#[test]
fn transfer_codings() {
    const PUT: &str = "PUT / HTTP/1.1\r\nHost: h\r\n";
    let row = |headers: &str| format!("{PUT}{headers}\r\n0\r\n\r\n");
    let accepted = [row("Transfer-Encoding: CHUNKED\r\n")];
    for input in &accepted {
        check(&[(input.as_str(), Body("", true))]);
    }
    let refused = [
        (row("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400),
        (row("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
        (row("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), 400),
        (row("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400),
        (row("Transfer-Encoding: gzip\r\n"), 400),
        (row("Transfer-Encoding: identity\r\n"), 400),
        (row("Transfer-Encoding: gzip, chunked\r\n"), 400),
        (row("Transfer-Encoding: xchunked\r\n"), 400),
        (row("Transfer-Encoding: \"chunked\"\r\n"), 400),
        (row("Transfer-Encoding:\r\n"), 400),
        (row("Transfer-Encoding:\x0bchunked\r\n"), 400),
        ("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
    ];
    for (input, status) in &refused {
        check(&[(input.as_str(), Bad(*status))]);
    }
}

#[test]
fn chunks() {
    let x = "x".repeat(61);
    let sixty = format!("3c\r\n{}\r\n0\r\n\r\n", &x[..60]);
    let sixty_one = format!("3d\r\n{x}\r\n0\r\n\r\n");
    let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(400));
    let long_trailer = format!("0\r\nA: {}\r\n\r\n", "t".repeat(400));
    let rows: &[(&str, Expect<'_>)] = &[
        ("0\r\n\r\n", Body("", true)),
        ("3\r\nabc\r\n0\r\n\r\n", Body("abc", true)),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", Body("abc", true)),
        ("003 ; x=\"y\"\r\nabc\r\n0;z\r\n\r\n", Body("abc", true)),
        ("3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", Body("abc", true)),
        ("3\r\nabc\r\n0\r\nA : b\r\n\r\n", Bad(400)),
        ("3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n", Bad(400)),
        ("3\nabc\r\n0\r\n\r\n", Bad(400)),
        ("3\r\nabc\n0\r\n\r\n", Bad(400)),
        ("3\r\nabcd\r\n0\r\n\r\n", Bad(400)),
        ("\r\n3\r\nabc\r\n0\r\n\r\n", Bad(400)),
        ("-1\r\n\r\n", Bad(400)),
        ("ffffffffffffffff\r\n", Bad(413)),
        ("fffffffffffffffff\r\n", Bad(413)),
        (&sixty_one, Bad(413)),
        (&sixty, Body(&x[..60], true)),
        (&long_extension, Bad(431)),
        (&long_trailer, Bad(431)),
        ("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n\r\n", Bad(431)),
        ("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n", Body("", true)),
    ];
    for (text, expected) in rows {
        let input = chunked(text);
        match expected {
            Bad(status) => check(&[(input.as_str(), Bad(*status))]),
            Body(body, keep) => check(&[(input.as_str(), Body(body, *keep))]),
        }
    }
}

#[test]
fn limits_are_exact_and_named() {
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(n - 32));
    let target = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(n - 1));
    let count = |n: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(n - 1));
    let body = |n: usize| format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\n");
    type Row<'a> = (&'a dyn Fn(usize) -> String, usize, u16);
    let rows: [Row<'_>; 4] =
        [(&head, 400, 431), (&target, 60, 414), (&count, 8, 431), (&body, 60, 413)];
    for (make, limit, status) in rows {
        assert_eq!(at_once(make(limit).as_bytes(), &small()).reject, None);
        let reject = at_once(make(limit + 1).as_bytes(), &small()).reject.expect("over the limit");
        assert_eq!(reject.status, status);
        assert!(reject.message.contains(&format!("limit is {limit}")), "{}", reject.message);
    }
    assert_eq!(head(400).len(), 400);
}

#[test]
fn more_headers_than_fit_on_the_stack() {
    let limits = Limits { headers: 300, ..Limits::default() };
    let make = |n: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(n - 1));
    assert_eq!(at_once(make(300).as_bytes(), &limits).requests[0].headers.len(), 300);
    assert_eq!(at_once(make(301).as_bytes(), &limits).reject.map(|r| r.status), Some(431));
}

#[test]
fn refused_as_soon_as_it_is_known() {
    let table: &[(&[u8], u16)] = &[
        (b"\x16\x03\x01", 400),
        (b"\x00", 400),
        (b"\xff\xfe", 400),
        (b"PRI * HTTP/2.0\r\n", 400),
        (b"hello\r\n", 400),
        (b"GET / HTTP/1.3\r\n", 400),
    ];
    for (input, status) in table {
        let outcome = at_once(input, &small());
        assert_eq!(outcome.reject.map(|r| r.status), Some(*status), "{}", input.escape_ascii());
    }
    assert_eq!(at_once(b"GET / HTTP/1.1\r\n", &small()).reject, None);
    let reject = at_once(b"\x16", &small()).reject.expect("TLS");
    assert!(reject.message.contains("plain HTTP"), "{}", reject.message);
    let endless = vec![b'a'; 1000];
    assert_eq!(at_once(&endless, &small()).reject.map(|r| r.status), Some(414));
}

#[test]
fn expectations() {
    let put = |expect: &str, minor: u8| {
        format!("PUT / HTTP/1.{minor}\r\nHost: h\r\nExpect: {expect}\r\nContent-Length: 3\r\n\r\n")
    };
    let head = put("100-Continue", 1);
    let (outcome, continues, _) = run([head.as_bytes(), b"a", b"b", b"c"], &small());
    assert_eq!((outcome.requests.len(), continues), (1, 1));
    // The body is on its way already: nobody waits.
    let whole = head.clone() + "a";
    let (outcome, continues, _) = run([whole.as_bytes(), b"bc"], &small());
    assert_eq!((outcome.requests.len(), continues), (1, 0));
    let (outcome, continues, _) = run([put("100-continue", 0).as_bytes(), b"abc"], &small());
    assert_eq!((outcome.requests.len(), continues), (1, 0));
    let outcome = at_once(put("200-ok", 1).as_bytes(), &small());
    assert_eq!(outcome.reject.map(|r| r.status), Some(417));
    // Refused before the body is asked for.
    let big = head.replace("Length: 3", "Length: 61");
    let (outcome, continues, _) = run([big.as_bytes()], &small());
    assert_eq!((outcome.reject.map(|r| r.status), continues), (Some(413), 0));
    let chunks = chunked("").replace("Host", "Expect: 100-continue\r\nHost");
    let (outcome, continues, _) = run([chunks.as_bytes(), b"1\r\na\r\n0\r\n\r\n"], &small());
    assert_eq!((outcome.requests.len(), continues), (1, 1));
}

#[test]
fn what_a_request_says() {
    let mut connection = Connection::new();
    connection.receive(
        b"PUT http://e:4001/v2/keys/a%20b?x=1?&y HTTP/1.1\r\nhost: h\r\nX-Empty:\r\n\
          CONTENT-TYPE: \t text/plain; a=b \t\r\nContent-Length: 2\r\n\r\nhi",
    );
    let Next::Request(request) = connection.next(&Limits::default()) else { panic!("no request") };
    assert_eq!(request.method, Method::Put);
    assert_eq!(request.target, b"http://e:4001/v2/keys/a%20b?x=1?&y");
    assert_eq!(request.path, b"/v2/keys/a%20b");
    assert_eq!(request.query, b"x=1?&y");
    assert_eq!(request.authority, Some(&b"e:4001"[..]));
    assert_eq!(request.host(), Some(&b"e:4001"[..]));
    assert_eq!(request.header("HOST"), Some(&b"h"[..]));
    assert_eq!(request.header("x-empty"), Some(&b""[..]));
    assert_eq!(request.header("x-none"), None);
    assert_eq!(request.content_type(), Some(&b"text/plain; a=b"[..]));
    assert_eq!(request.headers().count(), 4);
    assert_eq!(request.body, b"hi");
    let bare = at_once(b"GET HTTPS://h?q HTTP/1.0\r\n\r\n", &small());
    assert_eq!((&bare.requests[0].path[..], &bare.requests[0].query[..]), (&b"/"[..], &b"q"[..]));
}

#[test]
fn an_idle_connection_holds_next_to_nothing() {
    let limits = Limits::default();
    let mut connection = Connection::new();
    assert_eq!(connection.capacity(), 0);
    let mut big = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n".to_vec();
    big.resize(big.len() + 100_000, b'x');
    connection.receive(&big);
    assert!(!connection.at_boundary());
    assert!(matches!(connection.next(&limits), Next::Request(_)));
    assert!(matches!(connection.next(&limits), Next::Request(_)), "stays until dropped");
    connection.advance();
    assert!(connection.at_boundary());
    assert_eq!(connection.capacity(), 0);
    connection.advance();
    let get = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    connection.receive(get);
    assert!(matches!(connection.next(&limits), Next::Request(_)));
    connection.advance();
    let kept = connection.capacity();
    assert!(kept > 0 && kept <= 512, "{kept}");
    // A buffer offered for reading into, but not used.
    connection.receive_buffer(1 << 16);
    assert_eq!(connection.next(&limits), Next::Incomplete);
    assert_eq!(connection.capacity(), 0);
}

//! Replies read back: by expectation to the byte, and by a parser that is not ours.

use coreos_http::{
    BodyKind, Connection, Date, Limits, Next, reason, write_chunk, write_head, write_last_chunk,
};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: u64 = 784_887_151;

fn head(status: u16, keep: bool, minor: u8, headers: &[(&str, &[u8])], body: BodyKind) -> String {
    let mut out = Vec::new();
    write_head(&mut out, status, &Date::new(NOW), keep, minor, headers, body);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn heads_by_example() {
    const DATE: &str = "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n";
    let etcd: &[(&str, &[u8])] =
        &[("Content-Type", b"application/json"), ("x-etcd-cluster-ID", b"cdf8")];
    assert_eq!(
        head(200, true, 1, etcd, BodyKind::Length(12)),
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: cdf8\r\n\
             {DATE}Content-Length: 12\r\n\r\n"
        )
    );
    let plain = |status, keep, minor, body| head(status, keep, minor, &[], body);
    let table = [
        (
            plain(201, false, 1, BodyKind::Length(0)),
            "201 Created",
            "Content-Length: 0\r\nConnection: close\r\n",
        ),
        (plain(200, true, 1, BodyKind::Chunked), "200 OK", "Transfer-Encoding: chunked\r\n"),
        (plain(200, true, 0, BodyKind::Chunked), "200 OK", "Connection: close\r\n"),
        (
            plain(200, true, 0, BodyKind::Length(1)),
            "200 OK",
            "Content-Length: 1\r\nConnection: keep-alive\r\n",
        ),
        (plain(200, true, 1, BodyKind::UntilClose), "200 OK", "Connection: close\r\n"),
        (plain(204, true, 1, BodyKind::None), "204 No Content", ""),
        (plain(299, true, 1, BodyKind::None), "299 Unknown", ""),
        (plain(7, true, 1, BodyKind::None), "500 Internal Server Error", ""),
    ];
    for (head, line, tail) in table {
        assert_eq!(head, format!("HTTP/1.1 {line}\r\n{DATE}{tail}\r\n"));
    }
}

#[test]
fn framing_headers_of_the_caller_are_left_out() {
    let own: &[(&str, &[u8])] = &[
        ("content-length", b"7"),
        ("Transfer-Encoding", b"gzip"),
        ("CONNECTION", b"upgrade"),
        ("Date", b"never"),
        ("Age", b"1"),
    ];
    let text = head(200, true, 1, own, BodyKind::Length(1));
    assert_eq!(text.matches("Content-Length").count(), 1);
    assert!(text.contains("Age: 1\r\n"));
    for word in ["gzip", "upgrade", "never", ": 7"] {
        assert!(!text.contains(word), "{word}");
    }
}

/// Days counted one by one from 1970.
fn naive_date(unix_seconds: u64) -> String {
    let (mut days, mut year) = (unix_seconds / 86_400, 1970);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let names = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(' ');
    let mut month = "";
    for (length, name) in lengths.into_iter().zip(names) {
        month = name;
        if days < length {
            break;
        }
        days -= length;
    }
    let second = unix_seconds % 86_400;
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {:02} {month} {year} {h:02}:{m:02}:{s:02} GMT", days + 1)
}

#[test]
fn every_day_of_eight_centuries() {
    let mut date = Date::new(0);
    for day in 0..292_200u64 {
        let seconds = day * 86_400 + day % 86_400;
        date.refresh(seconds);
        assert_eq!(date.as_bytes(), naive_date(seconds).as_bytes());
    }
    assert_eq!(Date::new(u64::MAX).as_bytes(), b"Fri, 31 Dec 9999 23:59:59 GMT");
}

#[test]
fn every_status_used_has_a_phrase() {
    for status in [100, 200, 201, 204, 301, 307, 400, 401, 403, 404, 405, 409, 412, 413, 414, 415]
        .into_iter()
        .chain([417, 431, 500, 501, 503, 505])
    {
        assert_ne!(reason(status), "Unknown", "{status}");
    }
    assert_eq!(reason(299), "Unknown");
}

proptest! {
    /// Whatever a handler passes, the reply has the headers it was meant to have and no others.
    #[test]
    fn nothing_can_be_smuggled_into_a_head(
        headers in vec((any::<String>(), vec(any::<u8>(), 0..20)), 0..5),
        status in any::<u16>(),
        keep_alive in any::<bool>(),
        minor in 0..2u8,
    ) {
        let named: Vec<(String, Vec<u8>)> =
            headers.into_iter().map(|(name, value)| (format!("x{name}"), value)).collect();
        let given: Vec<(&str, &[u8])> =
            named.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let mut out = Vec::new();
        let date = Date::new(NOW);
        write_head(&mut out, status, &date, keep_alive, minor, &given, BodyKind::Length(5));
        let lines = out.iter().filter(|&&b| b == b'\n').count();
        prop_assert_eq!(lines, given.len() + 4 + usize::from(!keep_alive || minor == 0));
        prop_assert!(out.ends_with(b"\r\n\r\n"));
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut reply = httparse::Response::new(&mut slots);
        prop_assert_eq!(reply.parse(&out), Ok(httparse::Status::Complete(out.len())));
    }

    /// What is written as chunks is what a reader of chunks joins.
    #[test]
    fn chunks_round_trip(pieces in vec(vec(any::<u8>(), 0..300), 0..8)) {
        let mut bytes = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in &pieces {
            write_chunk(&mut bytes, piece);
        }
        write_last_chunk(&mut bytes);
        let mut connection = Connection::new();
        connection.receive(&bytes);
        match connection.next(&Limits::default()) {
            Next::Request(request) => prop_assert_eq!(request.body, pieces.concat()),
            other => prop_assert!(false, "{:?}", other),
        }
        connection.advance();
        prop_assert!(connection.at_boundary());
    }
}

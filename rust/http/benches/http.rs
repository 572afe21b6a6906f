//! What one request costs: parsing it, reading its form, and writing the head of its reply.

use std::hint::black_box;

use coreos_http::{BodyKind, Connection, Date, Limits, Next, Pairs, write_head};
use criterion::{Criterion, criterion_group, criterion_main};

const PUT: &[u8] = b"PUT /v2/keys/registry/services/web-1?prevExist=true HTTP/1.1\r\n\
    Host: 127.0.0.1:4001\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 31\r\n\r\n\
    value=10.0.0.1%3A8080&ttl=60&x=";

fn request(c: &mut Criterion) {
    let limits = Limits::default();
    let mut connection = Connection::new();
    c.bench_function("receive, parse and drop a PUT", |b| {
        b.iter(|| {
            connection.receive(black_box(PUT));
            match connection.next(&limits) {
                Next::Request(request) => black_box(request.body.len()),
                other => panic!("{other:?}"),
            };
            connection.advance();
        });
    });
    connection.receive(PUT);
    let Next::Request(request) = connection.next(&limits) else { panic!("no request") };
    c.bench_function("look up two headers", |b| {
        b.iter(|| (black_box(&request).content_type(), black_box(&request).header("Origin")));
    });
    c.bench_function("read a form", |b| {
        b.iter(|| Pairs::new(black_box(request.body)).filter_map(Result::ok).count());
    });
}

fn reply(c: &mut Criterion) {
    let date = Date::new(784_887_151);
    let headers: [(&str, &[u8]); 5] = [
        ("Content-Type", b"application/json"),
        ("X-Etcd-Cluster-Id", b"cdf818194e3a8c32"),
        ("X-Etcd-Index", b"123456"),
        ("X-Raft-Index", b"234567"),
        ("X-Raft-Term", b"2"),
    ];
    let mut out = Vec::new();
    c.bench_function("write the head of a reply", |b| {
        b.iter(|| {
            out.clear();
            write_head(&mut out, 200, &date, true, 1, black_box(&headers), BodyKind::Length(96));
            black_box(out.len())
        });
    });
}

criterion_group!(benches, request, reply);
criterion_main!(benches);

//! Reply bytes: heads with etcd's headers, etcd errors, and plain refusals.

use coreos_http::{self as http, BodyKind, Date};
use coreos_store::{Code, Error};

use super::connection::Framing;
use crate::Context;

const JSON: &[u8] = b"application/json";
const TEXT: &[u8] = b"text/plain; charset=utf-8";

/// What every reply needs to know about this server.
pub(super) struct Identity {
    cluster_id_hex: String,
    pub date: Date,
    /// The heads of a successful /v2/keys reply up to the first index: 200 and 201.
    keys_heads: [Vec<u8>; 2],
}

/// The indexes that a successful reply carries.
#[derive(Clone, Copy)]
pub(super) struct Indexes {
    pub etcd_index: u64,
    pub raft_index: u64,
    pub term: u64,
}

impl Indexes {
    pub fn of(etcd_index: u64, context: &Context) -> Self {
        Self { etcd_index, raft_index: context.raft_index, term: context.term }
    }
}

impl Identity {
    /// What a member of this cluster says.
    pub fn new(cluster_id: u64, date: Date) -> Self {
        let cluster_id_hex = format!("{cluster_id:x}");
        let keys_heads = ["200 OK", "201 Created"].map(|status| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
                 X-Etcd-Cluster-Id: {cluster_id_hex}\r\nX-Etcd-Index: "
            )
            .into_bytes()
        });
        Self { cluster_id_hex, date, keys_heads }
    }

    /// The head of a successful /v2/keys reply (200 or 201).
    pub fn keys_head(
        &self,
        out: &mut Vec<u8>,
        framing: &Framing,
        status: u16,
        indexes: Indexes,
        body: BodyKind,
    ) {
        // Written on every reply: what does not change between them is laid out once.
        let mut number = itoa::Buffer::new();
        out.reserve(512);
        out.extend_from_slice(&self.keys_heads[usize::from(status == 201)]);
        out.extend_from_slice(number.format(indexes.etcd_index).as_bytes());
        out.extend_from_slice(b"\r\nX-Raft-Index: ");
        out.extend_from_slice(number.format(indexes.raft_index).as_bytes());
        out.extend_from_slice(b"\r\nX-Raft-Term: ");
        out.extend_from_slice(number.format(indexes.term).as_bytes());
        out.extend_from_slice(b"\r\n");
        let Framing { keep_alive, minor, cors, .. } = framing;
        if let Some(origin) = cors {
            http::write_headers(out, &cors_headers(origin));
        }
        http::write_end_of_head(out, &self.date, *keep_alive, *minor, body);
    }

    /// A whole /v2/keys reply with a body at hand.
    pub fn keys(
        &self,
        out: &mut Vec<u8>,
        framing: &Framing,
        status: u16,
        indexes: Indexes,
        body: &[u8],
    ) {
        self.keys_head(out, framing, status, indexes, BodyKind::Length(body.len()));
        if !framing.head_only {
            out.extend_from_slice(body);
        }
    }

    /// An etcd error object with its status. `oldest` adds the oldest servable index to a 401.
    pub fn error(&self, out: &mut Vec<u8>, framing: &Framing, error: &Error, oldest: Option<u64>) {
        let body = error.json();
        let (mut index, mut old) = (itoa::Buffer::new(), itoa::Buffer::new());
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("Content-Type", JSON),
            ("X-Etcd-Cluster-Id", self.cluster_id_hex.as_bytes()),
            ("X-Etcd-Index", index.format(error.index).as_bytes()),
        ];
        if let Some(oldest) = oldest {
            headers.push(("X-Etcd-Oldest-Index", old.format(oldest).as_bytes()));
        }
        self.head(out, framing, error.http_status(), &headers, BodyKind::Length(body.len()));
        if !framing.head_only {
            out.extend_from_slice(&body);
        }
    }

    /// A plain-text reply, as for 404 or a limit.
    pub fn text(&self, out: &mut Vec<u8>, framing: &Framing, status: u16, text: &str) {
        self.whole(out, framing, status, &[("Content-Type", TEXT)], text.as_bytes());
    }

    /// Any reply whose body is at hand.
    pub fn whole(
        &self,
        out: &mut Vec<u8>,
        framing: &Framing,
        status: u16,
        headers: &[(&str, &[u8])],
        body: &[u8],
    ) {
        let kind = if status == 204 || status == 304 {
            BodyKind::None
        } else {
            BodyKind::Length(body.len())
        };
        self.head(out, framing, status, headers, kind);
        if !framing.head_only && !matches!(kind, BodyKind::None) {
            out.extend_from_slice(body);
        }
    }

    fn head(
        &self,
        out: &mut Vec<u8>,
        framing: &Framing,
        status: u16,
        headers: &[(&str, &[u8])],
        body: BodyKind,
    ) {
        let Framing { keep_alive, minor, cors, .. } = framing;
        match cors {
            None => http::write_head(out, status, &self.date, *keep_alive, *minor, headers, body),
            Some(origin) => {
                let mut all = cors_headers(origin).to_vec();
                all.extend_from_slice(headers);
                http::write_head(out, status, &self.date, *keep_alive, *minor, &all, body);
            }
        }
    }
}

fn cors_headers(origin: &[u8]) -> [(&'static str, &[u8]); 3] {
    [
        ("Access-Control-Allow-Headers", b"accept, content-type, authorization"),
        ("Access-Control-Allow-Methods", b"POST, GET, OPTIONS, PUT, DELETE"),
        ("Access-Control-Allow-Origin", origin),
    ]
}

/// Error 300: the outcome of a proposal is not known, or it could not be made.
pub(super) fn raft_error(cause: &str) -> Error {
    Error::new(Code::RaftInternal, cause.as_bytes().to_vec(), 0)
}

//! How a link begins: `docs/formats.md`, section 6.

use coreos_http::{Method, Request};
use coreos_wal::SnapshotMeta;

use super::inbox::PeerVersions;

/// What links speak after their hello.
pub(super) const PROTOCOL: &str = "coreos-peer/1";
const PATH: &str = "/coreos/peer/";

const CLUSTER: &str = "X-Coreos-Cluster-Id";
const FROM: &str = "X-Coreos-From";
const TO: &str = "X-Coreos-To";
const PROGRAM: &str = "X-Coreos-Version";
const SPEAKS: &str = "X-Coreos-Speaks";
const SNAPSHOT: &str = "X-Coreos-Snapshot";
const HAVE: &str = "X-Coreos-Have";

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Bulk,
    Fast,
    Snapshot(SnapshotMeta),
}

/// What the one who calls says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub cluster_id: u64,
    pub from: u64,
    pub to: u64,
    pub versions: PeerVersions,
    pub purpose: Purpose,
}

/// What the one who was called answers, if it agrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Welcome {
    pub cluster_id: u64,
    pub member_id: u64,
    pub versions: PeerVersions,
    /// Of the announced snapshot, so many bytes are here already.
    pub have: u64,
}

/// And if not: an HTTP status, and the reason in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub why: String,
}

impl Refusal {
    pub fn new(status: u16, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Fast => "fast",
            Self::Snapshot(_) => "snapshot",
        }
    }
}

/// Whether this path is one of links.
pub(super) fn is_link(path: &[u8]) -> bool {
    path.starts_with(PATH.as_bytes())
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

impl Hello {
    /// The request. `host` is whom it is sent to.
    pub fn request(&self, host: &str) -> String {
        let Self { cluster_id, from, to, versions, purpose } = self;
        let PeerVersions { program, speaks } = versions;
        let mut text = format!(
            "GET {PATH}{} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n\
             {CLUSTER}: {cluster_id:x}\r\n{FROM}: {from:x}\r\n{TO}: {to:x}\r\n\
             {PROGRAM}: {program}\r\n{SPEAKS}: {speaks}\r\n",
            purpose.name()
        );
        if let Purpose::Snapshot(SnapshotMeta { term, index, cluster_time_ns }) = purpose {
            text += &format!("{SNAPSHOT}: {term:x} {index:x} {cluster_time_ns:x}\r\n");
        }
        text + "\r\n"
    }

    /// # Errors
    /// 404 no such link, 405 not GET, 426 another protocol, 400 something is missing.
    pub fn parse(request: &Request<'_>) -> Result<Self, Refusal> {
        let text = |name| request.header(name).and_then(|value| std::str::from_utf8(value).ok());
        let name = request.path.get(PATH.len()..).unwrap_or_default();
        if !matches!(name, b"bulk" | b"fast" | b"snapshot") {
            return Err(Refusal::new(404, "there is no such link"));
        }
        if request.method != Method::Get {
            return Err(Refusal::new(405, "a link begins with GET"));
        }
        let upgrade = text("Upgrade").unwrap_or_default();
        if upgrade != PROTOCOL {
            let why = format!("links speak {PROTOCOL} here, and {upgrade:?} was asked for");
            return Err(Refusal::new(426, why));
        }
        let missing =
            |name| Refusal::new(400, format!("the header {name} is missing or malformed"));
        let number = |name| text(name).and_then(hex).ok_or_else(|| missing(name));
        let version = |name| text(name).map(str::to_owned).ok_or_else(|| missing(name));
        let purpose = match name {
            b"bulk" => Purpose::Bulk,
            b"fast" => Purpose::Fast,
            _ => Purpose::Snapshot(
                text(SNAPSHOT).and_then(snapshot).ok_or_else(|| missing(SNAPSHOT))?,
            ),
        };
        Ok(Self {
            cluster_id: number(CLUSTER)?,
            from: number(FROM)?,
            to: number(TO)?,
            versions: PeerVersions { program: version(PROGRAM)?, speaks: version(SPEAKS)? },
            purpose,
        })
    }
}

fn snapshot(text: &str) -> Option<SnapshotMeta> {
    let numbers: Vec<u64> = text.split(' ').map(hex).collect::<Option<_>>()?;
    let [term, index, cluster_time_ns] = numbers[..] else { return None };
    Some(SnapshotMeta { term, index, cluster_time_ns })
}

impl Welcome {
    /// The reply.
    pub fn response(&self) -> String {
        let Self { cluster_id, member_id, versions, have } = self;
        let PeerVersions { program, speaks } = versions;
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n\
             {CLUSTER}: {cluster_id:x}\r\n{FROM}: {member_id:x}\r\n\
             {PROGRAM}: {program}\r\n{SPEAKS}: {speaks}\r\n{HAVE}: {have}\r\n\r\n"
        )
    }

    /// From a reply's head, without the blank line; the status was 101.
    pub fn parse(head: &str) -> Option<Self> {
        let header = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        Some(Self {
            cluster_id: hex(header(CLUSTER)?)?,
            member_id: hex(header(FROM)?)?,
            versions: PeerVersions {
                program: header(PROGRAM)?.to_owned(),
                speaks: header(SPEAKS)?.to_owned(),
            },
            have: header(HAVE)?.parse().ok()?,
        })
    }
}

//! Replies to tools that ask the peer port.

use coreos_http::{Method, Request, reason};
use coreos_store::MemberInfo;

use super::hello::{PROTOCOL, Refusal};
use super::shared::Shared;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// A whole reply, which ends its connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    fn with(status: u16, kind: &str, body: impl Into<String>) -> Self {
        Self { status, headers: vec![("Content-Type", kind.to_owned())], body: body.into() }
    }

    fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let Self { status, headers, body } = self;
        let mut text = format!("HTTP/1.1 {status} {}\r\n", reason(*status));
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        text.into_bytes()
    }
}

/// Why there is no link.
pub(super) fn refusal(refusal: &Refusal) -> Answer {
    let Refusal { status, why } = refusal;
    let answer = Answer::with(*status, TEXT, format!("{why}\n"));
    match status {
        405 => answer.and("Allow", "GET"),
        426 => answer.and("Upgrade", PROTOCOL),
        _ => answer,
    }
}

/// The reply to anything else.
pub(super) fn answer(shared: &Shared, request: &Request<'_>) -> Answer {
    let is_get = request.method == Method::Get;
    match request.path {
        b"/members" if is_get => {
            let body = members(&shared.inbox.members());
            Answer::with(200, JSON, body)
                .and("X-Etcd-Cluster-Id", format!("{:x}", shared.cluster_id))
        }
        b"/version" if is_get => Answer::with(200, JSON, version(shared)),
        b"/members" | b"/version" => {
            let headers = vec![("Allow", "GET".to_owned()), ("Content-Type", TEXT.to_owned())];
            Answer { status: 405, headers, body: "Method Not Allowed\n".into() }
        }
        _ => Answer::with(404, TEXT, "404 page not found\n"),
    }
}

/// As etcd's peers show them: ids are numbers here.
fn members(members: &[MemberInfo]) -> String {
    let member = |member: &MemberInfo| {
        format!(
            "{{\"id\":{},\"peerURLs\":{},\"name\":{},\"clientURLs\":{}}}",
            member.id,
            list(&member.peer_urls),
            string(&member.name),
            list(&member.client_urls)
        )
    };
    let all: Vec<String> = members.iter().map(member).collect();
    format!("[{}]\n", all.join(","))
}

fn version(shared: &Shared) -> String {
    let texts = &shared.texts;
    let is_decided = shared.inbox.cluster_version().is_some_and(|text| !text.is_empty());
    let cluster = if is_decided { texts.cluster.as_str() } else { "not_decided" };
    let mut text =
        format!("{{\"etcdserver\":{},\"etcdcluster\":{}", string(&texts.server), string(cluster));
    if let Some(program) = &texts.program {
        text += &format!(",\"coreos_py\":{}", string(program));
    }
    text + "}"
}

fn list(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|text| string(text)).collect();
    format!("[{}]", all.join(","))
}

/// A JSON string, spelled as Go's encoder does.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '&' | '<' | '>' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", letter as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_spelled_as_go_does() {
        assert_eq!(
            string("a\"\\\n<&>\u{1}\u{2028}ä\u{7f}"),
            "\"a\\\"\\\\\\n\\u003c\\u0026\\u003e\\u0001\\u2028ä\u{7f}\""
        );
    }
}

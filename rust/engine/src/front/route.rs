//! What a parsed request is: one of the key space, one for Python, or one to refuse.

use coreos_http::{Method, Request, percent_decode};

use super::OutboundRequest;
use super::call::{Call, Refusal, key_part, understand};
use super::config::FrontConfig;

/// Body that a Python handler may be given; none of them has a use for more, and big ones would keep all others
/// waiting.
pub(super) const PYTHON_BODY_BYTES_MAX: usize = 64 << 10;

/// What a parsed request comes to, owning what it needs.
pub(super) enum Action {
    Call {
        call: Call,
        /// Asked for with or without a meaning; permissions look at it.
        recursive: bool,
    },
    Refuse(Refusal),
    Options,
    Forbidden,
    /// A body of this many bytes for a Python handler.
    TooLarge(usize),
    Python(Box<OutboundRequest>),
}

/// Decide what a request is, before the parser's buffer is needed again.
pub(super) fn route(
    request: &Request<'_>,
    config: &FrontConfig,
    now_ns: u64,
    remote: &str,
) -> Action {
    if !config.host_allowed(request.host().unwrap_or(b"")) {
        return Action::Forbidden;
    }
    if matches!(request.method, Method::Options) {
        return Action::Options;
    }
    let is_key = percent_decode(request.path, false)
        .map_or_else(|_| key_part(request.path).is_some(), |path| key_part(&path).is_some());
    if is_key {
        return match understand(request, config, now_ns) {
            Ok((call, recursive)) => Action::Call { call, recursive },
            Err(refusal) => Action::Refuse(refusal),
        };
    }
    if request.body.len() > PYTHON_BODY_BYTES_MAX {
        return Action::TooLarge(request.body.len());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Action::Python(Box::new(OutboundRequest {
        ticket: 0,
        method: text(request.method.as_bytes()),
        path: text(request.path),
        query: text(request.query),
        headers: request
            .headers()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
            .map(|(name, value)| (name.to_owned(), text(value)))
            .collect(),
        body: request.body.to_vec(),
        remote: remote.to_owned(),
        user: None,
        is_root: false,
    }))
}

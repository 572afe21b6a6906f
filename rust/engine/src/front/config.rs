//! What the daemon may set on its HTTP front.

use coreos_http::Limits;

/// Limits and rules of the client port. Every limit is named in the refusal that it causes.
#[derive(Clone, Debug)]
pub struct FrontConfig {
    /// Request line and headers together, in bytes.
    pub max_head_bytes: usize,
    /// Body of one request, in bytes.
    pub max_body_bytes: usize,
    /// Key path after decoding, in bytes.
    pub max_key_bytes: usize,
    /// Open connections; 0 = no limit but the process's descriptors.
    pub max_connections: usize,
    /// An unused connection is closed after this; watches are spared.
    pub idle_timeout_ms: u64,
    /// A write that is not durable by then is answered with error 300 (outcome unknown).
    pub request_timeout_ms: u64,
    /// A request that has begun must have arrived by then.
    pub head_timeout_ms: u64,
    /// Allowed origins (`*` = any); empty = no CORS headers.
    pub cors: Vec<String>,
    /// Accepted values of the Host header (without port); empty or `*` = any.
    pub hosts: Vec<String>,
    /// Besides those, accept hosts that nobody can point at this machine by DNS: addresses and names without a dot.
    pub plain_hosts: bool,
    /// `--compat upstream`: the wire-visible flaws of etcd 2.3 on purpose.
    pub upstream: bool,
}

impl Default for FrontConfig {
    fn default() -> Self {
        Self {
            max_head_bytes: 1 << 20,
            max_body_bytes: 10 << 20,
            max_key_bytes: 64 << 10,
            max_connections: 0,
            idle_timeout_ms: 300_000,
            request_timeout_ms: 7_000,
            head_timeout_ms: 60_000,
            cors: Vec::new(),
            hosts: Vec::new(),
            plain_hosts: false,
            upstream: false,
        }
    }
}

impl FrontConfig {
    pub(super) fn http_limits(&self) -> Limits {
        Limits {
            head_bytes: self.max_head_bytes,
            body_bytes: self.max_body_bytes,
            target_bytes: self.max_head_bytes,
            headers: 128,
        }
    }

    /// Whether a Host header value may be served (guards against DNS rebinding).
    pub(super) fn host_allowed(&self, host: &[u8]) -> bool {
        if self.hosts.is_empty() || self.hosts.iter().any(|h| h == "*") {
            return true;
        }
        let name = strip_port(host);
        if self.plain_hosts && is_plain(name) {
            return true;
        }
        self.hosts.iter().any(|h| h.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The value of Access-Control-Allow-Origin for this origin, if it is allowed.
    pub(super) fn cors_origin<'a>(
        &self,
        origin: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Option<Box<[u8]>> {
        if self.cors.is_empty() {
            return None;
        }
        if self.cors.iter().any(|c| c == "*") {
            return Some(Box::from(&b"*"[..]));
        }
        let origin = origin()?;
        self.cors.iter().any(|c| c.as_bytes() == origin).then(|| Box::from(origin))
    }
}

/// A page can have its own name resolved to this machine, but not one of these.
fn is_plain(name: &[u8]) -> bool {
    let is_address =
        std::str::from_utf8(name).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok());
    is_address || !name.contains(&b'.')
}

fn strip_port(host: &[u8]) -> &[u8] {
    if host.first() == Some(&b'[') {
        return match host.iter().position(|&b| b == b']') {
            Some(end) => &host[1..end],
            None => host,
        };
    }
    match host.iter().rposition(|&b| b == b':') {
        Some(colon) => &host[..colon],
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_list_is_checked_without_the_port() {
        let config =
            FrontConfig { hosts: vec!["localhost".into(), "::1".into()], ..Default::default() };
        assert!(config.host_allowed(b"localhost:2379"));
        assert!(config.host_allowed(b"LOCALHOST"));
        assert!(config.host_allowed(b"[::1]:2379"));
        assert!(!config.host_allowed(b"evil.example:2379"));
        assert!(FrontConfig::default().host_allowed(b"evil.example"));
    }

    #[test]
    fn plain_hosts_are_those_that_dns_cannot_rebind() {
        let hosts = vec!["here.example".into()];
        let config = FrontConfig { hosts, plain_hosts: true, ..FrontConfig::default() };
        for host in ["10.1.2.3:2379", "[fe80::1]:2379", "etcd", "etcd:2379", "here.example", ""] {
            assert!(config.host_allowed(host.as_bytes()), "{host}");
        }
        for host in ["evil.example", "10.1.2.3.evil.example:2379", "1.2.3.4.5", "evil."] {
            assert!(!config.host_allowed(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn cors_names_the_origin_only_when_allowed() {
        let config = FrontConfig { cors: vec!["http://a".into()], ..Default::default() };
        assert_eq!(config.cors_origin(|| Some(b"http://a")).as_deref(), Some(&b"http://a"[..]));
        assert_eq!(config.cors_origin(|| Some(b"http://b")), None);
        assert_eq!(FrontConfig::default().cors_origin(|| Some(b"http://a")), None);
    }
}

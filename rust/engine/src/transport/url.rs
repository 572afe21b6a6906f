//! Where a peer is.

/// The parts of a peer URL: `http://host:port` or `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PeerUrl {
    pub has_tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl PeerUrl {
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("{text:?} is no peer URL: {why}");
        let (has_tls, rest) = if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else {
            return Err(bad("it has to begin with http:// or https://"));
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) =
            authority.rsplit_once(':').ok_or_else(|| bad("it has to name a port"))?;
        let port = port.parse().map_err(|_| bad("its port is no number up to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(address) => address,
            None if host.contains(':') => return Err(bad("an IPv6 address needs brackets")),
            None => host,
        };
        if host.is_empty() || host.contains(['/', '?', '#', '@', '[', ']']) {
            return Err(bad("it has no host"));
        }
        Ok(Self { has_tls, host: host.to_owned(), port })
    }

    /// For the Host header.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl std::fmt::Display for PeerUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.has_tls { "https" } else { "http" };
        write!(out, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_what_is_none() {
        for (text, has_tls, host, port) in [
            ("http://10.0.0.1:2380", false, "10.0.0.1", 2380),
            ("https://m1.example:7001/", true, "m1.example", 7001),
            ("http://[::1]:1", false, "::1", 1),
        ] {
            let url = PeerUrl::parse(text).expect(text);
            assert_eq!(url, PeerUrl { has_tls, host: host.into(), port });
            assert_eq!(url.to_string(), text.strip_suffix('/').unwrap_or(text));
        }
        for text in [
            "",
            "m1:2380",
            "ftp://a:1",
            "http://a",
            "http://:1",
            "http://a:99999",
            "http://::1:5",
            "http://a:1/b",
            "http://u@a:1",
        ] {
            assert!(PeerUrl::parse(text).is_err(), "{text}");
        }
    }
}

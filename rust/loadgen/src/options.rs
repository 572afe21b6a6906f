//! Command line of the generator.

use std::net::SocketAddr;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Write keys.
    Put,
    /// Read one key after another.
    Get,
    /// Hold many long polls on one key and time one change.
    Watch,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Options {
    /// See [`Mode`].
    pub mode: Mode,
    /// The server; a loopback address, nothing else is accepted.
    pub address: SocketAddr,
    /// Concurrent connections (or watchers).
    pub connections: usize,
    /// How long to run, in seconds (unless `requests` is reached before).
    pub seconds: f64,
    /// Stop after this many requests; 0 = by time only.
    pub requests: u64,
    /// Distinct keys.
    pub keys: u64,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Directory of the keys.
    pub prefix: String,
    /// TTL of written keys in seconds; 0 = none.
    pub ttl_seconds: u64,
    /// Visit the keys in order (for loading) instead of at random.
    pub sequential: bool,
    /// GET with quorum=true.
    pub quorum: bool,
}

/// Shown after a mistake.
pub const USAGE: &str = "usage: loadgen put|get|watch --address 127.0.0.1:PORT [--connections N] [--seconds S] \
[--requests N] [--keys N] [--value-bytes N] [--prefix /dir] [--ttl S] [--sequential] [--quorum]";

impl Options {
    /// Parse; the message says what was wrong.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mode = match words.next().as_deref() {
            Some("put") => Mode::Put,
            Some("get") => Mode::Get,
            Some("watch") => Mode::Watch,
            other => return Err(format!("unknown mode {other:?}")),
        };
        let mut options = Options {
            mode,
            address: SocketAddr::from(([127, 0, 0, 1], 2379)),
            connections: 64,
            seconds: 5.0,
            requests: 0,
            keys: 10_000,
            value_bytes: 64,
            prefix: "/bench".into(),
            ttl_seconds: 0,
            sequential: false,
            quorum: false,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--sequential" => options.sequential = true,
                "--quorum" => options.quorum = true,
                _ => {
                    let value = words.next().ok_or(format!("{word} needs a value"))?;
                    options.set(&word, &value)?;
                }
            }
        }
        if !options.address.ip().is_loopback() {
            return Err(format!("{} is not a loopback address", options.address));
        }
        if options.connections == 0 || options.keys == 0 {
            return Err("--connections and --keys must be at least 1".into());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
            value.parse().map_err(|_| format!("{name} {value}: not a valid value"))
        }
        match name {
            "--address" => self.address = number(name, value)?,
            "--connections" => self.connections = number(name, value)?,
            "--seconds" => self.seconds = number(name, value)?,
            "--requests" => self.requests = number(name, value)?,
            "--keys" => self.keys = number(name, value)?,
            "--value-bytes" => self.value_bytes = number(name, value)?,
            "--ttl" => self.ttl_seconds = number(name, value)?,
            "--prefix" => self.prefix = value.to_owned(),
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}

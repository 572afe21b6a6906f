//! Whose data directory it is.

use std::path::Path;

use crate::disk::{Disk, read_full};
use crate::error::{ErrorKind, WalError, io_error};
use crate::sealed_text::{seal, unseal};

const PREFIX: &str = "coreos-etcd ";
const VERSION: u32 = 1;
/// More than any identity that we write; a longer file is something else.
const BYTES_MAX: usize = 64 << 10;

/// What `member/identity` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Id of the cluster.
    pub cluster_id: u64,
    /// Id of the member in it.
    pub member_id: u64,
    /// The cluster's token, from which its id was made.
    pub token: String,
    /// The member's name when it was created.
    pub name: String,
}

impl Identity {
    /// The text of the file.
    pub(crate) fn encode(&self) -> Result<String, WalError> {
        for (field, value) in [("token", &self.token), ("name", &self.name)] {
            if value.contains(['\n', '\r']) || value.len() > 4096 {
                return Err(WalError::new(
                    ErrorKind::Config,
                    format!("the {field} must be one line of at most 4096 bytes"),
                ));
            }
        }
        Ok(seal(format!(
            "{PREFIX}{VERSION}\ncluster {:x}\nmember {:x}\ntoken {}\nname {}\n",
            self.cluster_id, self.member_id, self.token, self.name
        )))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Identity, BadIdentity> {
        let text = str::from_utf8(bytes).map_err(|_| BadIdentity::Damaged)?;
        let first = text.lines().next().unwrap_or_default();
        let version = first.strip_prefix(PREFIX).ok_or(BadIdentity::Damaged)?;
        match version.parse::<u32>() {
            Ok(VERSION) => {}
            Ok(newer) if newer > VERSION => return Err(BadIdentity::Newer(newer)),
            _ => return Err(BadIdentity::Damaged),
        }
        Self::decode_lines(text).ok_or(BadIdentity::Damaged)
    }

    fn decode_lines(text: &str) -> Option<Identity> {
        let mut lines = unseal(text)?.lines().skip(1);
        let mut field = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        let identity = Identity {
            cluster_id: u64::from_str_radix(field("cluster")?, 16).ok()?,
            member_id: u64::from_str_radix(field("member")?, 16).ok()?,
            token: field("token")?.to_owned(),
            name: field("name")?.to_owned(),
        };
        lines.next().is_none().then_some(identity)
    }

    /// Read the file `path`.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Identity, WalError> {
        let doing = "read";
        let file = disk.open(path, false).map_err(io_error(doing, path))?;
        let mut bytes = vec![0; BYTES_MAX];
        let count = read_full(file.as_ref(), &mut bytes, 0).map_err(io_error(doing, path))?;
        Identity::decode(&bytes[..count]).map_err(|bad| match bad {
            BadIdentity::Newer(version) => WalError::new(
                ErrorKind::Newer,
                format!(
                    "{} is written by a newer version (format {version}, this one knows \
                     {VERSION}): start that version again",
                    path.display()
                ),
            ),
            BadIdentity::Damaged => WalError::new(
                ErrorKind::Damaged,
                format!(
                    "{} is damaged, so that nobody knows whose data this is: restore this small \
                     file, or the data directory, from a backup",
                    path.display()
                ),
            ),
        })
    }
}

/// Why an identity cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadIdentity {
    Damaged,
    Newer(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            cluster_id: 0xcdf8_1819_4e3a_8c32,
            member_id: u64::MAX,
            token: "etcd cluster".into(),
            name: String::new(),
        }
    }

    #[test]
    fn round_trip_and_every_flipped_bit() {
        let text = identity().encode().unwrap();
        assert_eq!(Identity::decode(text.as_bytes()), Ok(identity()));
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Identity::decode(&bytes).is_err(), "bit {bit}");
        }
        for len in 0..text.len() {
            assert!(Identity::decode(&text.as_bytes()[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn newer_and_unwritable() {
        assert_eq!(Identity::decode(b"coreos-etcd 2\nwhat\n"), Err(BadIdentity::Newer(2)));
        let two_lines = Identity { name: "a\nmember 1".into(), ..identity() };
        assert_eq!(two_lines.encode().unwrap_err().kind, ErrorKind::Config);
    }
}

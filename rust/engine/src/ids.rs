//! Ids of members and clusters, computed as etcd does (etcd-v2 section 5.2), so that tools that know one from its
//! flags know ours.

use sha1::{Digest, Sha1};

/// First eight bytes, big-endian, of SHA-1 over the sorted peer URLs and the token.
#[must_use]
pub fn member_id(peer_urls: &[String], token: &str) -> u64 {
    let mut sorted: Vec<&String> = peer_urls.iter().collect();
    sorted.sort();
    let mut hash = Sha1::new();
    for url in sorted {
        hash.update(url.as_bytes());
    }
    hash.update(token.as_bytes());
    first_eight(&hash.finalize())
}

/// First eight bytes, big-endian, of SHA-1 over the ascending member ids.
#[must_use]
pub fn cluster_id(member_ids: &[u64]) -> u64 {
    let mut sorted = member_ids.to_vec();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for id in sorted {
        hash.update(id.to_be_bytes());
    }
    first_eight(&hash.finalize())
}

/// The id of a member that is added at run time, at `unix_seconds`: the same with the time in place of a token, so that
/// one that comes back at the same URLs is another.
#[must_use]
pub fn new_member_id(peer_urls: &[String], unix_seconds: u64) -> u64 {
    member_id(peer_urls, &unix_seconds.to_string())
}

fn first_eight(hash: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids that etcd 3.4.23 printed for these flags.
    #[test]
    fn ids_are_those_of_etcd() {
        let urls = ["http://localhost:2380".to_owned()];
        assert_eq!(format!("{:x}", member_id(&urls, "etcd-cluster")), "8e9e05c52164694d");
        assert_eq!(format!("{:x}", cluster_id(&[0x8e9e_05c5_2164_694d])), "cdf818194e3a8c32");
    }

    #[test]
    fn the_order_of_urls_does_not_matter() {
        let urls = ["http://b:1".to_owned(), "http://a:1".to_owned()];
        let swapped = [urls[1].clone(), urls[0].clone()];
        assert_eq!(member_id(&urls, "t"), member_id(&swapped, "t"));
        assert_ne!(member_id(&urls, "t"), member_id(&urls, "u"));
    }
}

//! Which version the cluster speaks, and what may be proposed in it (`docs/formats.md`, section 1, "Gate").

use coreos_store::Body;

/// The newest version that brought a kind or a field of a command.
pub const NEWEST: &str = "0.2.0";
/// The oldest one: what a cluster speaks as long as not all of its members are known.
pub const OLDEST: &str = "0.1.0";
/// What 0.1 wrote.
const WRITTEN_BY_01: &str = "2.3.0";

/// The version that a cluster with this text speaks; the oldest there is without one.
fn spoken(text: Option<&str>) -> [u64; 3] {
    let mut version = [0, 1, 0];
    let Some(text) = text.filter(|text| *text != WRITTEN_BY_01) else { return version };
    let numbers: Vec<u64> = text.split('.').map_while(|part| part.parse().ok()).collect();
    if let Ok(numbers) = <[u64; 3]>::try_from(numbers) {
        version = version.max(numbers);
    }
    version
}

/// Whether a cluster or a member of version `text` speaks less than one of `other`.
pub(crate) fn is_less(text: &str, other: &str) -> bool {
    spoken(Some(text)) < spoken(Some(other))
}

/// The version that the cluster would have to speak for this command to be proposed, if it speaks less.
pub(crate) fn needs(body: &Body, text: Option<&str>) -> Option<&'static str> {
    let since = match body {
        Body::Auth(_) => "0.2.0",
        Body::Noop
        | Body::Write(_)
        | Body::Expire
        | Body::Clock { .. }
        | Body::AddMember { .. }
        | Body::RemoveMember { .. }
        | Body::UpdateMember { .. }
        | Body::Publish { .. }
        | Body::ClusterVersion { .. }
        | Body::PromoteMember { .. } => return None,
    };
    (spoken(text) < spoken(Some(since))).then_some(since)
}

#[cfg(test)]
mod tests {
    use coreos_store::AuthChange;

    use super::*;

    #[test]
    fn a_new_kind_waits_for_the_cluster() {
        let auth = Body::Auth(AuthChange::Switch { on: false });
        for text in [None, Some("0.1.0"), Some("0.1.9"), Some("2.3.0"), Some("x"), Some("1.0")] {
            assert_eq!(needs(&auth, text), Some("0.2.0"), "{text:?}");
            assert!(text.is_none_or(|text| is_less(text, NEWEST)), "{text:?}");
            assert_eq!(needs(&Body::Expire, text), None, "{text:?}");
        }
        for text in ["0.2.0", "0.2.1", "0.10.0", "1.0.0", "2.3.1"] {
            assert_eq!(needs(&auth, Some(text)), None, "{text}");
            assert!(!is_less(text, NEWEST), "{text}");
        }
    }
}

//! Which version the cluster speaks, and what may be proposed in it (`docs/formats.md`, section 1, "Gate").

use coreos_store::{Body, Command};

use crate::error::{EngineError, ErrorKind};

/// The newest version that brought a kind or a field of a command.
pub const NEWEST: &str = if cfg!(feature = "older") { OLDEST } else { "0.2.0" };
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

/// Whether a member that speaks `speaks` can take part in a cluster that speaks `text`.
///
/// # Errors
/// It would meet commands that it does not know.
pub(crate) fn must_speak(speaks: &str, text: Option<&str>) -> Result<(), EngineError> {
    match text.filter(|text| is_less(speaks, text)) {
        Some(text) => Err(EngineError::new(
            ErrorKind::Newer,
            format!(
                "the cluster speaks version {text}, and this program only {speaks}: run version {text} or a newer one"
            ),
        )),
        None => Ok(()),
    }
}

/// Whether a member that speaks `speaks` may apply entry `index`, which is this command.
///
/// # Errors
/// It is of a newer version, or begins one.
pub(crate) fn must_know(speaks: &str, index: u64, command: &Command) -> Result<(), EngineError> {
    if let Body::ClusterVersion { text, .. } = &command.body {
        return must_speak(speaks, Some(text));
    }
    match needs(&command.body, Some(speaks)) {
        Some(since) => Err(EngineError::new(
            ErrorKind::Newer,
            format!(
                "entry {index} was written by a newer version: run version {since} or a newer one"
            ),
        )),
        None => Ok(()),
    }
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
    use coreos_store::{AuthChange, RequestId};

    use super::*;

    fn command(body: Body) -> Command {
        Command { request: RequestId::default(), time_ns: 1, body }
    }

    fn version(text: &str) -> Command {
        let (text, shows_machine_keys) = (text.to_owned(), false);
        command(Body::ClusterVersion { text, shows_machine_keys })
    }

    #[test]
    fn an_older_member_applies_nothing_newer() {
        let auth = command(Body::Auth(AuthChange::Switch { on: false }));
        for newer in [&auth, &version("0.2.0"), &version("0.1.1")] {
            let error = must_know(OLDEST, 7, newer).expect_err("newer");
            assert_eq!(error.kind, ErrorKind::Newer);
            assert!(error.message.contains("run version"), "{error}");
        }
        for known in [&command(Body::Noop), &version("0.1.0"), &version("2.3.0")] {
            assert!(must_know(OLDEST, 7, known).is_ok(), "{known:?}");
        }
        for known in [&auth, &version("0.2.0")] {
            assert!(must_know(NEWEST, 7, known).is_ok(), "{known:?}");
        }
        assert!(must_speak(OLDEST, None).is_ok());
    }

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

//! How large the requests may be, all together, that wait for a password's check.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use coreos_store::{Page, ReadSpec};

use super::super::call::Call;
use super::super::route::Action;
use super::{Asking, Claim};

/// As much as may be on its way to the log.
pub(super) const BYTES_MAX: usize = 64 << 20;

/// The room that there is for all.
#[derive(Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// The share of one of them; it is free again when this goes.
pub(super) struct Share {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    /// A share of so many bytes, if there is one.
    pub fn take(&self, bytes: usize) -> Option<Share> {
        // Only the front's thread takes and frees, so nobody comes in between.
        if self.0.load(Ordering::Relaxed).saturating_add(bytes) > BYTES_MAX {
            return None;
        }
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Some(Share { taken: self.0.clone(), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a request takes while it waits: everything that its sender chooses the length of.
pub(super) fn bytes_of(action: &Action, asking: &Asking) -> usize {
    let claim = match &asking.claim {
        // With the password that has been decoded from it.
        Claim::Header(value) => 2 * value.len(),
        Claim::Certificate(name) => name.len(),
        Claim::Nothing | Claim::Excessive => 0,
    };
    let call = match action {
        Action::Call { call: Call::Write { write, .. }, .. } => {
            write.path.len() + write.value.len() + write.prev_value.as_ref().map_or(0, Vec::len)
        }
        Action::Call { call: Call::Get { path, spec: ReadSpec { page, .. }, .. }, .. } => {
            path.len() + page.as_ref().map_or(0, |Page { after, .. }| after.len())
        }
        Action::Call { call: Call::Watch { spec, .. }, .. } => spec.path.len(),
        Action::Python(request) => {
            let headers = request.headers.iter().map(|(name, value)| name.len() + value.len());
            let line = request.method.len() + request.path.len() + request.query.len();
            line + headers.sum::<usize>() + request.body.len()
        }
        // Answered without asking who it is.
        Action::Refuse(_) | Action::Options | Action::Forbidden | Action::TooLarge(_) => 0,
    };
    claim + asking.access.as_ref().map_or(0, |access| access.path.len()) + call
}

#[cfg(test)]
mod tests {
    use coreos_store::{Op, WatchSpec, Write};

    use super::super::access::Access;
    use super::*;
    use crate::front::OutboundRequest;

    #[test]
    fn what_is_full_has_room_again_when_somebody_leaves() {
        let room = Room::default();
        let half = room.take(BYTES_MAX / 2).expect("room");
        let rest = room.take(BYTES_MAX / 2).expect("room");
        assert!(room.take(1).is_none());
        drop(half);
        assert!(room.take(BYTES_MAX / 2 + 1).is_none());
        let again = room.take(BYTES_MAX / 2).expect("room");
        drop((rest, again));
        assert!(room.take(BYTES_MAX).is_some());
    }

    fn asking(claim: Claim, path: &[u8]) -> Asking {
        let access = Access { path: path.into(), recursive: false, writes: false };
        Asking { claim, access: Some(access) }
    }

    #[test]
    fn all_that_a_sender_may_make_long_is_counted() {
        let nothing = || Asking { claim: Claim::Nothing, access: None };
        let call = |call| Action::Call { call, recursive: false };
        let path = || b"/path".to_vec();
        let watch = WatchSpec { path: path(), recursive: true, stream: true, wait_index: 0 };
        let watch = call(Call::Watch { spec: watch, progress_s: None, quorum: false });
        let page = Some(Page { after: b"/path/a".to_vec(), limit: 1 });
        let spec = ReadSpec { page, ..ReadSpec::default() };
        let get = call(Call::Get { path: path(), spec, quorum: false });
        let write = Write {
            value: b"value".to_vec(),
            prev_value: Some(b"prev".to_vec()),
            ..Write::new(Op::Set, path())
        };
        let write = call(Call::Write { write, no_value: false });
        let python = Action::Python(Box::new(OutboundRequest {
            ticket: 0,
            method: "PUT".into(),
            path: "/path".into(),
            query: "query".into(),
            headers: vec![("name".into(), "value".into())],
            body: b"body".to_vec(),
            remote: "here".into(),
            user: None,
            is_root: false,
        }));
        for (action, bytes) in [(watch, 5), (get, 12), (write, 14), (python, 26)] {
            assert_eq!(bytes_of(&action, &nothing()), bytes);
            let header = Claim::Header(b"Basic YWw6cGE="[..].into());
            assert_eq!(bytes_of(&action, &asking(header, b"/path")), bytes + 2 * 14 + 5);
        }
        let certificate = Claim::Certificate("al".into());
        assert_eq!(bytes_of(&Action::Options, &asking(certificate, b"/path")), 7);
    }
}

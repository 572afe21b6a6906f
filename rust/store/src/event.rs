//! What a command did: the answer to its client, and what watchers are told.

use std::sync::{Arc, OnceLock};

use crate::json;
use crate::render::{expiration, ttl_seconds};
use crate::text::Text;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those on the wire.
pub enum Action {
    Get,
    Set,
    Create,
    Update,
    CompareAndSwap,
    CompareAndDelete,
    Delete,
    Expire,
}

impl Action {
    pub(crate) const ALL: [Action; 8] = [
        Action::Get,
        Action::Set,
        Action::Create,
        Action::Update,
        Action::CompareAndSwap,
        Action::CompareAndDelete,
        Action::Delete,
        Action::Expire,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Get => "get",
            Action::Set => "set",
            Action::Create => "create",
            Action::Update => "update",
            Action::CompareAndSwap => "compareAndSwap",
            Action::CompareAndDelete => "compareAndDelete",
            Action::Delete => "delete",
            Action::Expire => "expire",
        }
    }
}

/// A node as an event shows it.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Whose value is shown; none for directories and for what is gone.
    pub text: Option<Text>,
    pub dir: bool,
    pub created_index: u64,
    pub modified_index: u64,
    pub deadline_ns: u64,
}

impl Image {
    fn value_len(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.value().len())
    }
}

/// One change of the key space, under one index.
///
/// The system's own commands have events too, for the place in the history; they have no key.
#[derive(Debug)]
pub struct Event {
    pub(crate) action: Action,
    pub(crate) key: Box<[u8]>,
    pub(crate) node: Image,
    pub(crate) prev: Option<Image>,
    /// Only the time to live changed; watchers are not told.
    pub(crate) refresh: bool,
    /// It removed a directory that was not empty.
    pub(crate) subtree: bool,
    /// Hashes of the paths that went with it, relative to it; none when they were too many, or when the event comes
    /// from a snapshot.
    pub(crate) inside: Option<Box<[u64]>>,
    /// Cluster time of the command, which the shown `ttl` counts from.
    pub(crate) time_ns: u64,
    pub(crate) offset_ns: i64,
    /// Counted once: when the event leaves the history, its values are long out of the cache.
    bytes: u32,
    json: OnceLock<Box<[u8]>>,
}

/// What an event costs besides its key and values: the object, its share of the queues, and the fixed
/// parts of its JSON.
const EVENT_BYTES: usize = 432;

/// An event above this is large: its values are not kept for a repeated request, and its JSON, which may be six times
/// as long as they are, is not kept in the history.
pub(crate) const LARGE_BYTES: usize = 32 << 10;

impl Event {
    pub(crate) fn new(
        action: Action,
        key: &[u8],
        node: Image,
        prev: Option<Image>,
        at: (u64, i64),
    ) -> Self {
        let (time_ns, offset_ns) = at;
        let values = node.value_len() + prev.as_ref().map_or(0, Image::value_len);
        let bytes = EVENT_BYTES + 3 * key.len() + 2 * values;
        Self {
            action,
            key: key.into(),
            node,
            prev,
            refresh: false,
            subtree: false,
            inside: None,
            time_ns,
            offset_ns,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            json: OnceLock::new(),
        }
    }

    /// An event of the system itself, which nobody sees.
    pub(crate) fn internal(index: u64, at: (u64, i64)) -> Self {
        let node = Image {
            text: None,
            dir: false,
            created_index: index,
            modified_index: index,
            deadline_ns: 0,
        };
        Self::new(Action::Set, b"", node, None, at)
    }

    /// What happened.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The `etcd_index` that this event took.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.node.modified_index
    }

    /// The key of the node; empty for an event of the system itself.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether the answer's status is 201.
    #[must_use]
    pub fn created(&self) -> bool {
        match self.action {
            Action::Create => true,
            Action::Set => self.prev.is_none(),
            _ => false,
        }
    }

    /// The object that clients get, with its final newline. Made when first asked for, and shared by all who are told.
    pub fn json(&self) -> &[u8] {
        self.json.get_or_init(|| {
            let mut out = Vec::with_capacity(self.bytes().min(1 << 16));
            self.render(&mut out);
            out.into_boxed_slice()
        })
    }

    /// Append the same, without keeping it: nobody but its author sees most events.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self.json.get() {
            Some(json) => out.extend_from_slice(json),
            None => self.render(out),
        }
    }

    /// About how much memory it takes with its JSON; the same on every member.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    pub(crate) fn is_large(&self) -> bool {
        self.bytes() > LARGE_BYTES
    }

    /// This event for those who are told of it now. Of a large one they share a copy, whose JSON goes with the last of
    /// them, and not when the history forgets the event.
    pub(crate) fn told(self: &Arc<Self>) -> Arc<Self> {
        if self.is_large() { Arc::new(self.copy(Image::clone)) } else { self.clone() }
    }

    /// What is kept of this event for a repeated request.
    pub(crate) fn outcome(self: &Arc<Self>) -> Arc<Self> {
        let bare = |image: &Image| Image { text: None, ..image.clone() };
        if self.is_large() { Arc::new(self.copy(bare)) } else { self.clone() }
    }

    fn copy(&self, image: impl Fn(&Image) -> Image) -> Self {
        let prev = self.prev.as_ref().map(&image);
        let at = (self.time_ns, self.offset_ns);
        let mut copy = Self::new(self.action, &self.key, image(&self.node), prev, at);
        copy.refresh = self.refresh;
        copy.subtree = self.subtree;
        copy
    }

    fn render(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"action\":\"");
        out.extend_from_slice(self.action.as_str().as_bytes());
        out.extend_from_slice(b"\",\"node\":");
        self.image(out, &self.node);
        if let Some(prev) = &self.prev {
            out.extend_from_slice(b",\"prevNode\":");
            self.image(out, prev);
        }
        out.extend_from_slice(b"}\n");
    }

    fn image(&self, out: &mut Vec<u8>, image: &Image) {
        out.extend_from_slice(b"{\"key\":");
        json::string(out, &self.key);
        if let Some(text) = &image.text {
            out.extend_from_slice(b",\"value\":");
            json::string(out, text.value());
        }
        if image.dir {
            out.extend_from_slice(b",\"dir\":true");
        }
        if image.deadline_ns != 0 {
            expiration(out, image.deadline_ns, self.offset_ns);
            // A node that is due, or was asked to live for no time at all, has none left to show.
            let ttl_s = ttl_seconds(image.deadline_ns, self.time_ns);
            if ttl_s > 0 {
                out.extend_from_slice(b",\"ttl\":");
                json::int(out, ttl_s);
            }
        }
        out.extend_from_slice(b",\"modifiedIndex\":");
        json::uint(out, image.modified_index);
        out.extend_from_slice(b",\"createdIndex\":");
        json::uint(out, image.created_index);
        out.push(b'}');
    }
}

//! `/_etcd`, which 0.4 had and the 2014 book shows: one key per started member, and the configuration.
//!
//! Kept by the store itself from the members' own commands, when these ask for it, and then read-only for
//! clients. Without that, nothing here exists and the paths are like any other.

use crate::arena::{NodeId, ROOT};
use crate::command::Op;
use crate::event::{Action, Event};
use crate::members::MemberInfo;
use crate::path;
use crate::store::Store;
use crate::tree::{Content, Lost, existing_end};

const DIR: &[u8] = b"/_etcd";
const MACHINES: &[u8] = b"/_etcd/machines";
const CONFIG: &[u8] = b"/_etcd/config";

/// What 0.4 answers for a new cluster.
const CONFIG_VALUE: &[u8] = br#"{"activeSize":9,"removeDelay":1800,"syncInterval":5}"#;

/// Whether a client's write there would touch what the store keeps itself.
pub(crate) fn is_kept(op: Op, path: &[u8]) -> bool {
    if !path.starts_with(DIR) {
        return false;
    }
    let at_or_below = |top| path == top || path::is_below(path, top);
    // A time to live on the directory would end the keys in it.
    let takes_all = path == DIR && matches!(op, Op::Delete | Op::CompareAndDelete | Op::Update);
    takes_all || at_or_below(MACHINES) || at_or_below(CONFIG)
}

impl Store {
    /// From now on the keys are shown, or not. Those that were go, with an event for the machines and
    /// one for the configuration.
    pub(crate) fn show_machine_keys(&mut self, shows: bool) {
        let showed = std::mem::replace(&mut self.shows_machine_keys, shows);
        if showed && !shows {
            self.drop_kept(MACHINES);
            self.drop_kept(CONFIG);
        }
    }

    /// A member has changed its name or URLs.
    pub(crate) fn keep_machine_key(&mut self, before: &MemberInfo, after: &MemberInfo) {
        if !self.shows_machine_keys {
            return;
        }
        if key_of(before) != key_of(after) {
            self.drop_machine_key(before);
        }
        if let Some(key) = key_of(after) {
            self.set_kept(&key, &value_of(after));
        }
    }

    /// A member has left, or left its name. Names need not be unique: the key stays while it is another member's too.
    pub(crate) fn drop_machine_key(&mut self, member: &MemberInfo) {
        let Some(key) = key_of(member).filter(|_| self.shows_machine_keys) else { return };
        let namesakes = self.members.iter().filter(|other| key_of(other).as_ref() == Some(&key));
        let values: Vec<Vec<u8>> = namesakes.map(value_of).collect();
        let Some(first) = values.first() else { return self.drop_kept(&key) };
        let shown = self.tree.find(&key).map(|id| self.tree.get(id).text.value());
        if !shown.is_ok_and(|shown| values.iter().any(|value| value == shown)) {
            self.set_kept(&key, first);
        }
    }

    /// The cluster version is known, so the cluster is complete and has a configuration.
    pub(crate) fn keep_config_key(&mut self) {
        if self.shows_machine_keys {
            self.set_kept(CONFIG, CONFIG_VALUE);
        }
    }

    fn set_kept(&mut self, key: &[u8], value: &[u8]) {
        self.clear_way(key);
        let index = self.next_index();
        let content = Content { value: Some(value), index, deadline_ns: 0 };
        let (id, prev) = match self.tree.find(key) {
            Ok(id) => {
                let prev = self.image(id);
                let text = crate::text::Text::new(path::name(key), value);
                self.tree.replace(id, Some(text), index, 0);
                (id, Some(prev))
            }
            Err(Lost::Missing { above, end }) => {
                let from = existing_end(key, end);
                (self.tree.add_path(above, key, from, content), None)
            }
            Err(Lost::File { .. }) => unreachable!("the way has been cleared"),
        };
        self.make_permanent(id);
        self.tree.touch(id, index);
        let event = Event::new(Action::Set, key, self.image(id), prev, self.now());
        self.record(event, &[]);
    }

    /// A client may have given the directories a time to live before they were the store's.
    fn make_permanent(&mut self, id: NodeId) {
        let mut at = id;
        while at != ROOT {
            self.tree.set_deadline(at, 0);
            at = self.tree.get(at).parent;
        }
    }

    /// Before the keys were shown, clients may have put files where directories have to be, or a
    /// directory where a file has to be. They are deleted like any other key.
    fn clear_way(&mut self, key: &[u8]) {
        let in_way = match self.tree.find(key) {
            Err(Lost::File { end, .. }) => &key[..end],
            Ok(id) if self.tree.get(id).is_dir() => key,
            _ => return,
        };
        self.drop_kept(in_way);
    }

    /// Delete what is there, if anything is.
    fn drop_kept(&mut self, key: &[u8]) {
        if let Ok(id) = self.tree.find(key) {
            let index = self.next_index();
            self.remove(Action::Delete, id, key, index);
        }
    }
}

/// None for a member that has not started yet.
fn key_of(member: &MemberInfo) -> Option<Vec<u8>> {
    let mut key = path::join(MACHINES, b"");
    // The name is one segment, whatever is in it.
    match member.name.as_str() {
        "" => return None,
        "." => key.extend_from_slice(b"%2E"),
        ".." => key.extend_from_slice(b"%2E%2E"),
        name => {
            for byte in name.bytes() {
                if byte == b'/' {
                    key.extend_from_slice(b"%2F");
                } else {
                    key.push(byte);
                }
            }
        }
    }
    Some(key)
}

fn value_of(member: &MemberInfo) -> Vec<u8> {
    let mut value = b"etcd=".to_vec();
    escape(&mut value, member.client_urls.first());
    value.extend_from_slice(b"&raft=");
    escape(&mut value, member.peer_urls.first());
    value
}

/// As Go escapes a value in a query.
fn escape(out: &mut Vec<u8>, url: Option<&String>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in url.map_or("", String::as_str).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
}

//! Watches: what is already there for one, and from when on it waits.

use std::sync::Arc;

use crate::error::{Code, Error};
use crate::event::{Action, Event};
use crate::hub::WatchId;
use crate::path;
use crate::store::Store;
use crate::tree::Lost;

/// What a watcher wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSpec {
    /// The key, clean. It need not exist.
    pub path: Vec<u8>,
    /// Changes below it too.
    pub recursive: bool,
    /// All events, not only one.
    pub stream: bool,
    /// The first index that concerns it; 0 = what comes now.
    pub wait_index: u64,
}

/// How a watch begins.
#[derive(Clone, Debug)]
pub enum Watching {
    /// The event has happened already; the watch is over.
    Now(Arc<Event>),
    /// It waits for one event.
    Live(WatchId),
    /// A stream, with what has happened already, oldest first.
    Stream(WatchId, Vec<Arc<Event>>),
}

impl Store {
    /// Watch a key. `token` comes back in every [`Notice`](crate::Notice).
    ///
    /// An event matches a watch on `W` when it is on `W` itself; or below it, the watch is recursive
    /// and nothing on the way down is hidden; or it removed a directory above `W`, with `W` in it.
    /// Of events in the past the last is known exactly unless the directory was huge or the event comes
    /// from a snapshot: then it is taken to be so when the directory was not empty.
    ///
    /// # Errors
    /// 401 when there may have been events from `wait_index` on that are not kept any more. When
    /// nothing happened at or below the key since, there is no such error, however old the index.
    pub fn watch(&mut self, spec: WatchSpec, token: u64) -> Result<Watching, Error> {
        let spec = WatchSpec { path: path::cleaned(&spec.path).into_owned(), ..spec };
        let now = self.etcd_index;
        if spec.wait_index == 0 || spec.wait_index > now {
            let id = self.hub.add(&spec, token, spec.wait_index, now);
            return Ok(live(&spec, id, Vec::new()));
        }
        let last = if self.config.upstream { now } else { self.last_index_at(&spec.path) };
        let oldest = self.oldest_event_index();
        if spec.wait_index < oldest && last >= spec.wait_index {
            let cause =
                format!("the requested history has been cleared [{oldest}/{}]", spec.wait_index);
            return Err(self.fail(Code::EventIndexCleared, cause.as_bytes()));
        }
        let upstream = self.config.upstream;
        let mut past = self
            .history
            .between(spec.wait_index, last)
            .filter(|event| matches(event, &spec, upstream))
            .map(Event::told);
        // The original says no more on a stream that began in the past, ever.
        let once = !spec.stream || upstream;
        if let Some(event) = once.then(|| past.next()).flatten() {
            drop(past);
            return Ok(match spec.stream {
                true => Watching::Stream(self.hub.next_id(), vec![event]),
                false => Watching::Now(event),
            });
        }
        let backlog = past.collect();
        Ok(live(&spec, self.hub.add(&spec, token, now + 1, now), backlog))
    }

    /// Forget a watch. An unknown one, or one that has ended, is none.
    pub fn cancel(&mut self, id: WatchId) {
        self.hub.cancel(id);
    }

    /// Nothing has happened at or below `path` after this index. (The other way round it need not
    /// hold: for a path that does not exist, its deepest existing ancestor speaks.)
    fn last_index_at(&self, path: &[u8]) -> u64 {
        let id = match self.tree.find(path) {
            Ok(id) | Err(Lost::Missing { above: id, .. } | Lost::File { id, .. }) => id,
        };
        let node = self.tree.get(id);
        node.dir.as_ref().map_or(node.modified_index, |dir| dir.subtree_index)
    }
}

fn live(spec: &WatchSpec, id: WatchId, backlog: Vec<Arc<Event>>) -> Watching {
    if spec.stream { Watching::Stream(id, backlog) } else { Watching::Live(id) }
}

/// Whether an event of the past is one for this watch.
fn matches(event: &Event, spec: &WatchSpec, upstream: bool) -> bool {
    if event.refresh || event.key.len() <= 1 {
        return false;
    }
    let (key, point) = (&*event.key, spec.path.as_slice());
    if key == point {
        return true;
    }
    if spec.recursive && path::is_below(key, point) {
        return upstream || !path::is_hidden_below(key, point);
    }
    if upstream {
        let removes = matches!(event.action, Action::Delete | Action::Expire) && event.node.dir;
        return removes && point.starts_with(key);
    }
    event.subtree && path::is_below(point, key) && was_inside(event, &point[key.len()..])
}

/// Whether a removed directory had this path in it. Not known is taken for yes: a watcher told in vain reads again, one
/// not told waits for ever.
fn was_inside(event: &Event, below: &[u8]) -> bool {
    event.inside.as_ref().is_none_or(|inside| inside.binary_search(&path::hash(below)).is_ok())
}

//! Who waits for which path, and what they are to be told.
//!
//! An event costs its depth and the watchers that it concerns, not all watchers there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};
use rustc_hash::FxBuildHasher;

use crate::error::Error;
use crate::event::Event;
use crate::path;
use crate::prefix_hash::PrefixHash;
use crate::watching::WatchSpec;

/// Names a watch that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatchId(pub(crate) u64);

/// Something to tell a watcher.
#[derive(Clone, Debug)]
pub struct Notice {
    /// What the watch was registered with.
    pub token: u64,
    /// What.
    pub what: Told,
    /// The watch is over: it was for one event, or there is a gap.
    pub ended: bool,
}

/// What a watcher is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// It happened.
    Event(Arc<Event>),
    /// What happened here is not known, because the state came as a whole: error 401, with the oldest event's index
    /// that is known now.
    Gap(Box<Error>),
}

impl Notice {
    /// The event that it tells of, if it does not tell of a gap.
    #[must_use]
    pub fn event(&self) -> Option<&Arc<Event>> {
        match &self.what {
            Told::Event(event) => Some(event),
            Told::Gap(_) => None,
        }
    }
}

#[derive(Debug)]
struct Watcher {
    path: Arc<[u8]>,
    recursive: bool,
    stream: bool,
    token: u64,
    /// Where it is in its list; none while it waits for a later index.
    place: Option<usize>,
    from_index: u64,
}

/// The watchers of one path. Apart, so that a change below a directory does not look at those that
/// watch only the directory itself.
#[derive(Debug)]
struct Lists {
    path: Arc<[u8]>,
    single: Vec<u64>,
    recursive: Vec<u64>,
}

impl Lists {
    fn of(&mut self, recursive: bool) -> &mut Vec<u64> {
        if recursive { &mut self.recursive } else { &mut self.single }
    }
}

/// All watchers.
#[derive(Debug)]
pub(crate) struct Hub {
    watchers: HashMap<u64, Watcher, FxBuildHasher>,
    by_path: HashTable<Lists>,
    begin: PrefixHash,
    /// The paths of `by_path` in order, to find those below a removed directory.
    paths: BTreeSet<Arc<[u8]>>,
    /// Watchers that want nothing before an index that is still to come.
    later: BTreeMap<u64, Vec<u64>>,
    last_id: u64,
}

impl Hub {
    pub fn new() -> Self {
        Self {
            watchers: HashMap::default(),
            by_path: HashTable::new(),
            begin: PrefixHash::random(),
            paths: BTreeSet::new(),
            later: BTreeMap::new(),
            last_id: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.watchers.len()
    }

    /// Register. Events with an index below `from_index` do not concern it.
    pub fn add(
        &mut self,
        spec: &WatchSpec,
        token: u64,
        from_index: u64,
        now_index: u64,
    ) -> WatchId {
        let id = self.next_id();
        let watcher = Watcher {
            path: spec.path.as_slice().into(),
            recursive: spec.recursive,
            stream: spec.stream,
            token,
            place: None,
            from_index,
        };
        self.watchers.insert(id.0, watcher);
        if from_index <= now_index + 1 {
            self.enlist(id.0);
        } else {
            self.later.entry(from_index).or_default().push(id.0);
        }
        id
    }

    /// An id that no watch has or will have.
    pub fn next_id(&mut self) -> WatchId {
        self.last_id += 1;
        WatchId(self.last_id)
    }

    fn enlist(&mut self, id: u64) {
        let Some(watcher) = self.watchers.get_mut(&id) else { return };
        let (path, begin) = (&watcher.path, self.begin);
        let hash = begin.of(path);
        if self.by_path.find(hash, |lists| lists.path == *path).is_none() {
            self.paths.insert(path.clone());
            let lists = Lists { path: path.clone(), single: Vec::new(), recursive: Vec::new() };
            self.by_path.insert_unique(hash, lists, |lists| begin.of(&lists.path));
        }
        let found = self.by_path.find_mut(hash, |lists| lists.path == *path);
        let Some(lists) = found else { return };
        let list = lists.of(watcher.recursive);
        watcher.place = Some(list.len());
        list.push(id);
    }

    /// Forget a watch. An unknown one is none.
    pub fn cancel(&mut self, id: WatchId) {
        let Some(watcher) = self.watchers.remove(&id.0) else { return };
        let Some(place) = watcher.place else {
            if let Some(ids) = self.later.get_mut(&watcher.from_index) {
                ids.retain(|other| *other != id.0);
                if ids.is_empty() {
                    self.later.remove(&watcher.from_index);
                }
            }
            return;
        };
        let hash = self.begin.of(&watcher.path);
        let found = self.by_path.find_mut(hash, |lists| lists.path == watcher.path);
        let Some(lists) = found else { return };
        let list = lists.of(watcher.recursive);
        list.swap_remove(place);
        if let Some(moved) = list.get(place).and_then(|moved| self.watchers.get_mut(moved)) {
            moved.place = Some(place);
        }
        self.forget_if_empty(&watcher.path, hash);
    }

    /// End every watch, in the order in which they began. `why` is given the first index that the watcher has heard
    /// nothing of: not below `next_index`.
    pub fn end_all(
        &mut self,
        next_index: u64,
        why: impl Fn(u64) -> Error,
        notices: &mut Vec<Notice>,
    ) {
        let mut ended: Vec<(u64, Watcher)> = self.watchers.drain().collect();
        ended.sort_unstable_by_key(|(id, _)| *id);
        self.by_path.clear();
        self.paths.clear();
        self.later.clear();
        notices.extend(ended.into_iter().map(|(_, watcher)| {
            let gap = why(watcher.from_index.max(next_index));
            Notice { token: watcher.token, what: Told::Gap(Box::new(gap)), ended: true }
        }));
    }

    fn forget_if_empty(&mut self, path: &[u8], hash: u64) {
        let Ok(entry) = self.by_path.find_entry(hash, |lists| *lists.path == *path) else { return };
        let lists = entry.get();
        if lists.single.is_empty() && lists.recursive.is_empty() {
            entry.remove();
            self.paths.remove(path);
        }
    }

    /// Let those join who waited for `index`. To be called before anything is looked up for it.
    pub fn reach(&mut self, index: u64) {
        while let Some(first) = self.later.first_entry() {
            if *first.key() > index {
                return;
            }
            for id in first.remove() {
                self.enlist(id);
            }
        }
    }

    /// The watched paths strictly below a directory.
    pub fn paths_below(&self, dir: &[u8]) -> impl Iterator<Item = &Arc<[u8]>> {
        let prefix = path::join(dir, b"");
        self.paths
            .range::<[u8], _>((Bound::Excluded(prefix.as_slice()), Bound::Unbounded))
            .take_while(move |path| path.starts_with(&prefix))
    }

    /// Tell everyone whom the event concerns. `gone` are the watched paths that it removed together
    /// with the directory that it names.
    pub fn notify(&mut self, event: &Arc<Event>, gone: &[Arc<[u8]>], notices: &mut Vec<Notice>) {
        if self.by_path.is_empty() || event.refresh || event.key.len() <= 1 {
            return;
        }
        for path in gone {
            self.tell(path, self.begin.of(path), true, event, notices);
        }
        let key: &[u8] = &event.key;
        // What lies at or above this sees a hidden segment below itself.
        let hidden = memchr::memmem::rfind(key, b"/_");
        if hidden.is_none() {
            self.tell(b"/", self.begin.of(b"/"), false, event, notices);
        }
        let mut hash = self.begin;
        let mut hashed = 0;
        for end in memchr::memchr_iter(b'/', key).skip(1) {
            hash.push(&key[hashed..end]);
            hashed = end;
            if hidden.is_none_or(|hidden| end > hidden) {
                self.tell(&key[..end], hash.finish(), false, event, notices);
            }
        }
        hash.push(&key[hashed..]);
        self.tell(key, hash.finish(), true, event, notices);
    }

    /// Tell those who watch the very key of the event.
    pub fn notify_key(&mut self, event: &Arc<Event>, notices: &mut Vec<Notice>) {
        self.tell(&event.key, self.begin.of(&event.key), true, event, notices);
    }

    /// Tell the watchers of one path; those that watch only that path if `singles`.
    fn tell(
        &mut self,
        path: &[u8],
        hash: u64,
        singles: bool,
        event: &Arc<Event>,
        to: &mut Vec<Notice>,
    ) {
        let found = self.by_path.find_mut(hash, |lists| *lists.path == *path);
        let Some(lists) = found else { return };
        if singles {
            tell_list(&mut self.watchers, &mut lists.single, event, to);
        }
        tell_list(&mut self.watchers, &mut lists.recursive, event, to);
        self.forget_if_empty(path, hash);
    }
}

/// Tell all of one list; only streams stay in it.
fn tell_list(
    watchers: &mut HashMap<u64, Watcher, FxBuildHasher>,
    list: &mut Vec<u64>,
    event: &Arc<Event>,
    notices: &mut Vec<Notice>,
) {
    notices.reserve(list.len());
    let mut kept = 0;
    list.retain(|id| {
        let Some(watcher) = watchers.get_mut(id) else { return false };
        let (token, stream) = (watcher.token, watcher.stream);
        let what = Told::Event(event.clone());
        notices.push(Notice { token, what, ended: !stream });
        if stream {
            watcher.place = Some(kept);
            kept += 1;
        } else {
            watchers.remove(id);
        }
        stream
    });
}

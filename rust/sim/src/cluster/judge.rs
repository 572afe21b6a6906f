//! What the cluster promises to its clients, judged by a store to which the first decision of every index is applied.
//!
//! - Whoever decides an index later has to decide the same; whoever stands after an entry has that store; every answer
//!   is that store's to the first entry with the request. So every write that was acknowledged is there for ever, once.
//! - Order of entries is an order that explains all histories, if it agrees with time: an operation that began when
//!   entry `n` had been shown to anybody is itself of a later entry, if it is a write, and sees at least `n`, if it is
//!   a linearizable read. Conversely, whoever is told a write's index or reads at one has been told its place in the
//!   only order that the members have; so that looking for another order, as a checker of plain registers has to, could
//!   only excuse a cluster that contradicts itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use coreos_engine::replica::Decided;
use coreos_store::{
    Applied, Body, Command, Event, Notice, RequestId, Store, StoreConfig, WatchSpec,
};

use super::member::Slot;
use super::time::Births;
use crate::checker::Problem;

struct Entry {
    term: u64,
    payload: Bytes,
    outcome: Option<Applied>,
    digest: Option<[u8; 20]>,
}

/// Of every so many entries the digests are compared.
const DIGEST_EVERY: u64 = 24;

/// See the module.
pub(super) struct Judge {
    store: Store,
    entries: Vec<Entry>,
    first: BTreeMap<RequestId, u64>,
    refused: BTreeSet<RequestId>,
    expected: Vec<Arc<Event>>,
    shown: u64,
    pub births: Births,
    pub repeated: u64,
    pub expiries: u64,
}

impl Judge {
    pub fn new(founders: &[Slot]) -> Self {
        let config = StoreConfig { history_bytes: 1 << 20, ..StoreConfig::default() };
        let mut store = Store::new(config);
        let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 0 };
        let watching = store.watch(spec, 1);
        debug_assert!(watching.is_ok(), "a watch from now on is always possible");
        let mut made = Self {
            store,
            entries: Vec::new(),
            first: BTreeMap::new(),
            refused: BTreeSet::new(),
            expected: Vec::new(),
            shown: 0,
            births: Births::default(),
            repeated: 0,
            expiries: 0,
        };
        made.found(founders);
        made
    }

    /// Every member's log begins with the same entries.
    fn found(&mut self, founders: &[Slot]) {
        let mut members: Vec<_> =
            founders.iter().map(|slot| (slot.id, slot.config.peer_urls.clone())).collect();
        members.sort_unstable();
        for (id, peer_urls) in members {
            let body = Body::AddMember { id, peer_urls, is_learner: false };
            let command = Command { request: RequestId::default(), time_ns: 0, body };
            let mut payload = Vec::new();
            command.encode(&mut payload);
            let outcome = Some(self.store.apply(&command));
            self.entries.push(Entry { term: 1, payload: payload.into(), outcome, digest: None });
        }
        self.collect_events();
    }

    /// The last entry decided.
    pub fn decided(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The last entry that anybody has been shown.
    pub fn floor(&self) -> u64 {
        self.shown
    }

    /// Somebody has been shown what was there after entry `index`.
    pub fn show(&mut self, index: u64) {
        self.shown = self.shown.max(index);
    }

    fn entry(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// Term of a decided entry.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        self.entry(index).map(|entry| entry.term)
    }

    /// The members, as of the last entry decided.
    pub fn members(&self) -> coreos_store::Members {
        self.store.members_table()
    }

    /// A member says that an entry is decided.
    pub fn decide(&mut self, one: &Decided) -> Result<(), Problem> {
        let Decided { index, term, payload, .. } = one;
        if let Some(entry) = self.entry(*index) {
            if (entry.term, &entry.payload) == (*term, payload) {
                return Ok(());
            }
            return Err(format!(
                "entry {index} was decided as {:?} of term {}, and now as {:?} of term {term}",
                Command::decode(&entry.payload),
                entry.term,
                Command::decode(payload),
            ));
        }
        if *index != self.decided() + 1 {
            return Err(format!("entry {index} is decided after entry {}", self.decided()));
        }
        let command = match payload.as_ref() {
            [] => None,
            bytes => {
                Some(Command::decode(bytes).map_err(|error| format!("entry {index}: {error}"))?)
            }
        };
        let outcome = match &command {
            None => None,
            Some(command) => {
                self.births.decide(*term, *index, command.time_ns)?;
                Some(self.carry_out(*index, command)?)
            }
        };
        self.entries.push(Entry { term: *term, payload: payload.clone(), outcome, digest: None });
        self.collect_events();
        if self.decided().is_multiple_of(DIGEST_EVERY) {
            let digest = self.store.view().digest();
            if let Some(last) = self.entries.last_mut() {
                last.digest = Some(digest);
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, index: u64, command: &Command) -> Result<Applied, Problem> {
        let request = command.request;
        if self.refused.contains(&request) {
            return Err(format!("entry {index} had been refused: {command:?}"));
        }
        let before = self.store.etcd_index();
        let applied = self.store.apply(command);
        if !request.is_none() {
            let first = *self.first.entry(request).or_insert(index);
            if first != index {
                self.repeated += 1;
                let is_judged_anew = command.body.changes_members();
                let is_repeated = applied.repeated && self.store.etcd_index() == before;
                if !is_repeated && !is_judged_anew {
                    return Err(format!("entry {index} is carried out a second time: {command:?}"));
                }
            }
        }
        Ok(applied)
    }

    fn collect_events(&mut self) {
        let mut notices = Vec::new();
        self.store.take_notices(&mut notices);
        for event in notices.iter().filter_map(Notice::event) {
            self.expiries += u64::from(event.action() == coreos_store::Action::Expire);
            self.expected.push(event.clone());
        }
    }

    /// The proposal will never be carried out.
    pub fn refuse(&mut self, request: RequestId) -> Result<(), Problem> {
        if request.is_none() {
            return Ok(());
        }
        if let Some(index) = self.first.get(&request) {
            return Err(format!("{request:?} is refused, but it is entry {index}"));
        }
        self.refused.insert(request);
        Ok(())
    }

    /// Whether an earlier entry has the same request.
    pub fn is_repeated(&self, request: RequestId, index: u64) -> bool {
        self.first.get(&request).is_some_and(|&first| first < index)
    }

    /// Somebody is told what came of a request. Gives the entry.
    pub fn answer(&self, request: RequestId, applied: &Applied) -> Result<u64, Problem> {
        let Some(&index) = self.first.get(&request) else {
            return Err(format!("{request:?} was answered, but is not decided: {applied:?}"));
        };
        let Some(expected) = self.entry(index).and_then(|entry| entry.outcome.as_ref()) else {
            return Err(format!("{request:?} was answered, but entry {index} has no outcome"));
        };
        let same = match (&expected.outcome, &applied.outcome) {
            (Ok(Some(a)), Ok(Some(b))) => a.json() == b.json(),
            (Ok(None), Ok(None)) => true,
            (Err(a), Err(b)) => a == b,
            _ => false,
        };
        if same && (applied.repeated || expected.etcd_index == applied.etcd_index) {
            return Ok(index);
        }
        Err(format!("entry {index}: answered {applied:?}, expected {expected:?}"))
    }

    /// The store of a member that stands after entry `index`, as far as it is known what it has to be.
    pub fn compare(&mut self, index: u64, store: &mut Store) -> Result<(), Problem> {
        let expected = if index == self.decided() && !index.is_multiple_of(DIGEST_EVERY) {
            Some(self.store.view().digest())
        } else {
            self.entry(index).and_then(|entry| entry.digest)
        };
        match expected {
            Some(expected) if expected != store.view().digest() => {
                Err(format!("after entry {index} its store is not what was decided"))
            }
            _ => Ok(()),
        }
    }

    /// Whether [`Judge::compare`] costs little for this entry.
    pub fn has_digest(&self, index: u64) -> bool {
        self.entry(index).is_some_and(|entry| entry.digest.is_some())
    }

    /// A read at a member that stands after entry `index`.
    pub fn read(&mut self, index: u64, store: &mut Store, path: &[u8]) -> Result<(), Problem> {
        if index != self.decided() {
            return Ok(());
        }
        let time_ns = self.store.time_ns();
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        let results = (
            self.store.get(path, true, time_ns, usize::MAX, &mut expected),
            store.get(path, true, time_ns, usize::MAX, &mut got),
        );
        if results.0 == results.1 && expected == got {
            return Ok(());
        }
        Err(format!("after entry {index} a read gives {}", String::from_utf8_lossy(&got)))
    }

    /// The index from which a watcher goes on that has seen so many events.
    pub fn next_event_index(&self, seen: usize) -> u64 {
        seen.checked_sub(1).map_or(1, |last| self.expected[last].index() + 1)
    }

    /// How many events there have been up to an index.
    pub fn events_up_to(&self, etcd_index: u64) -> usize {
        self.expected.partition_point(|event| event.index() <= etcd_index)
    }

    /// All events so far.
    pub fn events(&self) -> usize {
        self.expected.len()
    }

    /// A watcher that has seen so many events is told another.
    pub fn told(&self, seen: usize, event: &Arc<Event>) -> Result<(), Problem> {
        match self.expected.get(seen) {
            Some(expected) if expected.json() == event.json() => Ok(()),
            expected => Err(format!(
                "it was told {} instead of {}",
                String::from_utf8_lossy(event.json()),
                expected.map_or("nothing".into(), |one| String::from_utf8_lossy(one.json())),
            )),
        }
    }
}

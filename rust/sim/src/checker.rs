//! What a member promises, checked against a shadow that never crashes.
//!
//! - durability: an entry that was decided is there after every restart, at its index, unchanged;
//! - agreement: the member's store is always that of a store to which the decided commands were applied in order, and
//!   every answer is that store's;
//! - a proposal that was refused is never decided;
//! - cluster time never goes back, and never runs faster than the time for which the member was on;
//! - a watcher that comes back with the next index sees every event once, in order.

use std::collections::HashSet;
use std::sync::Arc;

use coreos_engine::replica::Decided;
use coreos_store::{
    Applied, Command, Event, Notice, RequestId, Store, StoreConfig, WatchSpec, Watching,
};

/// What went wrong.
pub type Problem = String;

/// The shadow.
pub struct Checker {
    store: Store,
    /// Every decided command by index from 1; `None` = a no-op.
    decided: Vec<Option<Command>>,
    refused: HashSet<RequestId>,
    birth_ns: Option<u64>,
    last_time_ns: u64,
    outcomes: Vec<Option<Applied>>,
    expected: Vec<Arc<Event>>,
    seen: usize,
}

impl Checker {
    /// Nothing has happened yet but what the log of a new member begins with.
    #[must_use]
    pub fn new(config: StoreConfig, founding: Vec<Command>) -> Self {
        let mut store = Store::new(config);
        let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index: 0 };
        // The shadow's own watcher says what every recursive watch on the root has to see.
        let watching = store.watch(spec, 1);
        debug_assert!(watching.is_ok(), "a watch from now on is always possible");
        let outcomes = founding.iter().map(|command| Some(store.apply(command))).collect();
        Self {
            store,
            decided: founding.into_iter().map(Some).collect(),
            refused: HashSet::new(),
            birth_ns: None,
            last_time_ns: 0,
            outcomes,
            expected: Vec::new(),
            seen: 0,
        }
    }

    /// Entries decided so far.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.decided.len() as u64
    }

    /// This proposal was taken back; nobody may ever see it. What a leader proposes by itself has no name, and is
    /// proposed again.
    pub fn refuse(&mut self, request: RequestId) {
        if !request.is_none() {
            self.refused.insert(request);
        }
    }

    /// The member says that an entry is decided. `on_ns`: how long it has been on, all lives together.
    ///
    /// # Errors
    /// It must not be.
    pub fn decide(&mut self, decided: &Decided, on_ns: u64) -> Result<(), Problem> {
        let Decided { index, command, .. } = decided;
        let next = self.decided() + 1;
        if *index < next {
            let before = &self.decided[usize::try_from(index - 1).unwrap_or(usize::MAX)];
            return if before == command {
                Ok(())
            } else {
                Err(format!("entry {index} was {before:?} and is now {command:?}"))
            };
        }
        if *index > next {
            return Err(format!("entry {index} is decided before entry {next}"));
        }
        let outcome = match command {
            None => None,
            Some(command) => {
                self.check_command(*index, command, on_ns)?;
                Some(self.store.apply(command))
            }
        };
        self.outcomes.push(outcome);
        self.decided.push(command.clone());
        let mut notices = Vec::new();
        self.store.take_notices(&mut notices);
        self.expected.extend(notices.iter().filter_map(Notice::event).cloned());
        Ok(())
    }

    fn check_command(&mut self, index: u64, command: &Command, on_ns: u64) -> Result<(), Problem> {
        if self.refused.contains(&command.request) {
            return Err(format!("entry {index} had been refused: {command:?}"));
        }
        let time_ns = command.time_ns;
        let birth_ns = *self.birth_ns.get_or_insert(time_ns.saturating_sub(on_ns));
        if time_ns < self.last_time_ns {
            return Err(format!("entry {index}: cluster time went back to {time_ns}"));
        }
        self.last_time_ns = time_ns;
        let elapsed_ns = time_ns - birth_ns;
        if elapsed_ns > on_ns {
            return Err(format!(
                "entry {index}: cluster time has advanced by {elapsed_ns} ns, but the member was on for {on_ns} ns"
            ));
        }
        Ok(())
    }

    /// The member has answered the proposal of entry `index` with `applied`.
    ///
    /// # Errors
    /// The answer is not the shadow's.
    pub fn answer(&self, index: u64, applied: &Applied) -> Result<(), Problem> {
        let place = usize::try_from(index).unwrap_or(0).wrapping_sub(1);
        let Some(Some(expected)) = self.outcomes.get(place) else {
            return Err(format!("entry {index} was answered, but is not decided"));
        };
        let same = match (&expected.outcome, &applied.outcome) {
            (Ok(Some(a)), Ok(Some(b))) => a.json() == b.json(),
            (Ok(None), Ok(None)) => true,
            (Err(a), Err(b)) => a == b,
            _ => false,
        };
        if same && expected.etcd_index == applied.etcd_index {
            return Ok(());
        }
        Err(format!("entry {index}: answered {applied:?}, expected {expected:?}"))
    }

    /// The member stands after entry `index` with this store.
    ///
    /// # Errors
    /// Something decided is missing, or the stores differ.
    pub fn compare(&mut self, index: u64, store: &mut Store) -> Result<(), Problem> {
        if index < self.decided() {
            return Err(format!(
                "{} entries are decided, but only {index} are there",
                self.decided()
            ));
        }
        self.compare_digest(store)
    }

    fn compare_digest(&mut self, store: &mut Store) -> Result<(), Problem> {
        if self.store.view().digest() == store.view().digest() {
            return Ok(());
        }
        Err(format!(
            "the member's store (index {}) is not the shadow's (index {})",
            store.etcd_index(),
            self.store.etcd_index()
        ))
    }

    /// A read must be the shadow's.
    ///
    /// # Errors
    /// It is not.
    pub fn read(&mut self, store: &mut Store, path: &[u8], now_ns: u64) -> Result<(), Problem> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let expected = self.store.get(path, true, now_ns, usize::MAX, &mut ours);
        let got = store.get(path, true, now_ns, usize::MAX, &mut theirs);
        if (&expected, &ours) == (&got, &theirs) {
            return Ok(());
        }
        Err(format!("a read gives {}", String::from_utf8_lossy(&theirs)))
    }

    /// The watcher comes back to the member after a restart. Gives what it sees at once.
    ///
    /// # Errors
    /// The watch is refused.
    pub fn watch(&mut self, store: &mut Store) -> Result<(), Problem> {
        let wait_index = match self.seen.checked_sub(1) {
            Some(last) => self.expected[last].index() + 1,
            None => 1,
        };
        let spec = WatchSpec { path: b"/".to_vec(), recursive: true, stream: true, wait_index };
        match store.watch(spec, 1) {
            Ok(Watching::Stream(_, backlog)) => self.told(backlog.iter()),
            Ok(_) => Err("a stream watch is not a stream".to_owned()),
            Err(error) => Err(format!("the watcher cannot go on from {wait_index}: {error}")),
        }
    }

    /// The watcher has been told these events.
    ///
    /// # Errors
    /// They are not the next ones.
    pub fn told<'a>(
        &mut self,
        events: impl Iterator<Item = &'a Arc<Event>>,
    ) -> Result<(), Problem> {
        for event in events {
            let Some(expected) = self.expected.get(self.seen) else {
                return Err(format!("the watcher was told too much: index {}", event.index()));
            };
            if expected.json() != event.json() {
                return Err(format!(
                    "the watcher expected {} and was told {}",
                    String::from_utf8_lossy(expected.json()),
                    String::from_utf8_lossy(event.json())
                ));
            }
            self.seen += 1;
        }
        Ok(())
    }

    /// Nothing is on its way any more.
    ///
    /// # Errors
    /// The watcher has missed something.
    pub fn all_told(&self) -> Result<(), Problem> {
        if self.seen == self.expected.len() {
            return Ok(());
        }
        Err(format!("the watcher saw {} of {} events", self.seen, self.expected.len()))
    }
}

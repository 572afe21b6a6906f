//! One voter: what is promised about order, durability and terms, against a naive storage.

use bytes::Bytes;
use coreos_raft::{
    Config, Entry, HardState, Limits, Membership, NotTaken, Position, Raft, Ready, Recovered, Role,
    Unusable,
};
use proptest::prelude::*;

/// What a disk would hold.
#[derive(Clone, Debug, Default)]
struct Storage {
    hard_state: HardState,
    entries: Vec<Entry>,
}

impl Storage {
    fn write(&mut self, ready: &Ready) {
        if let Some(hard_state) = ready.hard_state {
            self.hard_state = hard_state;
        }
        for entry in &ready.entries {
            self.entries.truncate(entry.index as usize - 1);
            self.entries.push(entry.clone());
        }
    }

    fn restart(&self) -> Raft {
        member(self.hard_state, self.entries.clone()).expect("usable")
    }
}

fn member(hard_state: HardState, entries: Vec<Entry>) -> Result<Raft, Unusable> {
    limited(Limits::default(), hard_state, entries)
}

fn limited(limits: Limits, hard_state: HardState, entries: Vec<Entry>) -> Result<Raft, Unusable> {
    let config = Config { id: 7, election_ticks: 10, heartbeat_ticks: 1, seed: 7, limits };
    let membership = Membership::new(&[7], &[]);
    let before = Position::default();
    Raft::new(config, Recovered { hard_state, before, entries, applied: 0, membership })
}

/// Start again, apply what is known to be decided, and ask for the own vote.
fn restart(storage: &Storage, applied: &mut Vec<Entry>) -> Raft {
    let mut raft = storage.restart();
    raft.take_committed(|entry| applied.push(entry));
    raft.campaign();
    raft
}

fn settle(raft: &mut Raft, storage: &mut Storage, applied: &mut Vec<Entry>) {
    while let Some(ready) = raft.ready() {
        storage.write(&ready);
        raft.persisted(ready.ticket);
        raft.take_committed(|entry| applied.push(entry));
    }
}

fn payload(n: u64) -> Bytes {
    Bytes::from(n.to_le_bytes().to_vec())
}

#[test]
fn leads_only_when_its_vote_is_durable() {
    let mut raft = Storage::default().restart();
    assert_eq!(raft.propose(payload(1)), Err(NotTaken::NotLeader));
    raft.campaign();
    let ready = raft.ready().expect("a vote to persist");
    assert!(ready.must_sync && ready.entries.is_empty());
    assert_eq!(ready.hard_state, Some(HardState { term: 1, vote: 7, commit: 0 }));
    assert_eq!(
        (raft.role(), raft.propose(payload(1))),
        (Role::Candidate, Err(NotTaken::NotLeader))
    );
    raft.persisted(ready.ticket);
    assert_eq!(raft.role(), Role::Leader);
    assert_eq!(raft.propose(payload(1)), Ok(Position { term: 1, index: 2 }));
}

#[test]
fn nothing_is_committed_before_it_is_durable() {
    let mut storage = Storage::default();
    let mut raft = storage.restart();
    raft.campaign();
    settle(&mut raft, &mut storage, &mut Vec::new());
    raft.propose(payload(1)).expect("leads");
    let first = raft.ready().expect("one entry");
    raft.propose(payload(2)).expect("leads");
    let second = raft.ready().expect("another");
    let mut applied = Vec::new();
    raft.take_committed(|entry| applied.push(entry.index));
    assert_eq!(applied, []);
    raft.persisted(first.ticket);
    raft.take_committed(|entry| applied.push(entry.index));
    assert_eq!(applied, [2]);
    raft.persisted(second.ticket);
    raft.take_committed(|entry| applied.push(entry.index));
    assert_eq!(applied, [2, 3]);
}

#[test]
fn entries_of_an_older_term_wait_for_one_of_the_own() {
    let old = Entry { term: 3, index: 1, payload: payload(1) };
    let storage = Storage {
        hard_state: HardState { term: 3, vote: 7, commit: 0 },
        entries: vec![old.clone()],
    };
    let mut raft = storage.restart();
    raft.campaign();
    let vote = raft.ready().expect("a vote");
    raft.persisted(vote.ticket);
    let mut applied = Vec::new();
    raft.take_committed(|entry| applied.push(entry));
    assert_eq!(applied, [], "durable, but not of the own term");
    let no_op = raft.ready().expect("the no-op");
    raft.persisted(no_op.ticket);
    raft.take_committed(|entry| applied.push(entry));
    assert_eq!(applied, [old, Entry { term: 4, index: 2, payload: Bytes::new() }]);
}

#[test]
fn what_the_disk_refused_is_taken_back_whole() {
    let mut storage = Storage::default();
    let mut raft = storage.restart();
    raft.campaign();
    settle(&mut raft, &mut storage, &mut Vec::new());
    raft.propose(payload(1)).expect("leads");
    let refused = raft.ready().expect("one entry");
    raft.propose(payload(2)).expect("leads");
    let back: Vec<u64> = raft.take_back().iter().map(|entry| entry.index).collect();
    assert_eq!(back, [2, 3]);
    raft.persisted(refused.ticket);
    let mut applied = Vec::new();
    raft.take_committed(|entry| applied.push(entry));
    assert_eq!(applied, []);
    assert_eq!(raft.propose(payload(3)), Ok(Position { term: 1, index: 2 }));
    settle(&mut raft, &mut storage, &mut applied);
    assert_eq!(applied, [Entry { term: 1, index: 2, payload: payload(3) }]);
    assert_eq!(storage.hard_state.term, 1);
}

#[test]
fn a_refused_no_op_comes_again() {
    let old = Entry { term: 3, index: 1, payload: payload(1) };
    let hard_state = HardState { term: 3, vote: 7, commit: 0 };
    let mut storage = Storage { hard_state, entries: vec![old.clone()] };
    let mut raft = storage.restart();
    raft.campaign();
    let vote = raft.ready().expect("a vote");
    storage.write(&vote);
    raft.persisted(vote.ticket);
    raft.ready().expect("the no-op, for which there is no room");
    assert_eq!(raft.take_back().len(), 1);
    assert!(raft.has_urgent(), "nothing would ever be committed");
    let mut applied = Vec::new();
    settle(&mut raft, &mut storage, &mut applied);
    let no_op = Entry { term: 4, index: 2, payload: Bytes::new() };
    assert_eq!(applied, [old, no_op]);
    // The control: where the log has one already, none is added.
    raft.propose(payload(2)).expect("leads");
    raft.ready().expect("one entry");
    raft.take_back();
    assert_eq!(raft.last(), Position { term: 4, index: 2 });
}

#[test]
fn a_vote_that_is_refused_comes_again() {
    let mut storage = Storage::default();
    let mut raft = storage.restart();
    raft.campaign();
    raft.ready().expect("a vote, for which there is no room");
    assert_eq!(raft.take_back(), []);
    assert_eq!((raft.role(), raft.has_urgent()), (Role::Candidate, true));
    settle(&mut raft, &mut storage, &mut Vec::new());
    assert_eq!((raft.role(), storage.hard_state.vote), (Role::Leader, 7));
}

#[test]
fn a_sole_voter_s_durable_entries_can_be_seen_when_it_cannot_write() {
    let entry = |term, index| Entry { term, index, payload: payload(index) };
    let hard_state = HardState { term: 3, vote: 7, commit: 1 };
    let mut storage = Storage { hard_state, entries: vec![entry(2, 1), entry(3, 2)] };
    let mut applied = Vec::new();
    let mut raft = restart(&storage, &mut applied);
    raft.ready().expect("a vote, for which there is no room");
    raft.take_back();
    raft.commit_persisted();
    raft.take_committed(|entry| applied.push(entry));
    assert_eq!(applied, storage.entries);
    settle(&mut raft, &mut storage, &mut applied);
    assert_eq!(applied.len(), 3, "the no-op follows");
    assert_eq!(storage.hard_state, HardState { term: 4, vote: 7, commit: 3 });
}

/// What is committed without an entry of the own term does not wait for a majority any more: the next is taken.
#[test]
fn what_was_seen_on_a_full_disk_is_not_counted_as_waiting() {
    let limits = Limits { uncommitted_bytes: 1, ..Limits::default() };
    let old = Entry { term: 3, index: 1, payload: payload(1) };
    let hard_state = HardState { term: 3, vote: 7, commit: 0 };
    let mut storage = Storage { hard_state, entries: vec![old.clone()] };
    let mut raft = limited(limits, hard_state, vec![old]).expect("usable");
    raft.campaign();
    let vote = raft.ready().expect("a vote");
    storage.write(&vote);
    raft.persisted(vote.ticket);
    raft.ready().expect("the no-op, for which there is no room");
    raft.take_back();
    raft.commit_persisted();
    settle(&mut raft, &mut storage, &mut Vec::new());
    assert!(raft.propose(payload(2)).is_ok());
    // The control: now one is waiting.
    assert_eq!(raft.propose(payload(3)), Err(NotTaken::Full));
}

#[test]
fn a_contradictory_past_is_refused() {
    let entry = |term, index| Entry { term, index, payload: payload(index) };
    let made = |hard_state, entries| member(hard_state, entries).map(|_| ());
    let state = |term, commit| HardState { term, vote: 0, commit };
    assert_eq!(
        made(state(1, 0), vec![entry(1, 1), entry(1, 3)]),
        Err(Unusable::Gap { after: 1, found: 3 })
    );
    assert_eq!(
        made(state(3, 0), vec![entry(3, 1), entry(2, 2)]),
        Err(Unusable::TermBack { index: 2, term: 2, before: 3 })
    );
    assert_eq!(
        made(state(1, 2), vec![entry(1, 1)]),
        Err(Unusable::CommitBeyondLog { commit: 2, last: 1 })
    );
    assert_eq!(
        made(state(1, 0), vec![entry(2, 1)]),
        Err(Unusable::TermAhead { index: 1, term: 2, known: 1 })
    );
    assert_eq!(made(state(2, 1), vec![entry(2, 1)]), Ok(()));
}

#[derive(Clone, Debug)]
enum Step {
    Propose,
    /// Hand out, and write to storage, but do not acknowledge yet.
    Write,
    /// Acknowledge the oldest write.
    Acknowledge,
    /// Lose everything that was not written.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Propose), 3 => Just(Step::Write), 3 => Just(Step::Acknowledge), 1 => Just(Step::Crash)
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever happens: indexes are consecutive, every applied entry stays, terms never go back.
    #[test]
    fn applied_entries_survive_every_crash(steps in steps()) {
        let mut storage = Storage::default();
        let mut raft = storage.restart();
        raft.campaign();
        let mut written = std::collections::VecDeque::new();
        // What clients were told, over all lives of the member.
        let mut told: Vec<Entry> = Vec::new();
        let mut applied = 0;
        let mut proposals = 0;
        let mut term = 0;
        for step in steps {
            let mut taken = Vec::new();
            match step {
                Step::Propose => {
                    proposals += 1;
                    let _ = raft.propose(payload(proposals));
                }
                Step::Write => {
                    if let Some(ready) = raft.ready() {
                        storage.write(&ready);
                        written.push_back(ready.ticket);
                    }
                }
                Step::Acknowledge => {
                    if let Some(ticket) = written.pop_front() {
                        raft.persisted(ticket);
                    }
                }
                Step::Crash => {
                    written.clear();
                    applied = 0;
                    raft = restart(&storage, &mut taken);
                }
            }
            let now = raft.hard_state().term;
            prop_assert!(now >= term);
            term = now;
            raft.take_committed(|entry| taken.push(entry));
            for entry in taken {
                applied += 1;
                prop_assert_eq!(entry.index, applied);
                match told.get(applied as usize - 1) {
                    Some(before) => prop_assert_eq!(before, &entry),
                    None => told.push(entry),
                }
            }
        }
        let mut after = Vec::new();
        raft = restart(&storage, &mut after);
        settle(&mut raft, &mut storage, &mut after);
        prop_assert_eq!(&after[..told.len()], &told[..]);
    }
}

/// The control of the property above: a storage that drops writes must be noticed by it.
#[test]
fn a_storage_that_forgets_is_noticed() {
    let mut storage = Storage::default();
    let mut raft = storage.restart();
    raft.campaign();
    let mut told = Vec::new();
    settle(&mut raft, &mut storage, &mut told);
    raft.propose(payload(1)).expect("leads");
    let lost = raft.ready().expect("one entry");
    raft.persisted(lost.ticket);
    raft.take_committed(|entry| told.push(entry));
    let mut after = Vec::new();
    let mut restarted = restart(&storage, &mut after);
    settle(&mut restarted, &mut storage, &mut after);
    assert_ne!(after[..told.len()], told[..]);
}

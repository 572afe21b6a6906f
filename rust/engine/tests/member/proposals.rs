//! Every proposal is answered exactly once, whatever happens around it.

use std::collections::HashSet;
use std::sync::Arc;

use coreos_engine::{Completion, Member, MemberConfig, Refused};
use coreos_wal::WalOptions;
use tempfile::tempdir;

use crate::common::{config, read, set};
use crate::inbox::{Inbox, tickets};

#[test]
fn several_threads_get_one_answer_each_in_their_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 500;
    let dir = tempdir().expect("a directory");
    let member = Member::open(&config(dir.path()), true).expect("a start");
    let inbox = Inbox::of(&member);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let member = member.clone();
            scope.spawn(move || {
                for n in 0..EACH {
                    let write = set(&format!("/{thread}"), &n.to_string());
                    let mut one = vec![(write, thread * EACH + n + 1)];
                    assert!(member.propose_many(&mut one).is_empty());
                }
            });
        }
    });
    let all = (THREADS * EACH) as usize;
    let order = inbox.wait(|got| Some(tickets(got)).filter(|order| order.len() >= all));
    assert_eq!(order.len(), all);
    assert_eq!(order.iter().collect::<HashSet<_>>().len(), all, "nobody is answered twice");
    for thread in 0..THREADS {
        let own: Vec<u64> =
            order.iter().copied().filter(|ticket| (ticket - 1) / EACH == thread).collect();
        assert!(own.is_sorted(), "thread {thread}");
        let value = format!("\"value\":\"{}\"", EACH - 1);
        assert!(read(&member, &format!("/{thread}")).contains(&value));
    }
    let indexes = inbox.wait(|got| {
        let index = |one: &Completion| match one {
            Completion::Applied { raft_index, .. } => Some(*raft_index),
            _ => None,
        };
        Some(got.iter().filter_map(index).collect::<Vec<u64>>())
    });
    assert!(indexes.is_sorted_by(|a, b| a < b), "answers come in the order of the log");
    let syncs = member.status().syncs;
    assert!(syncs < all as u64, "{syncs} syncs: writes that wait together share one");
    member.close();
    assert_eq!(inbox.tickets().len(), all, "closing answers nobody again");
}

#[test]
fn closing_answers_everything_that_was_taken() {
    let dir = tempdir().expect("a directory");
    // The proposer is faster than the disk: a segment has to hold the largest batch.
    let wal = WalOptions { segment_bytes: 16 << 20, nonce_seed: None };
    let config = MemberConfig { wal, ..config(dir.path()) };
    let member = Member::open(&config, true).expect("a start");
    let inbox = Inbox::of(&member);
    let (mut taken, mut not_taken) = (HashSet::new(), HashSet::new());
    std::thread::scope(|scope| {
        let proposer = scope.spawn(|| {
            let (mut taken, mut not_taken) = (HashSet::new(), HashSet::new());
            // Until the member is closed, which is what ends it.
            for ticket in 1.. {
                let mut one = vec![(set("/n", &ticket.to_string()), ticket)];
                match member.propose_many(&mut one).pop() {
                    None => taken.insert(ticket),
                    Some((its, Refused::Full)) => not_taken.insert(its),
                    Some((its, refused)) => {
                        assert_eq!((its, refused), (ticket, Refused::Stopping));
                        not_taken.insert(its);
                        break;
                    }
                };
            }
            (taken, not_taken)
        });
        inbox.wait(|got| (got.len() > 20).then_some(()));
        member.close();
        let outcome = proposer.join().expect("the proposer");
        (taken, not_taken) = outcome;
    });
    let answered = inbox.tickets();
    assert_eq!(answered.len(), taken.len());
    assert_eq!(answered.iter().copied().collect::<HashSet<u64>>(), taken);
    assert!(taken.is_disjoint(&not_taken) && !not_taken.is_empty());
    let last = answered.last().expect("an answer");
    let again = Member::open(&config, true).expect("a start");
    assert!(read(&again, "/n").contains(&format!("\"value\":\"{last}\"")), "none of it is lost");
    again.close();
}

#[test]
fn whoever_closes_comes_back_when_all_is_done() {
    const PROPOSALS: u64 = 2_000;
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let member = Member::open(&config, true).expect("a start");
    let inbox = Inbox::of(&member);
    let mut all = (1..=PROPOSALS).map(|n| (set("/n", &n.to_string()), n)).collect();
    assert!(member.propose_many(&mut all).is_empty());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                member.close();
                assert_eq!(inbox.tickets().len() as u64, PROPOSALS, "nobody is early");
            });
        }
    });
    let not_taken = member.propose_many(&mut vec![(set("/a", "1"), 7), (set("/a", "2"), 8)]);
    assert_eq!(not_taken, [(7, Refused::Stopping), (8, Refused::Stopping)]);
    assert_eq!(inbox.tickets().len() as u64, PROPOSALS);
    Member::open(&config, true).expect("the directory is free").close();
}

#[test]
fn a_log_that_fails_says_so_once_and_acknowledges_nothing_more() {
    let dir = tempdir().expect("a directory");
    let wal = WalOptions { segment_bytes: 4096, nonce_seed: None };
    let config = MemberConfig { wal, ..config(dir.path()) };
    let member = Member::open(&config, true).expect("a start");
    let inbox = Inbox::of(&member);
    member.propose_many(&mut vec![(set("/fits", "1"), 1)]);
    inbox.outcome(1);
    // No segment has room for it, which the log can only take for a defect.
    member.propose_many(&mut vec![(set("/too-large", &"x".repeat(8_000)), 2)]);
    let why = inbox.wait(|got| {
        got.iter().find_map(|one| match one {
            Completion::Poisoned(why) => Some(why.clone()),
            _ => None,
        })
    });
    assert_eq!(member.status().poisoned.as_ref(), Some(&why));
    let not_taken = member.propose_many(&mut vec![(set("/fits", "2"), 3)]);
    assert_eq!(not_taken, [(3, Refused::Poisoned(why))]);
    assert_eq!(inbox.tickets(), [1]);
    // Who comes too late to be told is told all the same.
    let late: Arc<Inbox> = Inbox::of(&member);
    late.wait(|got| matches!(got, [Completion::Poisoned(_)]).then_some(()));
    member.close();
    let again = Member::open(&config, true).expect("a start");
    assert!(read(&again, "/").contains("/fits"));
    assert!(!read(&again, "/").contains("/too-large"));
    again.close();
}

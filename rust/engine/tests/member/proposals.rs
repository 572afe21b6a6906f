//! Every proposal is answered exactly once, whatever happens around it.

use std::collections::HashSet;
use std::sync::Arc;

use coreos_engine::boot::boot;
use coreos_engine::replica::PROPOSAL_BYTES_MAX;
use coreos_engine::{Completion, Member, MemberConfig, Now, RealDisk, Refused};
use coreos_store::{Body, Code, Write};
use coreos_wal::{Batch, WalOptions};
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
    // There is no way to the next segment.
    let (log, away) = (dir.path().join("member/wal"), dir.path().join("away"));
    std::fs::rename(&log, &away).expect("moved");
    member.propose_many(&mut vec![(set("/fails", &"x".repeat(3_800)), 2)]);
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
    std::fs::rename(&away, &log).expect("moved back");
    let again = Member::open(&config, true).expect("a start");
    assert!(read(&again, "/").contains("/fits"));
    assert!(!read(&again, "/").contains("/fails"));
    again.close();
}

#[test]
fn a_proposal_over_the_limit_is_refused_with_the_limit() {
    let dir = tempdir().expect("a directory");
    let config = MemberConfig { wal: WalOptions::default(), ..config(dir.path()) };
    let member = Member::open(&config, false).expect("a start");
    let inbox = Inbox::of(&member);
    let path = "/large";
    // Every part counts, not only the value.
    let fits = Write {
        prev_value: Some(vec![b'p'; 1 << 20]),
        ..set(path, &"x".repeat(PROPOSAL_BYTES_MAX - (1 << 20) - path.len()))
    };
    let mut over = fits.clone();
    over.prev_value.as_mut().expect("one").push(b'p');
    let not_taken = member.propose_many(&mut vec![(over, 1), (fits, 2), (set("/after", "1"), 3)]);
    let (bytes, bytes_max) = (PROPOSAL_BYTES_MAX + 1, PROPOSAL_BYTES_MAX);
    assert_eq!(not_taken, [(1, Refused::TooLarge { bytes, bytes_max })]);
    assert!(not_taken[0].1.to_string().contains("the limit is 50331648"));
    // The control: the largest one goes through.
    assert!(inbox.outcome(2).outcome.is_ok());
    assert!(inbox.outcome(3).outcome.is_ok());
    member.close();
}

#[test]
fn what_no_segment_has_room_for_is_refused_and_writing_goes_on() {
    let dir = tempdir().expect("a directory");
    let wal = WalOptions { segment_bytes: 4096, nonce_seed: None };
    let config = MemberConfig { wal, ..config(dir.path()) };
    let member = Member::open(&config, true).expect("a start");
    let inbox = Inbox::of(&member);
    member.propose_many(&mut vec![(set("/too-large", &"x".repeat(8_000)), 1)]);
    let error = inbox.outcome(1).outcome.expect_err("refused");
    assert_eq!(error.code, Code::RaftInternal);
    assert!(String::from_utf8_lossy(&error.json()).contains("too large"));
    assert!(member.propose_many(&mut vec![(set("/fits", "1"), 2)]).is_empty());
    assert!(inbox.outcome(2).outcome.is_ok());
    assert_eq!((member.status().poisoned, member.status().read_only), (None, None));
    member.close();
    let again = Member::open(&config, true).expect("a start");
    assert!(read(&again, "/").contains("/fits"));
    again.close();
}

#[test]
fn how_long_the_oldest_proposal_waits_is_known() {
    const MS: u64 = 1_000_000;
    let dir = tempdir().expect("a directory");
    let config = config(dir.path());
    let began = Now { mono_ns: MS, wall_ns: 1_000_000 * MS };
    let after = |ms: u64| Now { mono_ns: began.mono_ns + ms * MS, ..began };
    let mut parts = boot(RealDisk::new(false), &config, began).expect("a start");
    parts.lead(&config, began, &mut |_| {}).expect("led");
    let replica = &mut parts.replica;
    assert_eq!(replica.oldest_in_flight_ns(after(5_000)), 0, "nothing waits");
    for (ms, ticket) in [(10, 1), (200, 2)] {
        replica.propose(after(ms), Body::Write(set("/a", "1")), ticket).expect("taken");
    }
    let mut batch = Batch::new();
    let writing = replica.fill(after(300), false, &mut batch).expect("a batch");
    assert_eq!(replica.oldest_in_flight_ns(after(3_010)), 3_000 * MS);
    replica.propose(after(400), Body::Write(set("/a", "2")), 3).expect("taken");
    parts.wal.write(&mut batch).expect("written");
    replica.written(after(410), &writing);
    assert_eq!(replica.oldest_in_flight_ns(after(3_010)), 2_610 * MS, "the younger one is left");
}

//! For how long a member may sleep. That nothing happens meanwhile is looked at in every world of `cluster.rs`.

use coreos_raft::{
    Config, HardState, Limits, Membership, Message, Position, Raft, Recovered, Role, Said,
};

const ELECTION: u32 = 20;
const HEARTBEAT: u32 = 4;

fn member(id: u64, voters: &[u64], learners: &[u64]) -> Raft {
    let config = Config {
        id,
        election_ticks: ELECTION,
        heartbeat_ticks: HEARTBEAT,
        seed: id,
        limits: Limits::default(),
    };
    let recovered = Recovered {
        hard_state: HardState { term: 1, vote: 0, commit: 10 },
        before: Position { term: 1, index: 10 },
        applied: 10,
        membership: Membership::new(voters, learners),
        ..Recovered::default()
    };
    Raft::new(config, recovered).expect("usable")
}

fn store(raft: &mut Raft) {
    while let Some(ready) = raft.ready() {
        raft.persisted(ready.ticket);
        raft.take_committed(drop);
    }
    raft.take_messages();
}

fn heartbeat(from: u64, to: u64, term: u64) -> Message {
    Message { from, to, term, said: Said::Heartbeat { commit: 0, round: 0 } }
}

/// Ticks until something happens, all counted.
fn slept(raft: &mut Raft) -> u32 {
    let role = raft.role();
    let leader = raft.leader();
    for ticks in 1..1_000 {
        raft.tick();
        if !raft.take_messages().is_empty() || (raft.role(), raft.leader()) != (role, leader) {
            return ticks;
        }
    }
    u32::MAX
}

#[test]
fn a_sole_voter_that_leads_may_sleep_for_ever() {
    let mut raft = member(1, &[1], &[]);
    assert!((ELECTION..2 * ELECTION).contains(&raft.idle_ticks()), "{}", raft.idle_ticks());
    raft.campaign();
    assert_eq!((raft.role(), raft.idle_ticks()), (Role::Candidate, u32::MAX), "the disk's turn");
    store(&mut raft);
    assert_eq!((raft.role(), raft.idle_ticks()), (Role::Leader, u32::MAX));
    assert_eq!(slept(&mut raft), u32::MAX);
    // The control: one that has anybody to tell of itself.
    let mut raft = member(1, &[1], &[2]);
    raft.campaign();
    store(&mut raft);
    assert_eq!((raft.role(), raft.idle_ticks()), (Role::Leader, HEARTBEAT));
    assert_eq!(slept(&mut raft), HEARTBEAT);
}

#[test]
fn a_leader_wakes_for_heartbeats_and_to_count_its_followers() {
    let mut raft = member(1, &[1, 2, 3], &[]);
    raft.campaign();
    for said in [Said::PreVoteReply { granted: true }, Said::VoteReply { granted: true }] {
        raft.step(Message { from: 2, to: 1, term: 2, said });
        store(&mut raft);
    }
    assert_eq!(raft.role(), Role::Leader);
    for heartbeat in 1..ELECTION / HEARTBEAT {
        assert_eq!(raft.idle_ticks(), HEARTBEAT, "{heartbeat}");
        raft.tick();
        assert_eq!(raft.idle_ticks(), HEARTBEAT - 1);
        assert_eq!(slept(&mut raft), HEARTBEAT - 1);
    }
    raft.tick();
    assert!(raft.hand_over(2));
    raft.take_messages();
    assert_eq!(raft.idle_ticks(), HEARTBEAT - 1, "it also counts its followers then");
    assert_eq!(slept(&mut raft), HEARTBEAT - 1);
    assert_eq!(raft.role(), Role::Follower, "nobody had been heard since its election");
}

#[test]
fn others_wake_when_their_patience_is_over() {
    let mut raft = member(1, &[1, 2, 3], &[]);
    raft.step(heartbeat(2, 1, 2));
    store(&mut raft);
    let patience = raft.idle_ticks();
    assert!((ELECTION..2 * ELECTION).contains(&patience), "{patience}");
    (1..patience).for_each(|_| raft.tick());
    raft.step(heartbeat(2, 1, 2));
    raft.take_messages();
    assert_eq!(raft.idle_ticks(), patience, "a word from the leader: all of it again");
    assert_eq!(slept(&mut raft), patience);
    raft.step(heartbeat(2, 1, 2));
    raft.suspect_leader(2);
    assert!((1..=ELECTION / 4).contains(&raft.idle_ticks()), "{}", raft.idle_ticks());
}

#[test]
fn who_may_not_ask_for_votes_wakes_only_to_leave_a_silent_leader() {
    let mut raft = member(3, &[1, 2], &[3]);
    assert_eq!((raft.idle_ticks(), slept(&mut raft)), (u32::MAX, u32::MAX));
    raft.step(heartbeat(2, 3, 2));
    store(&mut raft);
    let patience = raft.idle_ticks();
    assert_ne!(patience, u32::MAX);
    assert_eq!(slept(&mut raft), patience);
    assert_eq!((raft.leader(), raft.idle_ticks()), (0, u32::MAX));
}

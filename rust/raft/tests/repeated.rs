//! A leader that repeats itself is answered, also when there is nothing to write: a driver that waits for
//! [`Raft::has_urgent`] gives the answer, too.

use coreos_raft::{
    Config, HardState, Limits, Membership, Message, Position, Raft, Recovered, Said,
};

/// A follower with ten committed entries.
fn follower() -> Raft {
    let config = Config {
        id: 1,
        election_ticks: 20,
        heartbeat_ticks: 4,
        seed: 1,
        limits: Limits::default(),
    };
    let recovered = Recovered {
        hard_state: HardState { term: 1, vote: 0, commit: 10 },
        before: Position { term: 1, index: 10 },
        applied: 10,
        membership: Membership::new(&[1, 2, 3], &[]),
        ..Recovered::default()
    };
    Raft::new(config, recovered).expect("usable")
}

/// What it says to an append after entry `index`, by a driver that does nothing without need.
fn answer(raft: &mut Raft, index: u64) -> Vec<Said> {
    let said =
        Said::Append { before: Position { term: 1, index }, entries: Vec::new(), commit: 10 };
    raft.step(Message { from: 2, to: 1, term: 1, said });
    if raft.has_urgent()
        && let Some(ready) = raft.ready()
    {
        raft.persisted(ready.ticket);
    }
    raft.take_messages().into_iter().map(|message| message.said).collect()
}

#[test]
fn what_is_known_already_is_acknowledged_each_time() {
    let mut raft = follower();
    for _ in 0..3 {
        // Before what is committed, and at its end.
        assert_eq!(answer(&mut raft, 8), [Said::Accepted { matched: 10 }]);
        assert_eq!(answer(&mut raft, 10), [Said::Accepted { matched: 10 }]);
    }
    assert!(!raft.has_urgent(), "an answer is given once");
}

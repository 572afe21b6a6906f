//! From a data directory to a member that is ready to lead: newest good snapshot, then the log.

mod forced;
mod founding;
mod lead;
mod replay;
mod snapshots;

use std::sync::Arc;

use coreos_raft::{Config, HardState, Limits, Membership, Position, Raft, Recovered};
use coreos_store::{Members, Store};
use coreos_wal::{Batch, DataDir, DirState, Disk, Identity, Wal};

use crate::applier::Applier;
use crate::chores::Chores;
use crate::clock::{ClusterClock, Now};
use crate::config::MemberConfig;
use crate::error::{EngineError, ErrorKind};
use crate::ids::cluster_id;
use crate::replica::{Beginning, HEARTBEAT_TICKS, Note, Pace, Replica};
use crate::snapshot::Snapshots;
use crate::versions;
use forced::Forced;
use founding::{found, founding};
use replay::{Replay, Replayed};
use snapshots::newest_snapshot;
pub(crate) use snapshots::restore;

/// Everything of one member, on no thread yet.
pub struct Parts {
    /// What it decides.
    pub replica: Replica,
    /// What that has come to.
    pub applier: Applier,
    /// Its log.
    pub wal: Wal,
    /// Who it is.
    pub identity: Identity,
    /// What is done beside the log.
    pub chores: Chores,
    /// What recovery found and did, a line each.
    pub notes: Vec<String>,
    pub(crate) batch: Batch,
}

/// Recover the member in `config.data_dir`, or begin a new one there.
///
/// # Errors
/// The directory is foreign, damaged, of another cluster or of a newer version, or the disk refuses.
pub fn boot(disk: Arc<dyn Disk>, config: &MemberConfig, now: Now) -> Result<Parts, EngineError> {
    let dir = DataDir::new(disk, &config.data_dir);
    match dir.state()? {
        DirState::Empty | DirState::Unfinished => create(dir, config, now),
        DirState::Member(identity) => recover(dir, identity, config, now),
    }
}

fn create(dir: DataDir, config: &MemberConfig, now: Now) -> Result<Parts, EngineError> {
    let (identity, founding) = founding(config)?;
    let mut wal = dir.create(&identity, &config.wal)?;
    let recovered = match founding {
        Some(members) => found(&mut wal, &members)?,
        // It knows nobody until the cluster's leader speaks to it.
        None => Recovered::default(),
    };
    begin(dir, wal, identity, recovered, config, now)
}

/// A member whose log has nothing but its founding.
fn begin(
    dir: DataDir,
    wal: Wal,
    identity: Identity,
    recovered: Recovered,
    config: &MemberConfig,
    now: Now,
) -> Result<Parts, EngineError> {
    let notes = if recovered.entries.is_empty() {
        vec![Note::Start { incarnation: 1 }]
    } else {
        Vec::new()
    };
    let raft = new_raft(&identity, config, recovered)?;
    let snapshots = Snapshots::new(config.snapshot_count, config.max_snapshots);
    let beginning = Beginning {
        raft,
        clock: ClusterClock::continued(0, now),
        heard_ns: 0,
        incarnation: 1,
        notes,
        members: Members::default(),
        cluster_version: None,
        pace: Pace::new(config.heartbeat_ms, config.election_ms),
        shows_machine_keys: !config.upstream,
        speaks: config.speaks.clone(),
    };
    Ok(Parts {
        replica: Replica::new(beginning, now),
        applier: Applier::new(Store::new(config.store()), 0, 0),
        chores: Chores::new(dir, snapshots, &wal),
        wal,
        identity,
        notes: Vec::new(),
        batch: Batch::new(),
    })
}

fn new_raft(
    identity: &Identity,
    config: &MemberConfig,
    recovered: Recovered,
) -> Result<Raft, EngineError> {
    let config = Config {
        id: identity.member_id,
        election_ticks: Pace::new(config.heartbeat_ms, config.election_ms).election_ticks(),
        heartbeat_ticks: HEARTBEAT_TICKS,
        seed: identity.member_id ^ recovered.hard_state.term.rotate_left(32),
        // How much is in flight is the replica's to bound.
        limits: Limits { uncommitted_bytes: usize::MAX, ..config.limits.clone() },
    };
    Raft::new(config, recovered)
        .map_err(|error| EngineError::new(ErrorKind::Damaged, error.to_string()))
}

fn recover(
    dir: DataDir,
    identity: Identity,
    config: &MemberConfig,
    now: Now,
) -> Result<Parts, EngineError> {
    if let Some(token) = config.token.as_ref().filter(|token| **token != identity.token) {
        let message = format!(
            "{} belongs to the cluster with the token \"{}\", but this member was started with \"{token}\": give \
             the directory's own token, or another --data-dir",
            config.data_dir.display(),
            identity.token
        );
        return Err(EngineError::new(ErrorKind::Mismatch, message));
    }
    let mut notes = Vec::new();
    let mut snapshots = Snapshots::new(config.snapshot_count, config.max_snapshots);
    let (restored, broken) = newest_snapshot(&dir, &config.store())?;
    let (store, position) = match restored {
        Some((store, taken, before)) => {
            snapshots = snapshots.started_from(taken, before);
            (store, Position { term: taken.term, index: taken.index })
        }
        None => (Store::new(config.store()), Position::default()),
    };
    versions::must_speak(&config.speaks, store.cluster_version())?;
    let applier = Applier::new(store, position.index, position.term);
    let mut replay = Replay::new(applier, &config.speaks);
    let recovered = dir.recover(&config.wal, position.index, &mut |record| replay.visit(record));
    let (mut wal, recovery) = match recovered {
        Ok(recovered) => recovered,
        Err(error) => return Err(replay.failure().unwrap_or_else(|| error.into())),
    };
    if recovery.incarnation == 0
        && let (0, 0) = (position.index, recovery.last_index)
        && let Ok((founded, Some(founders))) = founding(config)
        && (founded.cluster_id, founded.member_id) == (identity.cluster_id, identity.member_id)
    {
        // The first start was cut off before the first batch was durable: the member has said nothing to anybody.
        let recovered = found(&mut wal, &founders)?;
        return begin(dir, wal, identity, recovered, config, now);
    }
    // Only now: a start that is refused leaves everything as it was.
    for (file, why) in broken {
        dir.mark_broken(&file)?;
        notes.push(format!(
            "snapshot {} cannot be read ({why}): renamed to .broken, the one before it is used",
            file.path.display()
        ));
    }
    notes.extend(recovery.notes);
    replay.end_at(recovery.last_index);
    let mut state = HardState {
        term: recovery.term.max(position.term),
        // A vote belongs to its term.
        vote: if position.term > recovery.term { 0 } else { recovery.vote },
        commit: recovery.commit.max(position.index),
    };
    let incarnation = recovery.incarnation + 1;
    let mut start_notes = vec![Note::Start { incarnation }];
    if config.force_new_cluster {
        let forced = Forced { replay: &mut replay, identity: &identity, config };
        notes.push(forced.make(&mut wal, &mut state, incarnation)?);
        start_notes.clear();
    }
    let latest_ns = replay.latest_ns();
    let Replayed { applier, before, entries } = replay.end();
    let heard_ns = applier.store.time_ns().max(recovery.clock_ns).max(latest_ns);
    let members = applier.store.members_table();
    let recovered = Recovered {
        hard_state: state,
        before,
        entries,
        applied: applier.raft_index,
        membership: membership(&members, &identity),
    };
    let raft = new_raft(&identity, config, recovered)?;
    let beginning = Beginning {
        raft,
        clock: ClusterClock::continued(heard_ns, now),
        heard_ns,
        incarnation,
        notes: start_notes,
        members,
        cluster_version: applier.store.cluster_version().map(str::to_owned),
        pace: Pace::new(config.heartbeat_ms, config.election_ms),
        shows_machine_keys: !config.upstream,
        speaks: config.speaks.clone(),
    };
    Ok(Parts {
        replica: Replica::new(beginning, now),
        applier,
        chores: Chores::new(dir, snapshots, &wal),
        wal,
        identity,
        notes,
        batch: Batch::new(),
    })
}

/// Who belongs to the cluster. A store without members is that of a member that has joined and heard nothing yet; or
/// that of the only member, if version 0.2 or older was cut off while it made it.
fn membership(members: &Members, identity: &Identity) -> Membership {
    let own = identity.member_id;
    if members.iter().next().is_none() && identity.cluster_id == cluster_id(&[own]) {
        return Membership::new(&[own], &[]);
    }
    crate::membership::of(members)
}

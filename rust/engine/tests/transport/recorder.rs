//! Records what links tell a member.
#![allow(dead_code)] // Each test program uses its part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coreos_engine::SnapshotMeta;
use coreos_engine::peers::{Content, Frame};
use coreos_engine::transport::{Inbox, PeerVersions, SnapshotSink, Standing};
use coreos_raft::{Message, Said};
use coreos_store::MemberInfo;
use parking_lot::{Condvar, Mutex};

use super::shelf::Shelf;

/// After this a test has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Received(u64, Content),
    Connected(u64, PeerVersions),
    Unreachable(u64),
    Gone(u64),
    Removed(String),
    SnapshotEnded(u64, Option<u64>),
    Log(String),
    /// A forwarded command is held back.
    Stalls,
}

#[derive(Default)]
pub struct Recorder {
    told: Mutex<Vec<Told>>,
    changed: Condvar,
    /// While it is true, a forwarded command is not taken out of the link.
    stalls: Mutex<bool>,
    opened: Condvar,
    pub standing: Mutex<BTreeMap<u64, Standing>>,
    pub shelf: Arc<Mutex<Shelf>>,
    pub members: Mutex<Vec<MemberInfo>>,
    pub cluster_version: Mutex<Option<String>>,
}

impl Recorder {
    fn tell(&self, told: Told) {
        self.told.lock().push(told);
        self.changed.notify_all();
    }

    /// Wait for what `find` finds, and take it out.
    pub fn take<T>(&self, what: &str, find: impl Fn(&Told) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        let mut told = self.told.lock();
        loop {
            if let Some((at, found)) =
                told.iter().enumerate().find_map(|(at, one)| Some((at, find(one)?)))
            {
                told.remove(at);
                return found;
            }
            assert!(
                !self.changed.wait_until(&mut told, until).timed_out(),
                "no {what} in {told:?}"
            );
        }
    }

    pub fn expect(&self, wanted: &Told) {
        self.take(&format!("{wanted:?}"), |told| (told == wanted).then_some(()));
    }

    pub fn connected(&self, peer: u64) -> PeerVersions {
        self.take("connected", |told| match told {
            Told::Connected(whom, versions) if *whom == peer => Some(versions.clone()),
            _ => None,
        })
    }

    /// A line that holds all of these.
    pub fn logged(&self, parts: &[&str]) -> String {
        self.take(&format!("line with {parts:?}"), |told| match told {
            Told::Log(line) if parts.iter().all(|part| line.contains(part)) => Some(line.clone()),
            _ => None,
        })
    }

    /// The next forwarded command, whatever else has come.
    pub fn forwarded(&self) -> Bytes {
        self.take("forwarded command", |told| match told {
            Told::Received(_, Content::Forward(commands)) => Some(commands[0].clone()),
            _ => None,
        })
    }

    /// The next heartbeat's commit index.
    pub fn heartbeat(&self) -> u64 {
        self.take("heartbeat", |told| match told {
            Told::Received(
                _,
                Content::Raft(Message { said: Said::Heartbeat { commit, .. }, .. }),
            ) => Some(*commit),
            _ => None,
        })
    }

    pub fn count(&self, is_meant: impl Fn(&Told) -> bool) -> usize {
        self.told.lock().iter().filter(|told| is_meant(told)).count()
    }

    pub fn stall(&self, stalls: bool) {
        *self.stalls.lock() = stalls;
        self.opened.notify_all();
    }

    pub fn stands(&self, id: u64, standing: Standing) {
        self.standing.lock().insert(id, standing);
    }
}

impl Inbox for Recorder {
    fn receive(&self, from: u64, frame: Frame) {
        for content in frame.contents {
            if matches!(content, Content::Forward(_)) {
                let mut stalls = self.stalls.lock();
                if *stalls {
                    self.tell(Told::Stalls);
                }
                while *stalls {
                    self.opened.wait(&mut stalls);
                }
            }
            self.tell(Told::Received(from, content));
        }
    }

    fn connected(&self, peer: u64, versions: PeerVersions) {
        self.tell(Told::Connected(peer, versions));
    }

    fn unreachable(&self, peer: u64) {
        self.tell(Told::Unreachable(peer));
    }

    fn gone(&self, peer: u64) {
        self.tell(Told::Gone(peer));
    }

    fn removed(&self, why: String) {
        self.tell(Told::Removed(why));
    }

    fn snapshot_offered(&self, _from: u64, meta: SnapshotMeta) -> Option<Box<dyn SnapshotSink>> {
        Shelf::offer(&self.shelf, meta)
    }

    fn snapshot_ended(&self, to: u64, installed: Option<u64>) {
        self.tell(Told::SnapshotEnded(to, installed));
    }

    fn standing(&self, id: u64) -> Standing {
        self.standing.lock().get(&id).copied().unwrap_or(Standing::Member)
    }

    fn members(&self) -> Vec<MemberInfo> {
        self.members.lock().clone()
    }

    fn cluster_version(&self) -> Option<String> {
        self.cluster_version.lock().clone()
    }

    fn log(&self, line: &str) {
        self.tell(Told::Log(line.to_owned()));
    }
}

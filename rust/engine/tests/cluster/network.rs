//! Members and the channels between them, which can be cut.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coreos_engine::peers::{Content, Frame};
use coreos_engine::transport::SnapshotSource;
use coreos_engine::{COMMANDS_VERSION, EngineError, Links, Member, MemberConfig, member_id};
use crossbeam_channel::{Sender, unbounded};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::common::{self, DEADLINE};
use crate::inbox::Inbox;

/// Tickets of [`Cluster::write`], beside those that tests choose.
static WRITES: AtomicU64 = AtomicU64::new(1 << 20);

#[derive(Default)]
struct Shared {
    members: Mutex<HashMap<u64, Member>>,
    cut: Mutex<HashSet<(u64, u64)>>,
    digests: Mutex<Vec<Digest>>,
}

/// An entry, and what a member has told another of its store after it.
type Digest = (u64, [u8; 20]);

fn digests_of(frame: &Frame) -> Vec<Digest> {
    let digest = |content: &Content| match content {
        Content::Digest { index, digest } => Some((*index, *digest)),
        _ => None,
    };
    frame.contents.iter().filter_map(digest).collect()
}

impl Shared {
    fn receiver(&self, from: u64, to: u64) -> Option<Member> {
        if self.cut.lock().contains(&(from, to)) {
            return None;
        }
        self.members.lock().get(&to).cloned()
    }
}

struct Channels {
    from: u64,
    shared: Arc<Shared>,
    to: Mutex<HashMap<u64, Sender<Frame>>>,
}

impl Links for Channels {
    fn set_peers(&self, peers: Vec<(u64, Vec<String>)>) {
        let mut to = self.to.lock();
        to.retain(|id, _| peers.iter().any(|(peer, _)| peer == id));
        for (peer, _) in peers {
            let (from, shared) = (self.from, self.shared.clone());
            to.entry(peer).or_insert_with(|| {
                let (sender, frames) = unbounded::<Frame>();
                std::thread::spawn(move || {
                    for frame in frames {
                        if let Some(member) = shared.receiver(from, peer) {
                            let digests = digests_of(&frame);
                            member.receive(from, frame);
                            shared.digests.lock().extend(digests);
                        }
                    }
                });
                sender
            });
        }
    }

    fn send(&self, to: u64, frame: Frame) {
        if let Some(sender) = self.to.lock().get(&to) {
            // Its thread ends with the test.
            let _ = sender.send(frame);
        }
    }

    fn send_snapshot(&self, to: u64, _source: SnapshotSource) {
        unreachable!("nobody is so far behind in these tests: {to:x}");
    }

    fn stop(&self) {
        self.to.lock().clear();
    }
}

/// One member of the cluster.
pub struct Node {
    pub id: u64,
    pub member: Member,
    pub inbox: Arc<Inbox>,
    pub config: MemberConfig,
}

/// See the module.
pub struct Cluster {
    pub nodes: Vec<Node>,
    shared: Arc<Shared>,
    _dir: TempDir,
}

impl Cluster {
    /// A new one of `count` members.
    pub fn new(count: usize) -> Self {
        Self::of(&vec![COMMANDS_VERSION; count])
    }

    /// A new one of members that speak these versions.
    pub fn of(speak: &[&str]) -> Self {
        let count = speak.len();
        let dir = tempfile::tempdir().expect("a directory");
        let urls = |n: usize| vec![format!("http://127.0.0.1:{}", 7_000 + n)];
        let initial: Vec<_> = (0..count).map(|n| (format!("m{n}"), urls(n))).collect();
        let shared = Arc::new(Shared::default());
        let node = |n: usize| {
            let config = MemberConfig {
                data_dir: dir.path().join(format!("m{n}")),
                name: format!("m{n}"),
                initial_cluster: initial.clone(),
                peer_urls: urls(n),
                election_ms: 500,
                heartbeat_ms: 50,
                speaks: speak[n].to_owned(),
                ..common::config(dir.path())
            };
            let id = member_id(&urls(n), "etcd-cluster");
            let (member, inbox) = open(&config, id, &shared).expect("a start");
            Node { id, member, inbox, config }
        };
        let nodes = (0..count).map(node).collect();
        let cluster = Self { nodes, shared, _dir: dir };
        cluster.introduce();
        cluster
    }

    /// Every link stands.
    fn introduce(&self) {
        for node in &self.nodes {
            for other in self.nodes.iter().filter(|other| other.id != node.id) {
                node.member.peer_connected(other.id, other.config.speaks.clone());
            }
        }
    }

    /// The others take this one for a program that speaks `version`.
    pub fn introduce_as(&self, at: usize, version: &str) {
        let id = self.nodes[at].id;
        for node in self.nodes.iter().filter(|node| node.id != id) {
            node.member.peer_connected(id, version.to_owned());
        }
    }

    /// Wait until `enough` holds.
    pub fn wait(&self, what: &str, mut enough: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !enough(self) {
            assert!(Instant::now() < deadline, "not in time: {what}: {:#?}", self.states());
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    fn states(&self) -> Vec<coreos_engine::Status> {
        self.nodes.iter().map(|node| node.member.status()).collect()
    }

    /// The member that all that are connected take for the leader.
    pub fn leader(&self) -> usize {
        let mut leader = None;
        self.wait("a leader", |cluster| {
            let states = cluster.states();
            leader = states.iter().position(|state| {
                let follow = states.iter().filter(|other| other.leader_id == state.member_id);
                state.leader_id == state.member_id && 2 * follow.count() > states.len()
            });
            leader.is_some()
        });
        leader.expect("just seen")
    }

    /// All members have applied what the leader has.
    pub fn settle(&self) {
        self.wait("the same everywhere", |cluster| {
            let states = cluster.states();
            states.iter().all(|state| state.applied == states[0].raft_index)
        });
    }

    /// Nothing passes between these two groups.
    pub fn isolate(&self, at: usize) {
        let mut cut = self.shared.cut.lock();
        let id = self.nodes[at].id;
        for other in self.nodes.iter().filter(|other| other.id != id) {
            cut.extend([(id, other.id), (other.id, id)]);
        }
    }

    pub fn heal(&self) {
        self.shared.cut.lock().clear();
        for node in &self.nodes {
            for other in self.nodes.iter().filter(|other| other.id != node.id) {
                node.member.peer_unreachable(other.id);
            }
        }
    }

    /// End a member as if it were killed, as far as that goes in one process, and tell the others.
    pub fn stop(&mut self, at: usize) {
        let id = self.nodes[at].id;
        self.shared.members.lock().remove(&id);
        self.nodes[at].member.close();
        for other in self.nodes.iter().filter(|other| other.id != id) {
            other.member.peer_gone(id);
        }
    }

    pub fn start(&mut self, at: usize) {
        self.try_start(at).expect("a start");
    }

    pub fn try_start(&mut self, at: usize) -> Result<(), EngineError> {
        let node = &mut self.nodes[at];
        (node.member, node.inbox) = open(&node.config, node.id, &self.shared)?;
        self.introduce();
        Ok(())
    }

    /// Have a certain member lead. All that are behind must be stopped.
    pub fn lead(&self, at: usize) {
        self.wait("it leads", |cluster| {
            let is_up = |node: &&Node| cluster.shared.members.lock().contains_key(&node.id);
            let led_by = |node: &&Node| node.member.status().leader_id == node.id;
            let leader = cluster.nodes.iter().filter(is_up).find(led_by);
            let leads = leader.is_some_and(|leader| leader.id == cluster.nodes[at].id);
            if let Some(leader) = leader.filter(|_| !leads) {
                leader.member.hand_over();
            }
            leads
        });
    }

    /// The digests that members have taken from each other.
    pub fn digests(&self) -> Vec<Digest> {
        self.shared.digests.lock().clone()
    }

    /// Write by this member, and wait until it is done.
    pub fn write(&self, at: usize, path: &str) {
        let (node, ticket) = (&self.nodes[at], WRITES.fetch_add(1, Ordering::Relaxed));
        let refused = node.member.propose_many(&mut vec![(common::set(path, "1"), ticket)]);
        assert_eq!(refused, [], "{path}");
        node.inbox.outcome(ticket).outcome.expect("written");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter().for_each(|node| node.member.close());
    }
}

fn open(
    config: &MemberConfig,
    id: u64,
    shared: &Arc<Shared>,
) -> Result<(Member, Arc<Inbox>), EngineError> {
    let member = Member::open(config, false)?;
    let inbox = Inbox::of(&member);
    shared.members.lock().insert(id, member.clone());
    let (shared, to) = (shared.clone(), Mutex::default());
    member.connect(Box::new(Channels { from: id, shared, to }));
    Ok((member, inbox))
}

//! Members without anything in them: they record what their links tell them.
#![allow(dead_code)] // Each test program uses its part.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coreos_engine::SnapshotMeta;
use coreos_engine::peers::{Content, Frame};
use coreos_engine::transport::{
    Inbox, PeerListener, PeerVersions, SnapshotSink, Standing, Timeouts, Transport, TransportConfig,
};
use coreos_raft::{Message, Said};
use coreos_store::MemberInfo;
use coreos_wal::{DataDir, SnapshotWriter};
use parking_lot::{Condvar, Mutex};

/// After this a test has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);
pub const CLUSTER: u64 = 0xc1;

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

/// What comes of a snapshot that is offered.
#[derive(Default)]
pub struct Shelf {
    /// Times one was offered.
    pub offered: usize,
    /// Do not take any.
    pub is_closed: bool,
    /// What the end of one says.
    pub fails: Option<String>,
    pub data: Vec<u8>,
    pub finished: Option<SnapshotMeta>,
    /// Where it is put, if not here.
    pub dir: Option<DataDir>,
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

struct Sink {
    shelf: Arc<Mutex<Shelf>>,
    meta: SnapshotMeta,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shelf.lock().data.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotSink for Sink {
    fn finish(self: Box<Self>) -> Result<(), String> {
        let mut shelf = self.shelf.lock();
        if let Some(why) = shelf.fails.clone() {
            return Err(why);
        }
        shelf.finished = Some(self.meta);
        Ok(())
    }
}

struct File(SnapshotWriter);

impl io::Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotSink for File {
    fn finish(self: Box<Self>) -> Result<(), String> {
        self.0.finish().map(drop).map_err(|error| error.to_string())
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
        let mut shelf = self.shelf.lock();
        shelf.offered += 1;
        shelf.data.clear();
        if let Some(dir) = &shelf.dir {
            return Some(Box::new(File(dir.begin_snapshot(meta).expect("begun"))));
        }
        (!shelf.is_closed).then(|| Box::new(Sink { shelf: self.shelf.clone(), meta }) as _)
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

pub struct Node {
    pub id: u64,
    pub port: u16,
    pub inbox: Arc<Recorder>,
    pub transport: Transport,
}

/// Settings of a test: nothing is given up because the machine is slow.
pub fn config(id: u64) -> TransportConfig {
    let patient =
        Timeouts { dead: DEADLINE, hello: DEADLINE, connect: DEADLINE, ..Timeouts::default() };
    let versions = PeerVersions { program: format!("0.{id}.0"), speaks: "0.2.0".into() };
    TransportConfig { versions, timeouts: patient, ..TransportConfig::new(CLUSTER, id) }
}

pub fn listen(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).expect("a free port")
}

impl Node {
    pub fn start(id: u64) -> Self {
        Self::with(config(id), listen(0), false)
    }

    pub fn with(mut config: TransportConfig, socket: TcpListener, has_tls: bool) -> Self {
        let (id, port) = (config.member_id, socket.local_addr().expect("bound").port());
        config.listeners.push(PeerListener { socket, has_tls });
        let inbox = Arc::new(Recorder::default());
        let transport = Transport::start(config, inbox.clone()).expect("started");
        Self { id, port, inbox, transport }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Call nobody but this peer, and wait until both of its lanes stand.
    pub fn link_to(&self, peer: &Self) {
        self.transport.set_peers(vec![(peer.id, vec![peer.url()])]);
        peer.inbox.connected(self.id);
        peer.inbox.connected(self.id);
        self.inbox.connected(peer.id);
        self.inbox.connected(peer.id);
    }

    pub fn forward(&self, to: u64, command: impl Into<Bytes>) {
        self.transport.send(to, vec![Content::Forward(vec![command.into()])], 0);
    }

    pub fn beat(&self, to: u64, commit: u64) {
        self.transport.send(to, vec![heartbeat(self.id, to, commit)], 0);
    }
}

pub fn heartbeat(from: u64, to: u64, commit: u64) -> Content {
    Content::Raft(Message { from, to, term: 1, said: Said::Heartbeat { commit, round: 0 } })
}

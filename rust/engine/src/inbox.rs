//! Between a member and its transport: what one tells the other.

use std::io::{self, Write};
use std::sync::{Arc, Weak};

use coreos_store::MemberInfo;
use coreos_wal::{SnapshotMeta, SnapshotWriter};

use crate::boot::restore;
use crate::links::Links;
use crate::member::{Inner, Member};
use crate::peers::Frame;
use crate::transport::{
    Inbox, PeerVersions, SnapshotSink, SnapshotSource, Standing, Transport, TransportConfig,
};

impl Member {
    /// Talk to the other members over the network from now on. Once. `known` are ids and peer URLs of members of the
    /// cluster, for a member that joins it and has not heard of any.
    ///
    /// # Errors
    /// In one line: which certificate cannot be used, or what the system refuses.
    pub fn serve_peers(
        &self,
        config: TransportConfig,
        known: Vec<(u64, Vec<String>)>,
    ) -> Result<(), String> {
        *self.0.known_peers.lock() = known;
        let inbox = Arc::new(MemberInbox(Arc::downgrade(&self.0)));
        let transport = Transport::start(config, inbox)?;
        self.connect(Box::new(transport));
        Ok(())
    }
}

impl Links for Transport {
    fn set_peers(&self, peers: Vec<(u64, Vec<String>)>) {
        Transport::set_peers(self, peers);
    }

    fn send(&self, to: u64, frame: Frame) {
        Transport::send(self, to, frame.contents, frame.time_ns);
    }

    fn send_snapshot(&self, to: u64, source: SnapshotSource) {
        Transport::send_snapshot(self, to, source);
    }

    fn stop(&self) {
        Transport::stop(self);
    }
}

/// The transport belongs to the member, so it must not keep it alive.
struct MemberInbox(Weak<Inner>);

impl MemberInbox {
    fn with<R>(&self, act: impl FnOnce(Member) -> R) -> Option<R> {
        self.0.upgrade().map(|inner| act(Member(inner)))
    }
}

impl Inbox for MemberInbox {
    fn receive(&self, from: u64, frame: Frame) {
        self.with(|member| member.receive(from, frame));
    }

    fn connected(&self, peer: u64, versions: PeerVersions) {
        self.with(|member| member.peer_connected(peer, versions.speaks));
    }

    fn unreachable(&self, peer: u64) {
        self.with(|member| member.peer_unreachable(peer));
    }

    fn gone(&self, peer: u64) {
        self.with(|member| member.peer_gone(peer));
    }

    fn removed(&self, why: String) {
        self.with(|member| {
            member.0.log(why);
            member.removed();
        });
    }

    fn snapshot_offered(&self, from: u64, meta: SnapshotMeta) -> Option<Box<dyn SnapshotSink>> {
        let member = self.with(|member| member)?;
        if !member.wants_snapshot(from, meta.index) {
            return None;
        }
        match member.0.dir.begin_snapshot(meta) {
            Ok(writer) => Some(Box::new(Sink { member: self.0.clone(), from, writer })),
            Err(error) => {
                member.0.log(format!("the leader's snapshot cannot be taken: {error}"));
                None
            }
        }
    }

    fn snapshot_ended(&self, to: u64, installed: Option<u64>) {
        self.with(|member| member.snapshot_ended(to, installed));
    }

    fn standing(&self, id: u64) -> Standing {
        let standing = self.with(|member| {
            let core = member.0.core.lock();
            let (members, _) = core.replica.members();
            let knows_nobody = members.iter().next().is_none();
            if members.get(id).is_some() || (knows_nobody && member.0.knows(id)) {
                Standing::Member
            } else if members.is_removed(id) {
                Standing::Removed
            } else {
                Standing::Unknown
            }
        });
        standing.unwrap_or(Standing::Unknown)
    }

    fn members(&self) -> Vec<MemberInfo> {
        self.with(|member| member.members()).unwrap_or_default()
    }

    fn cluster_version(&self) -> Option<String> {
        self.with(|member| member.status().cluster_version).flatten()
    }

    fn log(&self, line: &str) {
        self.with(|member| member.0.log(line.to_owned()));
    }
}

/// A leader's snapshot on its way into the data directory, and from there into the store.
struct Sink {
    member: Weak<Inner>,
    from: u64,
    writer: SnapshotWriter,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl SnapshotSink for Sink {
    fn finish(self: Box<Self>) -> Result<(), String> {
        let Self { member, from, writer } = *self;
        let member = Member(member.upgrade().ok_or("the member has ended")?);
        let meta = writer.meta();
        writer.finish().map_err(|error| error.to_string())?;
        let (store, bytes) = restore(&member.0.dir, meta, &member.0.store_config)?;
        member.install(from, meta, store, bytes);
        Ok(())
    }
}

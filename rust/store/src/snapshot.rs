//! A view to bytes and to a digest: `docs/formats.md`, section 5.

use std::io::{self, Write};

use sha1::{Digest, Sha1};

use crate::arena::{NodeId, ROOT};
use crate::auth_codec;
use crate::children::Place;
use crate::event_codec;
use crate::pack::Packer;
use crate::view::StoreView;
use crate::window::Outcome;

/// Encoding version of the store. One whose users and roles were never touched is written as version 1, which has no
/// part for them.
pub(crate) const VERSION: u64 = 2;

const BUFFER_BYTES: usize = 64 << 10;

/// Collects small values and hands them on in large pieces.
struct Sink<'a> {
    buffer: Vec<u8>,
    write: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
}

impl Sink<'_> {
    fn pack(&mut self) -> Packer<'_> {
        Packer(&mut self.buffer)
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        (self.write)(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl StoreView {
    /// Write the data of a snapshot.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut write = |bytes: &[u8]| out.write_all(bytes);
        let mut sink = Sink { buffer: Vec::with_capacity(2 * BUFFER_BYTES), write: &mut write };
        self.write_state(&mut sink)?;
        sink.pack().uint(self.requests.len() as u64);
        for (id, outcome) in self.requests.iter() {
            let mut to = sink.pack();
            to.array(4).uint(id.member).uint(id.incarnation).uint(id.sequence);
            self.write_outcome(&mut to, outcome);
            sink.flush_if_full()?;
        }
        sink.pack().uint(self.history.len() as u64);
        for event in self.history.iter() {
            event_codec::encode(&mut sink.pack(), event);
            sink.flush_if_full()?;
        }
        sink.pack().array(self.stats.0.len());
        for count in self.stats.0 {
            sink.pack().uint(count);
        }
        self.write_auth(&mut sink);
        sink.flush()
    }

    /// SHA-1 of what all members must agree on.
    #[must_use]
    pub fn digest(&self) -> [u8; 20] {
        let mut hash = Sha1::new();
        let mut write = |bytes: &[u8]| {
            hash.update(bytes);
            Ok(())
        };
        let mut sink = Sink { buffer: Vec::with_capacity(2 * BUFFER_BYTES), write: &mut write };
        let mut digested = || {
            self.write_state(&mut sink)?;
            sink.pack().uint(self.requests.len() as u64);
            for (id, _) in self.requests.iter() {
                sink.pack().array(3).uint(id.member).uint(id.incarnation).uint(id.sequence);
                sink.flush_if_full()?;
            }
            self.write_auth(&mut sink);
            sink.flush()
        };
        digested().expect("hashing does not fail");
        hash.finalize().into()
    }

    /// Parts 1 to 3.
    fn write_state(&self, sink: &mut Sink<'_>) -> io::Result<()> {
        let mut to = sink.pack();
        let version = if self.auth.enabled.is_some() { VERSION } else { 1 };
        to.array(8).uint(version).uint(self.etcd_index).uint(self.time_ns).int(self.offset_ns);
        match &self.cluster_version {
            Some(text) => to.text(text),
            None => to.nil(),
        };
        to.uint(self.nodes.dir(ROOT).subtree_index).bool(self.shows_machine_keys);
        to.array(self.marks.len());
        for (member, (incarnation, sequence)) in &self.marks {
            to.array(3).uint(*member).uint(*incarnation).uint(*sequence);
        }
        to.array(self.members.iter().len());
        for member in self.members.iter() {
            to.array(5).uint(member.id).text(&member.name);
            to.texts(&member.peer_urls).texts(&member.client_urls).bool(member.is_learner);
        }
        to.array(self.members.removed().len());
        for id in self.members.removed() {
            to.uint(id);
        }
        to.uint(self.node_count as u64);
        self.write_nodes(sink)
    }

    /// Part 7, if anything was ever changed there.
    fn write_auth(&self, sink: &mut Sink<'_>) {
        if self.auth.enabled.is_some() {
            auth_codec::encode(&mut sink.pack(), &self.auth);
        }
    }

    /// Every directory before its children, these in the order of their names. A node has its level
    /// instead of its path: those of a deep tree would take the square of its depth.
    fn write_nodes(&self, sink: &mut Sink<'_>) -> io::Result<()> {
        let start = Place { chunk: 0, at: 0 };
        let mut open = vec![(ROOT, start)];
        while let Some((dir, place)) = open.last_mut() {
            let Some((id, next)) = self.nodes.dir(*dir).children.next(*place) else {
                open.pop();
                continue;
            };
            *place = next;
            self.write_node(&mut sink.pack(), id, open.len());
            sink.flush_if_full()?;
            if self.nodes.get(id).is_dir() {
                open.push((id, start));
            }
        }
        Ok(())
    }

    fn write_node(&self, to: &mut Packer<'_>, id: NodeId, level: usize) {
        let node = self.nodes.get(id);
        to.array(7).uint(level as u64).bin(node.text.name()).uint(u64::from(node.is_dir()));
        to.uint(node.created_index).uint(node.modified_index).uint(node.deadline_ns);
        match &node.dir {
            Some(dir) => to.uint(dir.subtree_index),
            None => to.bin(node.text.value()),
        };
    }

    /// An event that the history holds too is not written twice.
    fn write_outcome(&self, to: &mut Packer<'_>, outcome: &Outcome) {
        match outcome {
            Ok(None) => _ = to.nil(),
            Ok(Some(event)) => match self.history.position(event) {
                Some(at) => _ = to.uint(at as u64),
                None => event_codec::encode(to, event),
            },
            Err(error) => event_codec::encode_error(to, error),
        }
    }
}

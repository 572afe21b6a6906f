//! The links between members: frames are delayed, lost, doubled and overtaken, in one direction or both.

use std::collections::BTreeSet;

use bytes::Bytes;
use coreos_engine::peers::{Content, Frame};
use coreos_raft::{Message, Said};

use super::event::{Event, Events, Link, Process};
use super::member::Slot;
use super::{Cluster, MS, Rngs};

/// What is wrong with the network.
#[derive(Default)]
pub(super) struct Network {
    /// From whom nothing comes to whom, by ids.
    cut: BTreeSet<(u64, u64)>,
    /// Of a thousand frames.
    pub lost: u64,
    pub doubled: u64,
    /// The longest delay, in nanoseconds.
    pub delay_ns: u64,
    /// Which fault this is, so that the end of an older one does not mend it.
    pub number: u64,
}

impl Network {
    pub fn is_open(&self, from: u64, to: u64) -> bool {
        !self.cut.contains(&(from, to))
    }

    pub fn cut(&mut self, from: u64, to: u64) {
        self.cut.insert((from, to));
    }

    /// What was wrong is over, and whatever is made wrong now stays so until this is called again.
    pub fn begin_anew(&mut self) {
        self.number += 1;
        self.mend(self.number);
    }

    /// Whatever fault `number` did is over.
    pub fn mend(&mut self, number: u64) {
        if self.number == number {
            self.cut.clear();
            (self.lost, self.doubled, self.delay_ns) = (0, 0, 0);
        }
    }

    /// The others may notice that a process has ended.
    pub fn tell_of_end(
        &self,
        slots: &[Slot],
        ended: usize,
        now_ns: u64,
        events: &mut Events,
        rngs: &mut Rngs,
    ) {
        let id = slots[ended].id;
        for (s, slot) in slots.iter().enumerate() {
            let Some(life) = &slot.life else { continue };
            if self.is_open(slot.id, id) && !rngs.network.one_in(3) {
                let at_ns = now_ns + rngs.network.below(5 * MS);
                let process = Process { slot: s, life: life.number };
                events.add(at_ns, Event::Link(process, Link::Gone(id)));
            }
        }
    }
}

impl Cluster {
    pub(super) fn send_frame(&mut self, s: usize, from: u64, to: u64, frame: Frame) {
        self.totals.frames += 1;
        if self.is_traced {
            self.trace(|| format!("m{s} -> {to:x}: {}", shown(&frame)));
        }
        let rng = &mut self.rngs.network;
        if !self.network.is_open(from, to) || rng.below(1_000) < self.network.lost {
            self.totals.lost += 1;
            if rng.one_in(4) {
                self.break_link(s, to);
            }
            return;
        }
        let frame = if rng.one_in(16) { self.recoded(frame) } else { frame };
        let rng = &mut self.rngs.network;
        let is_doubled = rng.below(1_000) < self.network.doubled;
        for _ in 0..if is_doubled { 2 } else { 1 } {
            let usual_ns = if rng.one_in(100) { 100 * MS } else { 2 * MS };
            let delay_ns = MS / 10 + rng.below(usual_ns.max(self.network.delay_ns));
            let frame = frame.clone();
            self.events.add(self.now_ns + delay_ns, Event::Frame { from, to, frame });
        }
        self.totals.doubled += u64::from(is_doubled);
    }

    /// The sender is told that its link has broken.
    fn break_link(&mut self, s: usize, peer: u64) {
        let Some(process) = self.process(s) else { return };
        let at_ns = self.now_ns + self.rngs.network.below(100) * MS;
        self.events.add(at_ns, Event::Link(process, Link::Unreachable(peer)));
    }

    /// As it is after it has been bytes.
    fn recoded(&mut self, frame: Frame) -> Frame {
        let mut bytes = Vec::new();
        if let Err(error) = frame.encode(&mut bytes) {
            self.fail(format!("a frame cannot be encoded: {error}"));
            return frame;
        }
        match Frame::decode(&Bytes::from(bytes)) {
            Ok(decoded) if decoded == frame => decoded,
            other => {
                self.fail(format!("{frame:?} came back as {other:?}"));
                frame
            }
        }
    }

    pub(super) fn frame_arrives(&mut self, from: u64, to: u64, frame: Frame) {
        let Some(s) = self.slot_of(to) else { return };
        let Some(life) = &self.slots[s].life else { return };
        if !self.network.is_open(from, to) {
            return;
        }
        if life.parts.replica.members().0.is_removed(from) {
            // The receiver's transport tells whoever is no member any more.
            if let Some(process) = self.slot_of(from).and_then(|sender| self.process(sender))
                && self.rngs.network.one_in(4)
            {
                self.events.add(self.now_ns + MS, Event::Link(process, Link::Removed));
            }
            return;
        }
        let accepted = frame.contents.iter().find_map(accepted);
        self.change(s, |replica, now| replica.receive(now, from, frame));
        if let Some(matched) = accepted {
            self.course_hears_accepted(s, from, matched);
        }
    }
}

fn accepted(content: &Content) -> Option<u64> {
    match content {
        Content::Raft(Message { said: Said::Accepted { matched }, .. }) => Some(*matched),
        _ => None,
    }
}

/// For the trace.
fn shown(frame: &Frame) -> String {
    let one = |content: &Content| match content {
        Content::Raft(message) => match &message.said {
            coreos_raft::Said::Append { before, entries, commit } => format!(
                "Append(t{} after {}/{} +{} commit {commit})",
                message.term,
                before.term,
                before.index,
                entries.len()
            ),
            said => format!("{said:?}@t{}", message.term),
        },
        Content::Forward(commands) => format!("Forward({})", commands.len()),
        other => format!("{other:?}"),
    };
    frame.contents.iter().map(one).collect::<Vec<_>>().join(", ")
}

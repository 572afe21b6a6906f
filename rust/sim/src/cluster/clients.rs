//! Clients: each asks one thing after the other, of any member, and gives up after a while; then nobody knows what came
//! of it.

use coreos_store::{Applied, Body, Op, RequestId, Write};

use super::event::Event;
use super::{Cluster, MS};
use crate::rng::Rng;

/// Tickets of different clients never meet.
const TICKETS: u64 = 64;
const PATHS: [&str; 8] = ["/a", "/b", "/d", "/d/x", "/d/y", "/d/e/z", "/_hidden/k", "/q"];

#[derive(Clone, Copy, Debug)]
enum Asked {
    Write(RequestId),
    Read,
}

#[derive(Clone, Copy, Debug)]
struct Asking {
    ticket: u64,
    asked: Asked,
    /// The last entry that anybody had been shown before.
    floor: u64,
    until_ns: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Client {
    asking: Option<Asking>,
    count: u64,
    /// Of the one event of it that counts.
    token: u64,
    /// It keeps to this member while that answers.
    slot: usize,
}

impl Client {
    pub fn waits(&self) -> bool {
        self.asking.is_some()
    }
}

fn write(rng: &mut Rng) -> Write {
    const OPS: [Op; 8] = [
        Op::Set,
        Op::Set,
        Op::Set,
        Op::Create,
        Op::CreateInOrder,
        Op::CompareAndSwap,
        Op::Delete,
        Op::Set,
    ];
    let op = OPS[rng.place(OPS.len())];
    let path = if op == Op::CreateInOrder { "/q" } else { PATHS[rng.place(PATHS.len())] };
    let deletes = op == Op::Delete;
    let compares = op == Op::CompareAndSwap;
    let length = if rng.one_in(16) { 900 } else { 3 };
    let byte = b'a' + u8::try_from(rng.below(3)).unwrap_or(0);
    Write {
        value: vec![byte; length],
        recursive: deletes && rng.one_in(2),
        dir: deletes && rng.one_in(2),
        ttl_ns: (!deletes && rng.one_in(4)).then(|| (100 + rng.below(3_000)) * MS),
        prev_value: (compares && rng.one_in(2)).then(|| vec![byte; 3]),
        ..Write::new(op, path)
    }
}

impl Cluster {
    pub(super) fn client_acts(&mut self, c: usize, token: u64) {
        if self.clients[c].token != token {
            return;
        }
        if let Some(asking) = self.clients[c].asking {
            if asking.until_ns > self.now_ns {
                return self.client_waits(c, asking.until_ns);
            }
            self.totals.unknown += 1;
            self.clients[c].asking = None;
            self.clients[c].slot = self.rngs.clients.place(self.slots.len());
        }
        if !self.is_chaotic {
            return;
        }
        self.ask(c);
        let at_ns = match self.clients[c].asking {
            Some(asking) => asking.until_ns,
            None => self.now_ns + 20 * MS,
        };
        self.client_waits(c, at_ns);
    }

    fn client_waits(&mut self, c: usize, at_ns: u64) {
        self.clients[c].token += 1;
        self.events.add(at_ns, Event::Client(c, self.clients[c].token));
    }

    fn client_goes_on(&mut self, c: usize) {
        self.clients[c].asking = None;
        let pause = if self.rngs.clients.one_in(20) { 400 * MS } else { 30 * MS };
        let at_ns = self.now_ns + self.rngs.clients.below(pause);
        self.client_waits(c, at_ns);
    }

    fn ask(&mut self, c: usize) {
        let rng = &mut self.rngs.clients;
        if rng.one_in(16) {
            self.clients[c].slot = rng.place(self.slots.len());
        }
        let s = self.clients[c].slot;
        let is_there = self.slots[s].life.is_some();
        if !is_there || self.slots[s].paused_until_ns > self.now_ns {
            self.clients[c].slot = rng.place(self.slots.len());
            return;
        }
        if rng.one_in(8) {
            return self.read_plainly(s);
        }
        let is_read = rng.one_in(4);
        let body = Body::Write(write(rng));
        let until_ns = self.now_ns + (200 + rng.below(4_000)) * MS;
        self.clients[c].count += 1;
        let ticket = self.clients[c].count * TICKETS + c as u64;
        let floor = self.judge.floor();
        self.totals.asked += 1;
        let now = self.now(s);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let asked = if is_read {
            life.parts.replica.read(now, ticket);
            Asked::Read
        } else {
            if life.parts.replica.propose(now, body, ticket).is_err() {
                // It is told so at once, and nothing is expected.
                self.totals.refused += 1;
                return self.change(s, |replica, now| replica.flush(now)).unwrap_or(());
            }
            let Some(&request) = life.parts.replica.undecided().last() else {
                return self.fail("a proposal that was taken is not undecided");
            };
            Asked::Write(request)
        };
        self.clients[c].asking = Some(Asking { ticket, asked, floor, until_ns });
        self.trace(|| format!("client {c} asks m{s}: {asked:?}, floor {floor}"));
        self.change(s, |replica, now| replica.flush(now));
    }

    fn asking(&self, ticket: u64) -> Option<(usize, Asking)> {
        let c = usize::try_from(ticket % TICKETS).ok()?;
        let asking = self.clients.get(c)?.asking?;
        (asking.ticket == ticket).then_some((c, asking))
    }

    pub(super) fn answered(&mut self, ticket: u64, applied: &Applied) {
        // Whoever has given up hears nothing.
        let Some((c, asking)) = self.asking(ticket) else { return };
        let Asked::Write(request) = asking.asked else {
            return self.fail(format!("a read was answered as a write: {applied:?}"));
        };
        match self.judge.answer(request, applied) {
            Ok(index) if index <= asking.floor => self.fail(format!(
                "entry {index} was asked for when entry {} had been shown already",
                asking.floor
            )),
            Ok(index) => self.judge.show(index),
            Err(problem) => self.fail(problem),
        }
        self.totals.answered += 1;
        self.client_goes_on(c);
    }

    pub(super) fn refused(&mut self, ticket: u64, why: &str) {
        let Some((c, asking)) = self.asking(ticket) else { return };
        self.trace(|| format!("client {c} is refused: {why}"));
        if let Asked::Write(request) = asking.asked {
            if let Err(problem) = self.judge.refuse(request) {
                self.fail(problem);
            }
            self.totals.refused += 1;
        }
        self.client_goes_on(c);
    }

    /// A linearizable read is carried out.
    pub(super) fn readable(&mut self, s: usize, ticket: u64) {
        let Some((c, asking)) = self.asking(ticket) else { return };
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let applier = &mut life.parts.applier;
        let index = applier.raft_index;
        if index < asking.floor {
            return self.fail(format!(
                "client {c} reads at m{s} what was there after entry {index}, but entry {} had been shown before",
                asking.floor
            ));
        }
        let path = PATHS[self.rngs.clients.place(PATHS.len())].as_bytes();
        if let Err(problem) = self.judge.read(index, &mut applier.store, path) {
            return self.fail(format!("client {c} at m{s}: {problem}"));
        }
        self.judge.show(index);
        self.totals.quorum_reads += 1;
        self.client_goes_on(c);
    }

    /// A read of whatever the member has: it is a state that was, and not older than the cluster was at the start of
    /// this member.
    fn read_plainly(&mut self, s: usize) {
        let path = PATHS[self.rngs.clients.place(PATHS.len())].as_bytes();
        let Some(life) = self.slots[s].life.as_mut().filter(|life| life.is_current) else { return };
        let applier = &mut life.parts.applier;
        self.totals.plain_reads += 1;
        if let Err(problem) = self.judge.read(applier.raft_index, &mut applier.store, path) {
            self.fail(format!("a read at m{s}: {problem}"));
        }
    }
}

//! Members of both kinds, their disks and their network, driven by lots. The membership is fixed: how an entry changes
//! it is the driver's in ours and the library's in theirs, so that there is nothing to compare between members.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::checks::{Checks, Problem, Totals};
use crate::disk::{Disk, Fault};
use crate::lots::Lots;
use crate::member::{Kind, Member, Start};
use crate::packet::Packet;
use crate::translate::Mistake;

/// What is broken on purpose, for the controls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Broken {
    pub mistake: Option<Mistake>,
    pub fault: Option<Fault>,
    /// What a member promises is not compared with its disk: the other rules must find a fault as well.
    pub trusts_disks: bool,
}

pub struct Place {
    pub kind: Kind,
    pub member: Option<Box<dyn Member>>,
    /// While it is down.
    disk: Disk,
}

pub struct World {
    lots: Lots,
    broken: Broken,
    pub places: BTreeMap<u64, Place>,
    pub network: Vec<Packet>,
    /// Pairs that do not hear each other, one-way.
    pub cut: Vec<(u64, u64)>,
    pub checks: Checks,
    next_read: u64,
    /// No two proposals are alike.
    proposed: u64,
}

impl World {
    /// A broken invariant of either kind stops the member with a panic, which is a finding as any other.
    pub fn run(seed: u64, steps: u32, broken: Broken) -> Result<Totals, Problem> {
        catch_unwind(AssertUnwindSafe(|| Self::play(seed, steps, broken))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            Err(format!("a member panics: {}", text.unwrap_or("without a word")))
        })
    }

    fn play(seed: u64, steps: u32, broken: Broken) -> Result<Totals, Problem> {
        let mut lots = Lots::new(seed);
        let size = lots.one_of(&[3, 5]);
        let mut world = Self {
            lots,
            broken,
            places: BTreeMap::new(),
            network: Vec::new(),
            cut: Vec::new(),
            checks: Checks::new(!broken.trusts_disks),
            next_read: 1,
            proposed: 0,
        };
        for id in 1..=size {
            // The first two make sure that both kinds are there.
            let kind =
                if id <= 2 { Kind::BOTH[id as usize - 1] } else { world.lots.one_of(&Kind::BOTH) };
            world.places.insert(id, Place { kind, member: None, disk: Disk::default() });
        }
        for id in 1..=size {
            world.start(id);
        }
        for _ in 0..steps {
            let id = world.step()?;
            world.drain(id)?;
            world.check()?;
        }
        world.heal()?;
        Ok(world.checks.totals)
    }

    pub fn start(&mut self, id: u64) {
        let start = Start {
            id,
            voters: self.ids(),
            election_ticks: 10,
            heartbeat_ticks: 2,
            seed: self.lots.below(u64::MAX),
            kept_bytes: 1_000,
            mistake: self.broken.mistake,
            fault: self.broken.fault,
        };
        let Some(place) = self.places.get_mut(&id) else { return };
        let disk = std::mem::take(&mut place.disk);
        self.checks.started(id, &disk);
        place.member = Some(start.member(place.kind, disk));
    }

    pub fn ids(&self) -> Vec<u64> {
        self.places.keys().copied().collect()
    }

    pub fn member(&mut self, id: u64) -> Option<&mut Box<dyn Member>> {
        self.places.get_mut(&id)?.member.as_mut()
    }

    fn any(&mut self) -> u64 {
        let ids = self.ids();
        self.lots.one_of(&ids)
    }

    fn step(&mut self) -> Result<u64, Problem> {
        let id = self.any();
        let lot = self.lots.below(100);
        if (12..55).contains(&lot) {
            for _ in 0..=self.lots.below(4) {
                self.deliver_any()?;
            }
        } else if lot == 96 {
            self.change_network();
        } else if lot == 95 {
            if self.places[&id].member.is_none() || self.lots.rarely(3) {
                self.crash_or_start(id);
            }
        } else if (92..95).contains(&lot) {
            self.read(id);
        } else {
            let to = self.any();
            let width = self.lots.below(80) as usize;
            self.proposed += 1;
            let payload = Bytes::from(format!("{:<width$}", self.proposed));
            let Some(member) = self.member(id) else { return Ok(id) };
            match lot {
                0..12 => member.tick(),
                55..69 => drop(member.write()),
                69..84 => drop(member.sync()),
                84..92 => drop(member.propose(payload)),
                97 | 98 => drop(member.compact()),
                _ if member.hand_over(to) => self.checks.totals.handovers += 1,
                _ => {}
            }
        }
        Ok(id)
    }

    pub fn read(&mut self, id: u64) -> u64 {
        let read = self.next_read;
        self.next_read += 1;
        self.checks.asked(read, id);
        if let Some(member) = self.member(id) {
            member.read(read);
        }
        read
    }

    fn deliver_any(&mut self) -> Result<(), Problem> {
        if self.network.is_empty() {
            return Ok(());
        }
        let place = self.lots.below(self.network.len() as u64) as usize;
        let packet = if self.lots.rarely(20) {
            self.network[place].clone()
        } else {
            self.network.swap_remove(place)
        };
        let is_lost = self.lots.rarely(20) || self.cut.contains(&packet.ends());
        if is_lost && self.lots.rarely(4) {
            let (from, to) = packet.ends();
            if let Some(sender) = self.member(from) {
                sender.unreachable(to);
            }
        }
        self.deliver(&packet, is_lost)
    }

    pub fn deliver(&mut self, packet: &Packet, is_lost: bool) -> Result<(), Problem> {
        let (from, to) = packet.ends();
        let mistake = self.broken.mistake;
        let mut is_there = false;
        if let Some(place) = self.places.get_mut(&to).filter(|_| !is_lost)
            && let Some(member) = &mut place.member
        {
            is_there = true;
            let mut packet = packet.clone();
            if let Some(translated) = packet.translated_for(place.kind) {
                *self.checks.totals.translated.entry(translated).or_default() += 1;
            }
            if let (Packet::Snapshot { position, .. }, Some(Mistake::Snapshot)) =
                (&mut packet, mistake)
            {
                position.index += 1;
            }
            member.deliver(&packet);
        }
        if let &Packet::Snapshot { position, .. } = packet {
            let kinds = (self.places[&from].kind, self.places[&to].kind);
            *self.checks.totals.snapshots.entry(kinds).or_default() += u64::from(is_there);
            if let Some(sender) = self.member(from) {
                sender.snapshot_ended(to, is_there.then_some(position.index));
            }
        }
        self.drain(to)
    }

    fn crash_or_start(&mut self, id: u64) {
        let kinds: Vec<Kind> = self
            .places
            .iter()
            .filter(|(other, _)| **other != id)
            .map(|(_, one)| one.kind)
            .collect();
        let Some(place) = self.places.get_mut(&id) else { return };
        let Some(member) = place.member.take() else {
            // Now and then the other kind goes on with the disk. Both kinds are always there.
            let other = if place.kind == Kind::Ours { Kind::Theirs } else { Kind::Ours };
            if self.lots.rarely(3) && kinds.contains(&place.kind) {
                place.kind = other;
                self.checks.totals.replaced += 1;
            }
            return self.start(id);
        };
        let spared = self.lots.below(member.unsynced() as u64 + 1) as usize;
        place.disk = member.crash(spared);
        self.checks.totals.crashes += 1;
    }

    fn change_network(&mut self) {
        let (a, b) = (self.any(), self.any());
        match self.lots.below(4) {
            0 => self.cut.push((a, b)),
            1 => self.cut.extend([(a, b), (b, a)]),
            _ => self.cut.clear(),
        }
    }

    /// Everything that comes out of a member after something was put in.
    pub fn drain(&mut self, id: u64) -> Result<(), Problem> {
        let Some(member) = self.places.get_mut(&id).and_then(|place| place.member.as_mut()) else {
            return Ok(());
        };
        let output = member.take();
        self.checks.output(member.as_ref(), id, &output)?;
        self.network.extend(output.packets);
        Ok(())
    }

    pub fn check(&mut self) -> Result<(), Problem> {
        for (&id, place) in &self.places {
            if let Some(member) = &place.member {
                self.checks.state(member.as_ref(), id)?;
            }
        }
        Ok(())
    }
}

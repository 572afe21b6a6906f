//! Courses of events that chance alone hardly ever takes, laid out for some of the seeds; a sound cluster passes them,
//! too. Each is of five members, a leader `a` and one that stands by it, `b`, against the three others.
//!
//! - Figure 8 of the Raft paper: `a` leads, and what it appends reaches only `b`. One of the others is elected, and is
//!   cut off with the first entry of its term. `a` or `b` is elected again, and gives what it had to a third member;
//!   the entry of its own term has not followed yet when both are cut off. Now the one with the entry of the term
//!   between is elected: nothing of what it does not have may have been decided.
//! - Hasty changes: a removal that `a` has appended reaches only `b`. One of them is elected again, by a third member,
//!   and is asked at once to remove another. If it appended that before its own term has an entry that is decided, both
//!   would be decided at once: the two would be a majority of what is left, and the other three still one of what was.

use coreos_engine::replica::Replica;
use coreos_store::{Body, Op, Write};

use super::event::Event;
use super::{Cluster, FaultKind, MS, SECOND};

/// What the course of a seed is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Figure8,
    HastyChanges,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// There is none, or it is over.
    #[default]
    Over,
    /// Until all members are there.
    Waiting,
    /// `a` and `b` are cut off from the others.
    Apart,
    /// They can be elected again.
    Again,
    /// One of them leads.
    Leads(usize),
    /// They are cut off from the others again.
    ApartAgain,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Course {
    aim: Option<Aim>,
    stage: Stage,
    /// Members' places: `a`, `b`, and the others.
    places: Vec<usize>,
    until_ns: u64,
    /// The second change has been asked for.
    has_asked: bool,
    looks: u64,
}

/// Of so many seeds one has each of the courses.
const ONE_IN: u64 = 8;

impl Course {
    pub fn of_seed(seed: u64) -> Self {
        let aim = match seed % ONE_IN {
            3 => Aim::Figure8,
            6 => Aim::HastyChanges,
            _ => return Self::default(),
        };
        let until_ns = 8 * SECOND;
        Self { aim: Some(aim), stage: Stage::Waiting, until_ns, ..Self::default() }
    }

    pub fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }

    /// Meanwhile nothing else goes wrong.
    pub fn is_on(&self) -> bool {
        self.stage != Stage::Over
    }
}

impl Cluster {
    pub(super) fn look_at_course(&mut self, look: u64) {
        if !self.course.is_on() || look != self.course.looks {
            return;
        }
        if self.now_ns >= self.course.until_ns {
            return self.end_course();
        }
        self.course.looks += 1;
        let looks = self.course.looks;
        self.events.add(self.now_ns + 50 * MS, Event::Course(looks));
        let leader = (0..self.slots.len()).find(|&s| self.leads(s));
        let is_whole = self.slots.iter().all(|slot| {
            slot.life.as_ref().is_some_and(|life| life.parts.replica.raft().applied() > 8)
        });
        let is_hasty = self.course.aim == Some(Aim::HastyChanges);
        match self.course.stage {
            Stage::Waiting => {
                if let Some(a) = leader.filter(|_| is_whole) {
                    self.begin_course(a);
                }
            }
            Stage::Apart if is_hasty && leader.is_none() => self.enter(Stage::Again, &[2]),
            Stage::Leads(s) if is_hasty && self.leads(s) && !self.course.has_asked => {
                self.course.has_asked = true;
                self.course_removes(s, 4);
            }
            Stage::ApartAgain if is_hasty => {
                if let Some(s) = leader {
                    self.course_proposes(s, Body::Write(Write::new(Op::Set, "/a")));
                }
            }
            _ => {}
        }
    }

    fn begin_course(&mut self, a: usize) {
        let mut places: Vec<usize> = (0..self.slots.len()).filter(|&s| s != a).collect();
        let b = places.swap_remove(self.rngs.faults.place(places.len()));
        places.splice(0..0, [a, b]);
        self.course.places = places;
        self.trace(|| format!("a course of events begins: m{a} and m{b} against the others"));
        self.enter(Stage::Apart, &[]);
        self.write_much(a);
        if self.course.aim == Some(Aim::HastyChanges) {
            self.course_removes(a, 3);
            // Nobody leads after it but `a` or `b`.
            for (x, y) in [(2, 3), (3, 4), (4, 2)] {
                let of = |place: usize| self.slots[self.course.places[place]].id;
                let (x, y) = (of(x), of(y));
                self.network.cut(x, y);
                self.network.cut(y, x);
            }
        }
    }

    fn end_course(&mut self) {
        self.course.stage = Stage::Over;
        self.network.begin_anew();
    }

    /// Cut `a` and `b`, and whoever of the others is named by their places, off from the rest.
    fn enter(&mut self, stage: Stage, with: &[usize]) {
        self.trace(|| format!("the course comes to {stage:?}"));
        self.course.stage = stage;
        self.course.until_ns = self.now_ns + 5 * SECOND;
        self.totals.fault(FaultKind::Split);
        self.network.begin_anew();
        let ids: Vec<u64> = self.course.places.iter().map(|&s| self.slots[s].id).collect();
        let is_with = |place: &usize| *place < 2 || with.contains(place);
        for inside in (0..ids.len()).filter(is_with) {
            for outside in (0..ids.len()).filter(|place| !is_with(place)) {
                self.network.cut(ids[inside], ids[outside]);
                self.network.cut(ids[outside], ids[inside]);
            }
        }
    }

    fn course_proposes(&mut self, s: usize, body: Body) {
        self.change(s, |replica: &mut Replica, now| {
            // It may lead no more: then the course comes to nothing.
            let _ = replica.propose(now, body, 0);
            replica.flush(now);
        });
    }

    /// More than goes into one message.
    fn write_much(&mut self, s: usize) {
        for _ in 0..8 {
            let write = Write { value: vec![b'w'; 900], ..Write::new(Op::Set, "/a") };
            self.course_proposes(s, Body::Write(write));
        }
    }

    fn course_removes(&mut self, s: usize, place: usize) {
        let id = self.slots[self.course.places[place]].id;
        self.course_proposes(s, Body::RemoveMember { id });
    }

    pub(super) fn course_sees_leader(&mut self, s: usize) {
        let Some(place) = self.course.places.iter().position(|&place| place == s) else { return };
        match (self.course.aim, self.course.stage, place) {
            (Some(Aim::Figure8), Stage::Apart, 2..) => {
                // Nothing of its term gets to the others.
                self.course.places.swap(place, 4);
                self.enter(Stage::Again, &[2, 3]);
            }
            (_, Stage::Again, 0 | 1) => {
                self.trace(|| format!("the course sees m{s} lead again"));
                self.course.stage = Stage::Leads(s);
                self.course.looks += 1;
                self.events.add(self.now_ns, Event::Course(self.course.looks));
            }
            (Some(Aim::Figure8), Stage::ApartAgain, 4) => self.end_course(),
            _ => {}
        }
    }

    /// `from` has told `s` up to where their logs agree.
    pub(super) fn course_hears_accepted(&mut self, s: usize, from: u64, matched: u64) {
        let Course { aim, stage, places, .. } = &self.course;
        let is_other = places.iter().skip(2).any(|&place| self.slots[place].id == from);
        let Some(life) = &self.slots[s].life else { return };
        let raft = life.parts.replica.raft();
        let is_older = raft.term_of(matched).is_some_and(|term| term < raft.hard_state().term);
        let is_news = matched > self.judge.decided();
        let is_time = *aim == Some(Aim::Figure8) && *stage == Stage::Leads(s);
        if is_time && is_other && is_older && is_news {
            self.enter(Stage::ApartAgain, &[]);
        }
    }

    /// `s` has taken a step, and nothing that it says has been sent yet.
    pub(super) fn course_sees_step(&mut self, s: usize) {
        let Course { aim, stage, .. } = &self.course;
        if *aim != Some(Aim::HastyChanges) || *stage != Stage::Leads(s) {
            return;
        }
        let Some(life) = &self.slots[s].life else { return };
        if life.parts.replica.raft().membership().voters().len() <= 3 {
            self.enter(Stage::ApartAgain, &[]);
        }
    }
}

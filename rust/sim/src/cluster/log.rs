//! A member's log thread, as `rust/engine/src/log_thread.rs` is: fill a batch, send, write, say that it is written; and
//! what is done beside the log.

use coreos_engine::chores::{Job, Moment};
use coreos_engine::replica::Seen;
use coreos_wal::WriteError;

use super::event::{Event, Process};
use super::{BrokenRule, Cluster, MS};

impl Cluster {
    /// Call the log thread, unless it is busy or comes sooner by itself.
    pub(super) fn wake_log(&mut self, s: usize, at_ns: u64) {
        let Some(process) = self.process(s) else { return };
        let at_ns = at_ns + self.rngs.threads.below(MS / 5);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let is_awake = life.log_due_ns > self.now_ns && life.log_due_ns <= at_ns;
        if life.writing.is_none() && !is_awake {
            life.log_due_ns = at_ns;
            self.events.add(at_ns, Event::Log(process));
        }
    }

    pub(super) fn look(&mut self, s: usize) {
        let now = self.now(s);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        // A process that was paused looks later than it was to.
        let is_due = life.log_due_ns != 0 && life.log_due_ns <= self.now_ns;
        if life.writing.is_some() || !is_due {
            return;
        }
        life.log_due_ns = 0;
        let store = &life.parts.applier.store;
        let seen =
            Seen { next_deadline_ns: store.next_deadline_ns(), offset_ns: store.offset_ns() };
        life.parts.replica.tick(now, seen);
        self.stepped(s);
        self.fill(s, seen);
        self.attend_chores(s);
    }

    fn fill(&mut self, s: usize, seen: Seen) {
        let now = self.now(s);
        let Some(process) = self.process(s) else { return };
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let replica = &mut life.parts.replica;
        let is_patient = !replica.has_urgent();
        let has_ttl = seen.next_deadline_ns.is_some();
        let writing = replica.fill(now, has_ttl, &mut life.batch);
        let is_writing = writing.is_some();
        let (stops, sleep_ns) =
            (replica.is_stopping(), replica.sleep_ns(now, seen.next_deadline_ns));
        let slow = self.slots[s].slow_until_ns > self.now_ns;
        self.stepped_without_disk(s);
        if is_writing {
            let Some(life) = self.slots[s].life.as_mut() else { return };
            life.writing = writing;
            life.is_patient = is_patient;
            let at_ns = self.now_ns + self.disk_takes_ns(slow);
            self.events.add(at_ns, Event::Write(process));
        } else if stops {
            self.end_well(s);
        } else {
            self.wake_log(s, self.now_ns + sleep_ns);
        }
    }

    /// As `after_fill`: the log thread is about to be busy.
    fn stepped_without_disk(&mut self, s: usize) {
        let now = self.now(s);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let outgoing = life.parts.replica.take_outgoing(now);
        let has_results = life.parts.replica.has_results();
        self.check_step(s);
        self.send_all(s, outgoing);
        if has_results {
            self.carry_out(s);
        }
    }

    fn disk_takes_ns(&mut self, slow: bool) -> u64 {
        let longest = match self.rngs.disk.below(40) {
            _ if slow => 400 * MS,
            0 => 60 * MS,
            _ => 2 * MS,
        };
        self.rngs.disk.below(longest)
    }

    /// The batch reaches the disk.
    pub(super) fn write(&mut self, process: Process) {
        let s = process.slot;
        let now = self.now(s);
        if self.breaks(BrokenRule::AckBeforeSync)
            && let Some(life) = self.slots[s].life.as_mut()
            && let Some(writing) = &life.writing
        {
            life.parts.replica.written(now, writing);
            self.stepped(s);
        }
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let bytes = life.batch.payload_bytes() as u64;
        let result = life.parts.wal.write(&mut life.batch);
        match result {
            Ok(()) => {
                life.batch.clear();
                life.written_bytes += bytes;
                let at_ns = self.now_ns + self.rngs.threads.below(MS / 4);
                self.events.add(at_ns, Event::Written(process));
            }
            Err(WriteError::NoSpace(why)) => {
                life.batch.clear();
                life.parts.chores.disk_is_full(now);
                let Some(writing) = life.writing.take() else { return };
                let back = life.parts.replica.refused(now, writing, why);
                if life.parts.replica.is_alone() {
                    let raft = life.parts.replica.raft();
                    self.judge.births.taken_back(raft.hard_state().term, raft.persisted_index());
                    life.seen.keep(raft.persisted_index());
                }
                self.totals.full_disks += 1;
                self.trace(|| format!("m{s} finds its disk full"));
                for one in back {
                    if let Err(problem) = self.judge.refuse(one.request) {
                        self.fail(problem);
                    }
                    self.refused(one.ticket, "the disk was full");
                }
                self.stepped(s);
                self.wake_log(s, self.now_ns);
            }
            Err(WriteError::TooLarge) => self.fail(format!("member {s}: a batch of {bytes} bytes")),
            Err(WriteError::Poisoned(_)) => {
                // Nobody knows what is on the disk. The process ends, and whether the system still has what it had
                // taken for written is left to the power cut that goes with it here.
                self.crash(s);
            }
        }
    }

    /// The log thread says that the batch is durable.
    pub(super) fn written(&mut self, s: usize) {
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let Some(writing) = life.writing.take() else { return };
        self.change(s, |replica, now| replica.written(now, &writing));
        self.attend_chores(s);
        self.wake_log(s, self.now_ns);
    }

    fn attend_chores(&mut self, s: usize) {
        let now = self.now(s);
        let Some(process) = self.process(s) else { return };
        let Some(life) = self.slots[s].life.as_mut() else { return };
        let before = life.jobs.len();
        if life.parts.replica.is_stopping() {
            life.parts.chores.stop();
        }
        for (index, view) in life.moments.drain(..) {
            life.jobs.push(Job::Digest(index, Box::new(view)));
        }
        let super::member::Life { parts, written_bytes, .. } = life;
        let coreos_engine::boot::Parts { chores, wal, applier, .. } = parts;
        let moment =
            || Moment { term: applier.term, index: applier.raft_index, view: applier.store.view() };
        let applied = applier.raft_index;
        life.jobs.extend(chores.next_job(now, wal, applied, *written_bytes, moment));
        for _ in before..life.jobs.len() {
            let at_ns = self.now_ns + self.rngs.disk.below(30 * MS);
            self.events.add(at_ns, Event::Job(process));
        }
    }

    /// Any of those that run may be the next to end.
    pub(super) fn end_job(&mut self, s: usize) {
        let now = self.now(s);
        let Some(life) = self.slots[s].life.as_mut() else { return };
        if life.jobs.is_empty() {
            return;
        }
        let job = life.jobs.swap_remove(self.rngs.disk.place(life.jobs.len()));
        let is_snapshot = matches!(job, Job::Snapshot(_));
        let done = job.run();
        let after = life.parts.chores.done(done, now, &mut life.parts.wal);
        self.crash_if_off(s);
        if let Some(news) = after.news {
            self.totals.snapshots += u64::from(is_snapshot);
            self.change(s, |replica, now| replica.hear(now, news));
        }
        self.wake_log(s, self.now_ns);
    }

    /// The power went during a job.
    pub(super) fn crash_if_off(&mut self, s: usize) {
        if self.slots[s].disk.is_off() && self.slots[s].life.is_some() {
            self.crash(s);
        }
    }

    /// The member stops taking proposals, and ends when everything is written.
    pub(super) fn stop(&mut self, s: usize) {
        self.change(s, |replica, _| replica.stop());
    }

    fn end_well(&mut self, s: usize) {
        let Some(life) = self.slots[s].life.as_ref() else { return };
        let is_last = life.is_patient && !life.parts.replica.raft().has_news();
        self.totals.stops += 1;
        self.kill(s);
        self.slots[s].commit_is_last = is_last;
        self.damage_what_is_off();
    }
}

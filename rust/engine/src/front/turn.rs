//! One turn: the rounds of events, completions, proposals and output between two visits to Trio.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::time::Timespec;

use super::{Front, MAILBOX, Turn, sweep, unix_seconds};

/// Events that one round may take.
const EVENTS_MAX: usize = 256;
/// How long a turn that had something to do waits for the next event before it goes back to Trio.
const PATIENCE_NS: i64 = 1_000_000;
/// How long it looks out before that, when no answer of the log is due: a client in a closed loop is back within
/// that, and waking an idle core takes longer.
pub(super) const LOOK: Duration = Duration::from_micros(40);
/// A turn ends after this, whatever there is left to do: Trio has other tasks.
const TURN_MAX: Duration = Duration::from_millis(2);

impl Front {
    /// After work outside of `turn`: pass on what it caused, and have `turn` called if anything is left for it.
    pub(super) fn settle(&mut self) {
        self.propose();
        self.ask();
        self.flush();
        let Turn { requests, fed_ready, .. } = &self.turn;
        if !(requests.is_empty() && fed_ready.is_empty()) || self.has_work() {
            self.mailbox.nudge();
        }
    }

    /// Whether there is something to do that no event will announce.
    fn has_work(&self) -> bool {
        !(self.ready.is_empty() && self.dirty.is_empty())
    }

    /// Rounds of completions, events, proposals and output, for as long as there is something to do.
    ///
    /// When it has done something and Trio has nothing to do that it knows of ([`Front::yield_to`], fed connections),
    /// it waits up to 1 ms for more: a client in a closed loop is back within that, and the way through Trio costs
    /// more than the wait. It never stays longer than 2 ms. Called without the GIL.
    ///
    /// # Errors
    /// The reason, once the engine is poisoned: in the turn after the one that has told every waiting client, so that
    /// fed connections can be told too.
    pub fn turn(&mut self, max_events: usize) -> Result<Turn, String> {
        if let Some(reason) = self.poisoned.clone() {
            return Err(reason);
        }
        let begun = Instant::now();
        let mut waits = false;
        loop {
            let is_wanted = waits && self.wait_for_more();
            let had_events = self.receive_events(max_events);
            // Before the mail is taken, in which everything up to this index is then.
            let told_index = self.member.told_index();
            let had_mail = self.receive_mail();
            self.told_index = told_index;
            let had_ready = self.serve_ready();
            self.propose();
            self.ask();
            self.flush();
            let was_busy = had_events || had_mail || had_ready;
            let has_news = !self.turn.requests.is_empty() || self.poisoned.is_some();
            if is_wanted || has_news || begun.elapsed() > TURN_MAX {
                break;
            }
            waits = !self.has_work();
            if waits && !(was_busy && self.fed_connections == 0) {
                break;
            }
        }
        self.sweep_when_due();
        self.turn.next_ms = sweep::PERIOD_MS;
        if self.has_work() || self.poisoned.is_some() {
            self.turn.next_ms = 0;
            // Whoever called this turn may not be the one who waits for the descriptor.
            self.mailbox.nudge();
        }
        Ok(std::mem::take(&mut self.turn))
    }

    pub(super) fn clock(&mut self) {
        self.now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.unix_seconds = unix_seconds();
        self.identity.date.refresh(self.unix_seconds);
    }

    /// True: somebody else on this thread has something to do.
    fn wait_for_more(&self) -> bool {
        let mut both =
            [PollFd::new(&self.epoll, PollFlags::IN), PollFd::new(&self.others, PollFlags::IN)];
        // Not the epoll call, which waits for whole milliseconds. What there is for us is asked afterwards; an
        // interrupted wait is a short one.
        let mut wait = |ns| poll(&mut both, Some(&Timespec { tv_sec: 0, tv_nsec: ns }));
        let look = if self.undecided == 0 { self.look } else { Duration::ZERO };
        let begun = Instant::now();
        while begun.elapsed() < look && wait(0) == Ok(0) {}
        if begun.elapsed() >= look {
            let _ = wait(PATIENCE_NS);
        }
        both[1].revents().contains(PollFlags::IN)
    }

    fn receive_events(&mut self, max_events: usize) -> bool {
        let mut buffer = [const { MaybeUninit::<epoll::Event>::uninit() }; EVENTS_MAX];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let room = &mut buffer[..max_events.clamp(1, EVENTS_MAX)];
        let received = epoll::wait(&self.epoll, room, Some(&at_once));
        self.clock();
        // An interrupted or failed wait delivers nothing now; level of the outer set brings it again.
        let Ok((events, _)) = received else { return false };
        for event in events.iter() {
            let data = event.data.u64();
            if data != MAILBOX {
                self.socket_event(data as usize, event.flags);
            }
        }
        !events.is_empty()
    }
}

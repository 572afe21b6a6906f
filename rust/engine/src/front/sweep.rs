//! Time limits, looked at once a second: idle connections, slow requests, late proposals, silent watches.

use super::Front;
use super::connection::{Framing, Link, State};
use super::reply::raft_error;

/// How often `turn` wants to be called without an event, in milliseconds.
pub(super) const PERIOD_MS: u64 = 1_000;
/// How long a refused client may go on sending before it is reset.
const LINGER_MS: u64 = 2_000;

enum Verdict {
    Close,
    SlowRequest,
    Late,
    Progress,
    LateCheck { is_about_keys: bool },
}

impl Front {
    pub(super) fn sweep_when_due(&mut self) {
        if self.now_ms < self.swept_ms + PERIOD_MS {
            return;
        }
        self.swept_ms = self.now_ms;
        let due: Vec<(usize, Verdict)> = self
            .connections
            .iter()
            .filter_map(|(slot, _)| Some((slot, self.judge(slot)?)))
            .collect();
        let mut silent = Vec::new();
        for (slot, verdict) in due {
            match verdict {
                Verdict::Close => self.hang_up(slot),
                Verdict::SlowRequest => self.end_slow_request(slot),
                Verdict::Late => {
                    // Not "failed": a write may still be carried out.
                    let error = raft_error("etcdserver: request timed out");
                    self.answer_error(slot, &error, None);
                }
                Verdict::Progress => silent.push(slot),
                Verdict::LateCheck { is_about_keys } => {
                    let why = "the password could not be checked in time: try again";
                    self.refuse_unchecked(slot, is_about_keys, why);
                }
            }
        }
        self.tell_progress(&silent);
        self.flush();
    }

    fn judge(&self, slot: usize) -> Option<Verdict> {
        let conn = self.connections.get(slot)?;
        let quiet_ms = self.now_ms.saturating_sub(conn.touched_ms);
        match &conn.state {
            State::Proposed { .. } | State::Waiting(_)
                if quiet_ms > self.config.request_timeout_ms =>
            {
                Some(Verdict::Late)
            }
            State::Checking(held) if quiet_ms > self.config.request_timeout_ms => {
                Some(Verdict::LateCheck { is_about_keys: held.is_about_keys() })
            }
            State::Lingering if quiet_ms > LINGER_MS => Some(Verdict::Close),
            State::Idle | State::Listing(_) | State::Watching { .. } if conn.unsent() > 0 => {
                (quiet_ms > self.config.idle_timeout_ms).then_some(Verdict::Close)
            }
            State::Watching { .. } if self.is_progress_due(slot) => Some(Verdict::Progress),
            State::Idle if !conn.parser.at_boundary() => {
                (quiet_ms > self.config.head_timeout_ms).then_some(Verdict::SlowRequest)
            }
            State::Idle if quiet_ms > self.config.idle_timeout_ms => Some(Verdict::Close),
            _ => None,
        }
    }

    fn end_slow_request(&mut self, slot: usize) {
        self.counters.rejected += 1;
        let Some(conn) = self.output(slot) else { return };
        conn.framing = Framing { minor: 1, ..Framing::default() };
        let limit = self.config.head_timeout_ms;
        self.answer(slot, |identity, out, framing| {
            let text = format!("the request did not arrive within {limit} ms\n");
            identity.text(out, framing, 408, &text);
        });
    }

    /// Close now (a plain socket) or have the TLS task close.
    fn hang_up(&mut self, slot: usize) {
        match self.connections.get_mut(slot) {
            Some(conn) if matches!(conn.link, Link::Fed) => {
                conn.closing = true;
                self.mark_dirty(slot);
            }
            _ => self.close(slot),
        }
    }

    /// One connection's part of a drain: idle ones go, watches end, running requests are answered first.
    pub(super) fn drain_one(&mut self, slot: usize) {
        let Some(conn) = self.connections.get_mut(slot) else { return };
        conn.framing.keep_alive = false;
        match conn.state {
            State::Idle => self.drain_idle(slot),
            State::Watching { .. } => self.end_watch(slot),
            State::Lingering
            | State::Proposed { .. }
            | State::Checking(_)
            | State::Waiting(_)
            | State::Python
            | State::Listing(_) => {}
        }
    }

    fn drain_idle(&mut self, slot: usize) {
        // What has come already was sent before anybody could know of the end.
        self.read(slot, false);
        self.serve(slot);
        let Some(conn) = self.connections.get_mut(slot).filter(|conn| conn.is_idle()) else {
            return;
        };
        if conn.unsent() == 0 && conn.parser.at_boundary() {
            return self.hang_up(slot);
        }
        conn.closing = true;
        self.mark_dirty(slot);
    }
}

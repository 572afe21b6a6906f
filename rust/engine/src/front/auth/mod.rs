//! Authentication: who sends a request, whether it may be carried out, and for how long its watch may go on.
//!
//! Users and roles are an immutable table, taken from the store anew when its revision has moved. A request costs a
//! look at that number and, while authentication is on, a hash of its credentials; only a password that has not been
//! seen before waits for a check ([`checks`]), and with it everything behind it on its connection.

mod access;
mod checks;
mod credentials;
mod room;

use std::sync::Arc;

use coreos_http::{Method, Request, percent_decode};
use coreos_store::{Auth, Code, Error, clean_path};

use super::Front;
use super::call::{Call, key_part};
use super::connection::State;
use super::mailbox::Mailbox;
use super::reply::raft_error;
use super::route::Action;
use crate::Member;
use access::fingerprint;
pub(super) use access::{Access, Who};
pub(super) use checks::Key;
use checks::{Asker, Busy, Checks};
use credentials::Credentials;
use room::{Room, Share, bytes_of};

/// An Authorization header over this proves nothing and is not kept: names and passwords are much shorter.
const HEADER_BYTES_MAX: usize = 4 << 10;

/// What a request says about who sends it.
pub(super) enum Claim {
    Nothing,
    /// An Authorization header that is too long to be looked at.
    Excessive,
    /// An Authorization header.
    Header(Box<[u8]>),
    /// The name in the connection's certificate, without such a header.
    Certificate(Box<str>),
}

/// What has to be known of a request to judge it.
pub(super) struct Asking {
    claim: Claim,
    /// What it does to the key space, if it is about that.
    access: Option<Access>,
}

/// A request that waits for a password's check.
pub(super) struct Held {
    action: Action,
    asking: Asking,
    _share: Share,
}

impl Held {
    pub fn is_about_keys(&self) -> bool {
        is_about_keys(&self.action)
    }
}

fn is_about_keys(action: &Action) -> bool {
    matches!(action, Action::Call { .. })
}

/// By what right a watch goes on.
pub(super) struct Permit {
    who: Who,
    access: Access,
}

/// Users and roles as last seen, and the passwords that have been checked.
pub(super) struct Guard {
    auth: Arc<Auth>,
    revision: u64,
    checks: Checks,
    room: Room,
    upstream: bool,
}

impl Guard {
    pub fn new(member: &Member, mailbox: Arc<Mailbox>, upstream: bool) -> std::io::Result<Self> {
        let revision = member.auth_revision();
        let auth = member.with_store(|store, _| store.auth().clone());
        let checks = Checks::new(mailbox)?;
        Ok(Self { auth, revision, checks, room: Room::default(), upstream })
    }

    /// Look whether something has changed.
    pub fn refresh(&mut self, member: &Member) {
        // First the number: what is taken after it is at least as new.
        let revision = member.auth_revision();
        if revision != self.revision {
            self.auth = member.with_store(|store, _| store.auth().clone());
            self.revision = revision;
        }
    }

    /// What is to be known of this request. `None`: nothing, whoever sends it.
    pub fn asking(
        &self,
        request: &Request<'_>,
        action: &Action,
        certificate: Option<&str>,
    ) -> Option<Asking> {
        let access = match action {
            Action::Call { call, recursive } => {
                // Watches are looked at again when something changes.
                let may_end = matches!(call, Call::Watch { .. }) && !self.upstream;
                if !self.auth.is_enabled() && !may_end {
                    return None;
                }
                Some(self.access(request, *recursive))
            }
            Action::Python(_) if is_guarded(request) => None,
            _ => return None,
        };
        let header = request.header("Authorization").filter(|value| !value.is_empty());
        let claim = match (header, certificate) {
            (Some(value), _) if value.len() > HEADER_BYTES_MAX => Claim::Excessive,
            (Some(value), _) => Claim::Header(value.into()),
            (None, Some(name)) => Claim::Certificate(name.into()),
            (None, None) => Claim::Nothing,
        };
        Some(Asking { claim, access })
    }

    fn access(&self, request: &Request<'_>, recursive: bool) -> Access {
        let writes = !matches!(request.method, Method::Get | Method::Head);
        // It has been understood, so it can be decoded.
        let decoded = percent_decode(request.path, false).unwrap_or_default();
        let rest = key_part(&decoded).unwrap_or_default();
        if self.upstream {
            return Access { path: rest.into(), recursive, writes };
        }
        // What is carried out is the clean path, so that is what counts.
        let mut path = clean_path(rest);
        // A pattern for what is in a directory fits what is made in it and no write of the directory itself.
        let is_about_itself = writes && !matches!(request.method, Method::Post);
        if rest.ends_with(b"/") && path != b"/" && !is_about_itself {
            path.push(b'/');
        }
        Access { path: path.into(), recursive, writes }
    }

    /// Who makes this claim. `None`: that is being checked, and the request of this ticket will hear of it.
    fn who(&mut self, claim: &Claim, address: &str, ticket: u64) -> Result<Option<Who>, Busy> {
        let header = match claim {
            Claim::Nothing => return Ok(Some(Who::Guest)),
            Claim::Certificate(name) => return Ok(Some(Who::Certificate(name.clone()))),
            Claim::Excessive => return Ok(Some(Who::Unproven)),
            Claim::Header(_) if !self.auth.is_enabled() => return Ok(Some(Who::Unproven)),
            Claim::Header(value) => value,
        };
        let Some(Credentials { name, password }) = Credentials::parse(header) else {
            return Ok(Some(Who::Unproven));
        };
        let Some(user) = self.auth.users.get(&*name) else { return Ok(Some(Who::Unproven)) };
        let hash = &user.password_hash;
        let key = self.checks.key(&name, &password, hash);
        match self.checks.outcome(&key) {
            Some(true) => {
                let fingerprint = fingerprint(hash);
                Ok(Some(Who::User { name: name.into(), fingerprint }))
            }
            Some(false) => Ok(Some(Who::Unproven)),
            None => {
                let asker = Asker { user: name.into(), address: address.into() };
                self.checks.begin(key, asker, &password, hash, ticket).map(|()| None)
            }
        }
    }

    fn allows(&self, who: &Who, access: &Access) -> bool {
        !self.auth.is_enabled() || who.may(access, &self.auth, self.upstream)
    }
}

/// Endpoints in Python that want to know who asks: all of /v2/auth but whether it is on, and changes of members.
fn is_guarded(request: &Request<'_>) -> bool {
    let Ok(path) = percent_decode(request.path, false) else { return false };
    let reads = matches!(request.method, Method::Get | Method::Head);
    match path.strip_prefix(b"/v2/") {
        Some(b"auth/enable") => !reads,
        Some(rest) if rest.starts_with(b"auth/") => true,
        Some(rest) => rest.starts_with(b"members") && !reads,
        None => false,
    }
}

impl Front {
    /// Carry out a request if whoever sends it may; the answer may have to wait for a password's check.
    pub(super) fn admit(&mut self, slot: usize, action: Action, asking: Option<Asking>) {
        let Some(asking) = asking else {
            // Nobody is asked who they are, but a read may have to wait all the same.
            if self.must_wait(&action) {
                return self.wait(slot, action, None, Who::Guest);
            }
            return self.execute(slot, action, None);
        };
        let ticket = self.next_ticket(slot);
        let Some(conn) = self.connections.get(slot) else { return };
        let busy = match self.guard.who(&asking.claim, conn.address(), ticket) {
            Ok(Some(who)) => return self.judge_request(slot, action, asking.access, who),
            Ok(None) => match self.guard.room.take(bytes_of(&action, &asking)) {
                Some(share) => {
                    let Some(conn) = self.connections.get_mut(slot) else { return };
                    conn.ticket = ticket;
                    let held = Held { action, asking, _share: share };
                    conn.state = State::Checking(Box::new(held));
                    return;
                }
                None => Busy::Bytes,
            },
            Err(busy) => busy,
        };
        self.refuse_unchecked(slot, is_about_keys(&action), &busy.to_string());
    }

    /// Nobody knows whether the password is right: nothing was done, and trying again may help.
    pub(super) fn refuse_unchecked(&mut self, slot: usize, is_about_keys: bool, why: &str) {
        if is_about_keys {
            // Like all that cannot be carried out just now.
            return self.answer_error(slot, &raft_error(&format!("etcdserver: {why}")), None);
        }
        self.answer(slot, |identity, out, framing| {
            identity.text(out, framing, 503, &format!("{why}\n"));
        });
    }

    fn judge_request(&mut self, slot: usize, mut action: Action, access: Option<Access>, who: Who) {
        if let Action::Python(request) = &mut action {
            let auth = &self.guard.auth;
            request.user = who.user(auth).filter(|_| auth.is_enabled()).map(str::to_owned);
            request.is_root = !auth.is_enabled() || who.is_root(auth);
        }
        let Some(access) = access else {
            if self.must_wait(&action) {
                return self.wait(slot, action, None, who);
            }
            return self.execute(slot, action, None);
        };
        if !self.guard.allows(&who, &access) {
            return self.refuse_insufficient(slot);
        }
        if self.must_wait(&action) {
            return self.wait(slot, action, Some(access), who);
        }
        self.carry_out(slot, action, access, who);
    }

    fn carry_out(&mut self, slot: usize, action: Action, access: Access, who: Who) {
        let is_watch = matches!(action, Action::Call { call: Call::Watch { .. }, .. });
        let permit = (is_watch && !self.guard.upstream).then(|| Box::new(Permit { who, access }));
        self.execute(slot, action, permit);
    }

    /// A read has waited, and its client may have lost its right to it meanwhile.
    pub(super) fn judge_ready(
        &mut self,
        slot: usize,
        action: Action,
        access: Option<Access>,
        who: Who,
    ) {
        self.guard.refresh(&self.member);
        let Some(access) = access else { return self.execute(slot, action, None) };
        if !self.guard.allows(&who, &access) {
            return self.refuse_insufficient(slot);
        }
        self.carry_out(slot, action, access, who);
    }

    fn refuse_insufficient(&mut self, slot: usize) {
        let cause = b"Insufficient credentials".to_vec();
        let error = Error::new(Code::Unauthorized, cause, 0);
        self.answer_error(slot, &error, None);
    }

    /// A password has been checked: those who waited for it go on.
    pub(super) fn checked(&mut self, key: Key, fits: bool) {
        self.counters.password_checks += 1;
        self.guard.refresh(&self.member);
        let now_ms = self.now_ms;
        for ticket in self.guard.checks.done(key, fits) {
            let Some(slot) = self.slot_of(ticket) else { continue };
            let Some(conn) = self.output(slot) else { continue };
            if !matches!(conn.state, State::Checking(_)) {
                continue;
            }
            let state = std::mem::replace(&mut conn.state, State::Idle);
            let State::Checking(held) = state else { continue };
            (conn.ticket, conn.touched_ms) = (0, now_ms);
            let Held { action, asking, _share } = *held;
            self.admit(slot, action, Some(asking));
            self.serve(slot);
        }
    }

    /// Users, roles or the switch have changed: watches end whose client would be refused now.
    pub(super) fn auth_changed(&mut self) {
        self.guard.refresh(&self.member);
        let guard = &self.guard;
        let lost = |state: &State| match state {
            State::Watching { permit: Some(permit), .. } => {
                !guard.allows(&permit.who, &permit.access)
            }
            _ => false,
        };
        let slots: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, conn)| lost(&conn.state))
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            self.counters.revoked_watches += 1;
            self.end_watch(slot);
        }
    }
}

//! Passwords that have been checked, and a thread that checks the others.
//!
//! A check takes some 50 ms, so each pair of password and stored hash is checked once and its outcome kept, under a
//! keyed hash of both: neither the password is kept nor anything that could be compared elsewhere. A changed password
//! changes the stored hash and so finds nothing. Everything is bounded; wrong passwords have a place of their own and
//! cannot push the right ones out, and what one address may have waiting leaves places for the others.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use coreos_store::PasswordHash;
use crossbeam_channel::{Sender, bounded};
use sha2::{Digest, Sha256};

use super::super::mailbox::Mailbox;
use super::room::BYTES_MAX;
use crate::passwords;

/// Right passwords whose outcome is kept: one or a few for each user.
const RIGHT_MAX: usize = 16 << 10;
/// Wrong ones.
const WRONG_MAX: usize = 1 << 10;
/// Checks that may wait: the last one some six seconds.
const WAITING_MAX: usize = 128;
/// Of these, for one user: who tries passwords does not keep the others waiting for long.
const WAITING_USER_MAX: usize = 8;
/// From one address: several are needed to keep everybody out.
const WAITING_ADDRESS_MAX: usize = WAITING_MAX / 4;
/// For one user from one address: a user who is being tried from there gets in from elsewhere.
const WAITING_BOTH_MAX: usize = WAITING_USER_MAX / 2;
/// Requests that may wait for one check.
const REQUESTS_MAX: usize = 64 << 10;

/// Names a password, a user and a stored hash.
pub(in crate::front) type Key = [u8; 32];

struct Job {
    key: Key,
    password: Vec<u8>,
    hash: PasswordHash,
}

struct Waiting {
    asker: Asker,
    tickets: Vec<u64>,
}

/// Who has a check wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front) struct Asker {
    pub user: Box<str>,
    /// Where the first request for it comes from, without a port.
    pub address: Box<str>,
}

/// The last so many keys.
struct Kept {
    keys: HashSet<Key>,
    oldest_first: VecDeque<Key>,
    max: usize,
}

impl Kept {
    fn new(max: usize) -> Self {
        Self { keys: HashSet::new(), oldest_first: VecDeque::new(), max }
    }

    fn push(&mut self, key: Key) {
        if !self.keys.insert(key) {
            return;
        }
        self.oldest_first.push_back(key);
        if self.oldest_first.len() > self.max
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

/// Why a password cannot be checked now.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::front) enum Busy {
    #[error("too many passwords are being checked: the limit is {WAITING_MAX}")]
    All,
    #[error("too many passwords of this user are being checked: the limit is {WAITING_USER_MAX}")]
    User,
    #[error(
        "too many passwords from this address are being checked: the limit is {WAITING_ADDRESS_MAX}"
    )]
    Address,
    #[error(
        "too many passwords of this user are being checked from this address: \
         the limit is {WAITING_BOTH_MAX}"
    )]
    Both,
    #[error("too many requests wait for one password: the limit is {REQUESTS_MAX}")]
    Requests,
    #[error("too much waits for passwords to be checked: the limit is {BYTES_MAX} bytes")]
    Bytes,
    #[error("no thread to check passwords: {0}")]
    NoThread(String),
}

/// See the module.
pub(in crate::front) struct Checks {
    secret: [u8; 32],
    right: Kept,
    wrong: Kept,
    waiting: HashMap<Key, Waiting>,
    jobs: Option<Sender<Job>>,
    mailbox: Arc<Mailbox>,
}

impl Checks {
    pub fn new(mailbox: Arc<Mailbox>) -> std::io::Result<Self> {
        let mut secret = [0; 32];
        let got = rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty())?;
        // The kernel gives up to 256 bytes in one piece.
        assert_eq!(got, secret.len(), "all random bytes at once");
        Ok(Self {
            secret,
            right: Kept::new(RIGHT_MAX),
            wrong: Kept::new(WRONG_MAX),
            waiting: HashMap::new(),
            jobs: None,
            mailbox,
        })
    }

    /// The key of a user's password: whatever is checked alike has one.
    pub fn key(&self, user: &str, password: &[u8], hash: &PasswordHash) -> Key {
        let mut digest = Sha256::new();
        digest.update(self.secret);
        for part in [user.as_bytes(), hash.0.as_bytes(), passwords::significant(password)] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// What came of checking it, if that is known.
    pub fn outcome(&self, key: &Key) -> Option<bool> {
        if self.right.keys.contains(key) {
            return Some(true);
        }
        self.wrong.keys.contains(key).then_some(false)
    }

    /// Have it checked; the request of this ticket waits for it.
    pub fn begin(
        &mut self,
        key: Key,
        asker: Asker,
        password: &[u8],
        hash: &PasswordHash,
        ticket: u64,
    ) -> Result<(), Busy> {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            if waiting.tickets.len() >= REQUESTS_MAX {
                return Err(Busy::Requests);
            }
            waiting.tickets.push(ticket);
            return Ok(());
        }
        self.must_have_place(&asker)?;
        let password = passwords::significant(password).to_vec();
        let job = Job { key, password, hash: hash.clone() };
        // It has room for all that may wait.
        if self.jobs()?.try_send(job).is_err() {
            self.jobs = None;
            return Err(Busy::NoThread("it has ended".to_owned()));
        }
        self.waiting.insert(key, Waiting { asker, tickets: vec![ticket] });
        Ok(())
    }

    fn must_have_place(&self, asker: &Asker) -> Result<(), Busy> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(Busy::All);
        }
        // So few wait that counting them costs nothing beside the check.
        let (mut of_user, mut from_address, mut of_both) = (0, 0, 0);
        for other in self.waiting.values().map(|waiting| &waiting.asker) {
            of_user += usize::from(other.user == asker.user);
            from_address += usize::from(other.address == asker.address);
            of_both += usize::from(other == asker);
        }
        if of_both >= WAITING_BOTH_MAX {
            return Err(Busy::Both);
        }
        if from_address >= WAITING_ADDRESS_MAX {
            return Err(Busy::Address);
        }
        if of_user >= WAITING_USER_MAX {
            return Err(Busy::User);
        }
        Ok(())
    }

    /// A check is done. Gives the requests that have waited for it.
    pub fn done(&mut self, key: Key, fits: bool) -> Vec<u64> {
        if fits { &mut self.right } else { &mut self.wrong }.push(key);
        self.waiting.remove(&key).map(|waiting| waiting.tickets).unwrap_or_default()
    }

    /// The way to the thread, which is started at the first check and ends with this.
    fn jobs(&mut self) -> Result<&Sender<Job>, Busy> {
        if self.jobs.is_none() {
            let (sender, jobs) = bounded::<Job>(WAITING_MAX);
            let mailbox = self.mailbox.clone();
            let thread = std::thread::Builder::new().name("passwords".into()).spawn(move || {
                for Job { key, password, hash } in jobs {
                    mailbox.post_checked(key, passwords::fits(&password, &hash));
                }
            });
            thread.map_err(|error| Busy::NoThread(error.to_string()))?;
            self.jobs = Some(sender);
        }
        self.jobs.as_ref().ok_or(Busy::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Checks {
        Checks::new(Arc::new(Mailbox::new().expect("a descriptor"))).expect("random bytes")
    }

    /// No hash: it is looked at for no time.
    fn hash() -> PasswordHash {
        PasswordHash("none".into())
    }

    fn begin(checks: &mut Checks, user: &str, password: &str, ticket: u64) -> Result<Key, Busy> {
        from("::1", checks, user, password, ticket)
    }

    fn from(
        address: &str,
        checks: &mut Checks,
        user: &str,
        password: &str,
        ticket: u64,
    ) -> Result<Key, Busy> {
        let key = checks.key(user, password.as_bytes(), &hash());
        let asker = Asker { user: user.into(), address: address.into() };
        checks.begin(key, asker, password.as_bytes(), &hash(), ticket).map(|()| key)
    }

    #[test]
    fn keys_tell_every_part_apart() {
        let one = checks();
        let hash = |text: &str| PasswordHash(text.into());
        let keys = HashSet::from([
            one.key("a", b"b", &hash("c")),
            one.key("ab", b"", &hash("c")),
            one.key("a", b"", &hash("bc")),
            one.key("a", b"bc", &hash("")),
            checks().key("a", b"b", &hash("c")),
        ]);
        assert_eq!(keys.len(), 5, "the last one has another secret");
    }

    #[test]
    fn equal_checks_are_one() {
        let mut checks = checks();
        let key = begin(&mut checks, "al", "pa", 1).expect("room");
        for ticket in 2..5 {
            assert_eq!(begin(&mut checks, "al", "pa", ticket), Ok(key));
        }
        assert_eq!(checks.outcome(&key), None);
        assert_eq!(checks.done(key, true), [1, 2, 3, 4]);
        assert_eq!(checks.outcome(&key), Some(true));
        assert!(checks.waiting.is_empty());
    }

    #[test]
    fn one_user_leaves_room_for_the_others() {
        let mut checks = checks();
        let mut first = None;
        for n in 0..WAITING_USER_MAX {
            let (address, password) = (format!("10.0.0.{n}"), n.to_string());
            let key = from(&address, &mut checks, "al", &password, n as u64).expect("room");
            first.get_or_insert(key);
        }
        assert_eq!(begin(&mut checks, "al", "more", 99), Err(Busy::User));
        begin(&mut checks, "bo", "pb", 100).expect("room");
        checks.done(first.expect("one"), false);
        begin(&mut checks, "al", "more", 101).expect("room again");
    }

    #[test]
    fn no_more_wait_than_there_may() {
        let mut checks = checks();
        for n in 0..WAITING_MAX {
            let (address, user) = (format!("10.0.0.{n}"), format!("u{n}"));
            from(&address, &mut checks, &user, "p", n as u64).expect("room");
        }
        assert_eq!(begin(&mut checks, "one more", "p", 99), Err(Busy::All));
    }

    #[test]
    fn one_address_leaves_room_for_the_others() {
        let mut checks = checks();
        // Not all places of a user,
        for n in 0..WAITING_BOTH_MAX {
            begin(&mut checks, "al", &n.to_string(), n as u64).expect("room");
        }
        assert_eq!(begin(&mut checks, "al", "right", 99), Err(Busy::Both));
        from("::2", &mut checks, "al", "right", 99).expect("room for those elsewhere");
        begin(&mut checks, "al", "right", 100).expect("which those here may wait for too");
        // and not all places.
        for n in WAITING_BOTH_MAX..WAITING_ADDRESS_MAX {
            begin(&mut checks, &format!("u{n}"), "p", n as u64).expect("room");
        }
        assert_eq!(begin(&mut checks, "bo", "pb", 101), Err(Busy::Address));
        from("::2", &mut checks, "bo", "pb", 101).expect("room for those elsewhere");
    }

    #[test]
    fn what_is_checked_alike_has_one_key() {
        let checks = checks();
        let password = "p".repeat(72);
        let key = |password: &str| checks.key("al", password.as_bytes(), &hash());
        assert_eq!(key(&password), key(&format!("{password}and more")));
        assert_ne!(key(&password), key(&password[1..]));
    }

    #[test]
    fn wrong_passwords_push_out_no_right_one() {
        let mut checks = checks();
        let right = checks.key("al", b"right", &hash());
        checks.done(right, true);
        let wrong: Vec<Key> = (0..2 * WRONG_MAX as u64)
            .map(|n| checks.key("al", &n.to_le_bytes(), &hash()))
            .collect();
        for key in &wrong {
            checks.done(*key, false);
        }
        assert_eq!(checks.outcome(&right), Some(true));
        assert_eq!(checks.outcome(&wrong[0]), None, "forgotten");
        assert_eq!(checks.outcome(&wrong[wrong.len() - 1]), Some(false));
        assert_eq!(checks.wrong.keys.len(), WRONG_MAX);
    }
}

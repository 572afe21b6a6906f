//! What the simulated clients ask for: few keys, so that requests meet each other; every operation and option, and
//! now and then a change of users and roles.

use coreos_store::{AuthChange, Body, List, Op, PasswordHash, Write};

use crate::rng::Rng;

const PATHS: [&str; 10] = [
    "/a",
    "/b",
    "/d",
    "/d/x",
    "/d/y",
    "/d/e/z",
    "/_hidden",
    "/_hidden/k",
    "/q",
    "/very/deep/path/f",
];
const OPS: [Op; 10] = [
    Op::Set,
    Op::Set,
    Op::Set,
    Op::Create,
    Op::CreateInOrder,
    Op::Update,
    Op::CompareAndSwap,
    Op::CompareAndDelete,
    Op::Delete,
    Op::Set,
];
const MS: u64 = 1_000_000;

/// A path to read.
pub fn path(rng: &mut Rng) -> &'static [u8] {
    match rng.place(PATHS.len() + 1) {
        0 => b"/",
        place => PATHS[place - 1].as_bytes(),
    }
}

/// What is proposed: mostly a write.
pub fn body(rng: &mut Rng) -> Body {
    if rng.one_in(12) { Body::Auth(auth_change(rng)) } else { Body::Write(write(rng)) }
}

fn auth_change(rng: &mut Rng) -> AuthChange {
    let name = ["root", "al", "guest"][rng.place(3)].to_owned();
    let password_hash = PasswordHash(format!("hash {}", rng.below(3)));
    let expected_index = rng.below(60);
    match rng.place(7) {
        0 => AuthChange::Switch { on: rng.one_in(2) },
        1 => AuthChange::CreateUser { name, password_hash, roles: list(rng) },
        2 => {
            let password_hash = rng.one_in(2).then_some(password_hash);
            AuthChange::UpdateUser { name, password_hash, roles: list(rng), expected_index }
        }
        3 => AuthChange::DeleteUser { name },
        4 => AuthChange::CreateRole { name, read: list(rng), write: list(rng) },
        5 => AuthChange::UpdateRole { name, read: list(rng), write: list(rng), expected_index },
        _ => AuthChange::DeleteRole { name },
    }
}

fn list(rng: &mut Rng) -> List {
    let length = rng.place(3);
    rng.one_in(2).then(|| vec!["/d/*".to_owned(); length])
}

/// A write.
fn write(rng: &mut Rng) -> Write {
    let op = OPS[rng.place(OPS.len())];
    let deletes = matches!(op, Op::Delete | Op::CompareAndDelete);
    let compares = matches!(op, Op::CompareAndSwap | Op::CompareAndDelete);
    let ttl_ns = (!deletes && rng.one_in(4)).then(|| rng.below(3_000) * MS);
    let refresh = ttl_ns.is_some() && matches!(op, Op::Set | Op::Update) && rng.one_in(4);
    let length = if rng.one_in(8) { 2_000 } else { 3 };
    Write {
        op,
        path: PATHS[rng.place(PATHS.len())].as_bytes().to_vec(),
        value: if refresh { Vec::new() } else { value(rng, length) },
        dir: rng.one_in(5),
        recursive: deletes && rng.one_in(2),
        refresh,
        ttl_ns,
        prev_value: (compares && rng.one_in(2)).then(|| value(rng, 3)),
        prev_index: if compares && rng.one_in(3) { rng.below(60) } else { 0 },
    }
}

fn value(rng: &mut Rng, length: usize) -> Vec<u8> {
    let byte = b'a' + u8::try_from(rng.below(3)).unwrap_or(0);
    vec![byte; length]
}

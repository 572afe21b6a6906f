//! Changes of users, roles and members: each waits, without the GIL, until it is applied.

use std::time::Duration;

use coreos_engine::{AuthChange, Body, List, Member, NotExecuted, PasswordHash, Role, User};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::engine_error;

/// Carry it out: 0, or the number of the store's error.
pub fn execute(py: Python<'_>, member: &Member, body: Body, timeout_ms: u64) -> PyResult<u16> {
    let timeout = Duration::from_millis(timeout_ms);
    match py.detach(|| member.execute(body, timeout)) {
        Ok(applied) => Ok(applied.outcome.err().map_or(0, |error| error.code.number())),
        Err(error) => {
            let kind = match &error {
                NotExecuted::Refused(_) => "refused",
                NotExecuted::TimedOut | NotExecuted::Removed => "timeout",
                NotExecuted::Poisoned(_) => "poisoned",
            };
            Err(engine_error(py, kind, &error.to_string()))
        }
    }
}

/// A new user, or another one with `expected_index`.
pub fn user(
    name: String,
    hash: Option<String>,
    roles: List,
    expected_index: Option<u64>,
) -> PyResult<Body> {
    let hash = hash.map(PasswordHash);
    Ok(Body::Auth(match (expected_index, hash) {
        (Some(expected_index), password_hash) => {
            AuthChange::UpdateUser { name, password_hash, roles, expected_index }
        }
        (None, Some(password_hash)) => AuthChange::CreateUser { name, password_hash, roles },
        (None, None) => return Err(PyValueError::new_err("a new user needs a password's hash")),
    }))
}

/// A new role, or another one with `expected_index`.
pub fn role(name: String, read: List, write: List, expected_index: Option<u64>) -> Body {
    Body::Auth(match expected_index {
        Some(expected_index) => AuthChange::UpdateRole { name, read, write, expected_index },
        None => AuthChange::CreateRole { name, read, write },
    })
}

/// Which users and roles somebody wants to see.
pub enum Wanted<'a> {
    All,
    /// This one, and the roles of its list.
    User(&'a str),
    Role(&'a str),
    /// The switch alone.
    Nothing,
}

/// Users, roles and the switch, all of one moment.
pub fn auth<'py>(
    py: Python<'py>,
    member: &Member,
    wanted: Wanted<'_>,
) -> PyResult<Bound<'py, PyDict>> {
    let auth = member.with_store(|store, _| store.auth().clone());
    let (users, roles) = (PyDict::new(py), PyDict::new(py));
    let add_user =
        |name: &str, user: &User| users.set_item(name, (&user.roles, user.modified_index));
    let add_role = |name: &str, role: &Role| {
        roles.set_item(name, (&role.read, &role.write, role.modified_index))
    };
    let add_role_of = |name: &str| auth.roles.get(name).map_or(Ok(()), |role| add_role(name, role));
    match wanted {
        Wanted::All => {
            auth.users.iter().try_for_each(|(name, user)| add_user(name, user))?;
            auth.roles.iter().try_for_each(|(name, role)| add_role(name, role))?;
        }
        Wanted::User(name) => {
            if let Some(user) = auth.users.get(name) {
                add_user(name, user)?;
                user.roles.iter().flatten().try_for_each(|role| add_role_of(role))?;
            }
        }
        Wanted::Role(name) => add_role_of(name)?,
        Wanted::Nothing => {}
    }
    let dict = PyDict::new(py);
    dict.set_item("enabled", auth.is_enabled())?;
    dict.set_item("users", users)?;
    dict.set_item("roles", roles)?;
    Ok(dict)
}

#[pyfunction]
pub fn hash_password(py: Python<'_>, password: Vec<u8>) -> PyResult<String> {
    match py.detach(|| coreos_engine::hash_password(&password)) {
        Ok(hash) => Ok(hash.0),
        Err(message) => Err(engine_error(py, "io", &message)),
    }
}

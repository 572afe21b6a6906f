//! Users, roles and the switch of authentication.
//!
//! The original keeps each as a document in a hidden part of its tree, so a change takes indexes as if nodes were
//! written, and no watcher is told of it. Which ones it takes is part of the format (`docs/formats.md`, section 1).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{Code, Error};
use crate::store::Store;

/// The user and the role that may do everything.
pub const ROOT_NAME: &str = "root";
/// The role of whoever says no name.
pub const GUEST_ROLE: &str = "guest";
/// Users that there may be, and as many roles: each change copies the table of pointers to them.
pub const DOCUMENTS_MAX: usize = 10_000;
/// Roles of a user, patterns to read and patterns to write of a role.
pub const LIST_MAX: usize = 1_000;
/// Bytes of the texts of one user or role.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// Indexes of what the original makes at its first change: three directories, and the switch turned off.
const FIRST_INDEXES: usize = 4;

/// A list of names or patterns; `None` was never given, which clients see as `null`.
pub type List = Option<Vec<String>>;

/// The bcrypt hash of a password. It is not shown when something that holds it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What passwords are checked with.
    pub password_hash: PasswordHash,
    /// Names of roles, which need not exist.
    pub roles: List,
    /// Index of the last change.
    pub modified_index: u64,
}

/// One role. A pattern is a whole path, or ends in `*` and is what a path begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// What may be read.
    pub read: List,
    /// What may be written.
    pub write: List,
    /// Index of the last change.
    pub modified_index: u64,
}

/// Everything that requests are judged by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Whether requests are judged at all; `None`: nothing was ever changed here.
    pub enabled: Option<bool>,
    /// Users by name. A change copies the pointers, for whoever judges requests keeps the table.
    pub users: BTreeMap<Arc<str>, Arc<User>>,
    /// Roles by name; `root` is not among them.
    pub roles: BTreeMap<Arc<str>, Arc<Role>>,
}

impl Auth {
    /// Whether requests are judged.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled == Some(true)
    }
}

/// One change of it. `expected_index` is the `modified_index` that the changed document must have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of `User` and `Role`.
pub enum AuthChange {
    /// Judge requests from now on, or no longer.
    Switch { on: bool },
    /// A new user.
    CreateUser { name: String, password_hash: PasswordHash, roles: List },
    /// Other roles, and another password unless it is `None`.
    UpdateUser {
        name: String,
        password_hash: Option<PasswordHash>,
        roles: List,
        expected_index: u64,
    },
    /// A user leaves.
    DeleteUser { name: String },
    /// A new role.
    CreateRole { name: String, read: List, write: List },
    /// Other permissions.
    UpdateRole { name: String, read: List, write: List, expected_index: u64 },
    /// A role goes; who has it keeps its name.
    DeleteRole { name: String },
}

impl Store {
    /// Users, roles and the switch as they are.
    #[must_use]
    pub fn auth(&self) -> &Arc<Auth> {
        &self.auth
    }

    /// How often they have been changed since this store was made or restored.
    #[must_use]
    pub fn auth_revision(&self) -> u64 {
        self.auth_revision
    }

    pub(crate) fn change_auth(&mut self, change: &AuthChange) -> Result<(), Error> {
        self.must_be_small(change)?;
        match change {
            AuthChange::Switch { on } => self.switch_auth(*on),
            AuthChange::CreateUser { name, password_hash, roles } => {
                self.begin_auth();
                self.must_be_new(self.auth.users.contains_key(&**name), name)?;
                self.must_have_room(self.auth.users.len(), "users")?;
                self.put_user(name, password_hash.clone(), roles.clone());
                Ok(())
            }
            AuthChange::UpdateUser { name, password_hash, roles, expected_index } => {
                let user = self.auth.users.get(&**name);
                let index = user.map(|user| user.modified_index);
                let old_hash = user.map(|user| user.password_hash.clone());
                self.must_be_expected(index, *expected_index, name)?;
                if let Some(hash) = password_hash.clone().or(old_hash) {
                    self.put_user(name, hash, roles.clone());
                }
                Ok(())
            }
            AuthChange::DeleteUser { name } => {
                if name == ROOT_NAME && self.auth.is_enabled() {
                    return Err(self.fail(Code::RootReadOnly, name.as_bytes()));
                }
                self.begin_auth();
                self.must_exist(self.auth.users.contains_key(&**name), name)?;
                self.auth_index();
                self.auth_mut().users.remove(&**name);
                Ok(())
            }
            AuthChange::CreateRole { name, read, write } => {
                self.must_not_be_root(name)?;
                self.begin_auth();
                self.must_be_new(self.auth.roles.contains_key(&**name), name)?;
                self.must_have_room(self.auth.roles.len(), "roles")?;
                self.put_role(name, read.clone(), write.clone());
                Ok(())
            }
            AuthChange::UpdateRole { name, read, write, expected_index } => {
                let role = self.auth.roles.get(&**name);
                self.must_be_expected(role.map(|role| role.modified_index), *expected_index, name)?;
                self.put_role(name, read.clone(), write.clone());
                Ok(())
            }
            AuthChange::DeleteRole { name } => {
                self.must_not_be_root(name)?;
                self.begin_auth();
                self.must_exist(self.auth.roles.contains_key(&**name), name)?;
                self.auth_index();
                self.auth_mut().roles.remove(&**name);
                Ok(())
            }
        }
    }

    fn switch_auth(&mut self, on: bool) -> Result<(), Error> {
        if self.auth.is_enabled() == on {
            let cause = if on { "already enabled" } else { "already disabled" };
            return Err(self.fail(Code::CompareFailed, cause.as_bytes()));
        }
        if on {
            // Otherwise nobody could turn it off again.
            self.must_exist(self.auth.users.contains_key(ROOT_NAME), ROOT_NAME)?;
            if !self.auth.roles.contains_key(GUEST_ROLE) {
                let everything = Some(vec!["/*".to_owned()]);
                // One more than there may be, if need be: otherwise it could not be turned on.
                self.put_role(GUEST_ROLE, everything.clone(), everything);
            }
        }
        self.auth_index();
        self.auth_mut().enabled = Some(on);
        Ok(())
    }

    fn put_user(&mut self, name: &str, password_hash: PasswordHash, roles: List) {
        let modified_index = self.auth_index();
        let user = User { password_hash, roles, modified_index };
        self.auth_mut().users.insert(name.into(), Arc::new(user));
    }

    fn put_role(&mut self, name: &str, read: List, write: List) {
        let modified_index = self.auth_index();
        let role = Role { read, write, modified_index };
        self.auth_mut().roles.insert(name.into(), Arc::new(role));
    }

    /// What comes before the first document, even before one that is then not made.
    fn begin_auth(&mut self) {
        if self.auth.enabled.is_some() {
            return;
        }
        for _ in 0..FIRST_INDEXES {
            self.auth_index();
        }
        self.auth_mut().enabled = Some(false);
    }

    /// The index of one document's change.
    fn auth_index(&mut self) -> u64 {
        let index = self.next_index();
        self.record_internal(index);
        index
    }

    fn auth_mut(&mut self) -> &mut Auth {
        self.auth_revision += 1;
        Arc::make_mut(&mut self.auth)
    }

    /// It comes first, as if the original had not understood the request: nothing is taken or looked up.
    fn must_be_small(&self, change: &AuthChange) -> Result<(), Error> {
        let (name, lists) = match change {
            AuthChange::CreateUser { name, roles, .. }
            | AuthChange::UpdateUser { name, roles, .. } => (name, [roles, &None]),
            AuthChange::CreateRole { name, read, write }
            | AuthChange::UpdateRole { name, read, write, .. } => (name, [read, write]),
            AuthChange::Switch { .. }
            | AuthChange::DeleteUser { .. }
            | AuthChange::DeleteRole { .. } => return Ok(()),
        };
        if lists.iter().any(|list| list.as_ref().is_some_and(|list| list.len() > LIST_MAX)) {
            let cause = format!("a list of more than {LIST_MAX}");
            return Err(self.fail(Code::InvalidField, cause.as_bytes()));
        }
        let texts = lists.into_iter().flatten().flatten();
        if name.len() + texts.map(String::len).sum::<usize>() > DOCUMENT_BYTES_MAX {
            let cause = format!("more than {DOCUMENT_BYTES_MAX} bytes");
            return Err(self.fail(Code::InvalidField, cause.as_bytes()));
        }
        Ok(())
    }

    fn must_have_room(&self, count: usize, what: &str) -> Result<(), Error> {
        if count < DOCUMENTS_MAX {
            return Ok(());
        }
        let cause = format!("more than {DOCUMENTS_MAX} {what}");
        Err(self.fail(Code::InvalidField, cause.as_bytes()))
    }

    fn must_not_be_root(&self, name: &str) -> Result<(), Error> {
        if name == ROOT_NAME { Err(self.fail(Code::RootReadOnly, name.as_bytes())) } else { Ok(()) }
    }

    fn must_be_new(&self, exists: bool, name: &str) -> Result<(), Error> {
        if exists { Err(self.fail(Code::KeyExists, name.as_bytes())) } else { Ok(()) }
    }

    fn must_exist(&self, exists: bool, name: &str) -> Result<(), Error> {
        if exists { Ok(()) } else { Err(self.fail(Code::KeyNotFound, name.as_bytes())) }
    }

    fn must_be_expected(&self, is: Option<u64>, expected: u64, name: &str) -> Result<(), Error> {
        match is {
            None => Err(self.fail(Code::KeyNotFound, name.as_bytes())),
            Some(index) if index == expected => Ok(()),
            Some(index) => {
                let cause = format!("{name} [{expected} != {index}]");
                Err(self.fail(Code::CompareFailed, cause.as_bytes()))
            }
        }
    }
}

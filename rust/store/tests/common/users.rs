//! Changes of users and roles, and the naive idea of what keeps them: documents in a tree, as in the original.
//!
//! Written from the specification: every document that is made or changed takes an index, the three directories and the
//! switch at the first change too.

use std::collections::BTreeMap;
use std::sync::Arc;

use coreos_store::{Auth, AuthChange, Code, List, PasswordHash, Role, User};
use proptest::prelude::*;

pub fn list(names: &[&str]) -> List {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// A new user.
pub fn user(name: &str, hash: &str, roles: Option<&[&str]>) -> AuthChange {
    AuthChange::CreateUser {
        name: name.to_owned(),
        password_hash: PasswordHash(hash.to_owned()),
        roles: roles.and_then(list),
    }
}

/// A new role that may read one pattern.
pub fn role(name: &str, read: &str) -> AuthChange {
    AuthChange::CreateRole { name: name.to_owned(), read: list(&[read]), write: None }
}

/// Any change; names are of this form.
pub fn change(names: &'static str) -> impl Strategy<Value = AuthChange> {
    let list = || proptest::option::of(proptest::collection::vec("[/a-c*]{0,3}", 0..3));
    let hash = || "[0-9]{0,2}".prop_map(PasswordHash);
    let index = || prop_oneof![3 => 1..40_u64, 1 => any::<u64>()];
    prop_oneof![
        2 => any::<bool>().prop_map(|on| AuthChange::Switch { on }),
        3 => (names, hash(), list()).prop_map(|(name, password_hash, roles)| {
            AuthChange::CreateUser { name, password_hash, roles }
        }),
        4 => (names, proptest::option::of(hash()), list(), index()).prop_map(
            |(name, password_hash, roles, expected_index)| {
                AuthChange::UpdateUser { name, password_hash, roles, expected_index }
            }
        ),
        1 => names.prop_map(|name| AuthChange::DeleteUser { name }),
        3 => (names, list(), list())
            .prop_map(|(name, read, write)| AuthChange::CreateRole { name, read, write }),
        4 => (names, list(), list(), index()).prop_map(|(name, read, write, expected_index)| {
            AuthChange::UpdateRole { name, read, write, expected_index }
        }),
        1 => names.prop_map(|name| AuthChange::DeleteRole { name }),
    ]
}

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    No,
    /// A change of an older document overwrites a newer one.
    LostUpdate,
    /// The first deletion makes nothing when it finds nothing.
    LazyDeletion,
    /// Turning it on twice is no error.
    TwiceOn,
    /// The role of guests is made anew whenever it is turned on.
    GuestRenewed,
    /// A change without a password removes it.
    PasswordRemoved,
}

impl Wrong {
    /// Every way but none.
    pub const ALL: [Wrong; 5] = [
        Wrong::LostUpdate,
        Wrong::LazyDeletion,
        Wrong::TwiceOn,
        Wrong::GuestRenewed,
        Wrong::PasswordRemoved,
    ];
}

#[derive(Clone, Debug, PartialEq)]
enum Document {
    Directory,
    Switch(bool),
    User(PasswordHash, List),
    Role(List, List),
}

/// See the module.
pub struct Documents {
    nodes: BTreeMap<String, (Document, u64)>,
    pub index: u64,
    wrong: Wrong,
}

impl Documents {
    pub fn new(wrong: Wrong) -> Self {
        Self { nodes: BTreeMap::new(), index: 0, wrong }
    }

    fn is_on(&self) -> bool {
        matches!(self.nodes.get("/enabled"), Some((Document::Switch(true), _)))
    }

    fn put(&mut self, path: &str, document: Document) {
        self.index += 1;
        self.nodes.insert(path.to_owned(), (document, self.index));
    }

    fn create(&mut self, path: &str, document: Document) -> Result<(), Code> {
        if self.nodes.contains_key(path) {
            return Err(Code::KeyExists);
        }
        self.put(path, document);
        Ok(())
    }

    fn directories(&mut self) {
        for path in ["/", "/users", "/roles"] {
            // That it is there already is what is wanted.
            let _ = self.create(path, Document::Directory);
        }
        let _ = self.create("/enabled", Document::Switch(false));
    }

    fn delete(&mut self, path: &str) -> Result<(), Code> {
        if self.wrong != Wrong::LazyDeletion || self.nodes.contains_key(path) {
            self.directories();
        }
        self.nodes.remove(path).ok_or(Code::KeyNotFound)?;
        self.index += 1;
        Ok(())
    }

    fn changeable(&self, path: &str, expected: u64) -> Result<Document, Code> {
        let (document, index) = self.nodes.get(path).ok_or(Code::KeyNotFound)?;
        if *index != expected && self.wrong != Wrong::LostUpdate {
            return Err(Code::CompareFailed);
        }
        Ok(document.clone())
    }

    pub fn apply(&mut self, change: &AuthChange) -> Result<(), Code> {
        let users = |name: &str| format!("/users/{name}");
        let roles = |name: &str| format!("/roles/{name}");
        match change.clone() {
            AuthChange::Switch { on } => {
                if self.is_on() == on && !(on && self.wrong == Wrong::TwiceOn) {
                    return Err(Code::CompareFailed);
                }
                if on {
                    self.nodes.get("/users/root").ok_or(Code::KeyNotFound)?;
                    let everything = Document::Role(list(&["/*"]), list(&["/*"]));
                    if self.wrong == Wrong::GuestRenewed {
                        self.put("/roles/guest", everything);
                    } else {
                        let _ = self.create("/roles/guest", everything);
                    }
                }
                self.put("/enabled", Document::Switch(on));
                Ok(())
            }
            AuthChange::CreateUser { name, password_hash, roles } => {
                self.directories();
                self.create(&users(&name), Document::User(password_hash, roles))
            }
            AuthChange::UpdateUser { name, password_hash, roles, expected_index } => {
                let old = self.changeable(&users(&name), expected_index)?;
                let Document::User(old_hash, _) = old else { panic!("{old:?}") };
                let kept = if self.wrong == Wrong::PasswordRemoved {
                    PasswordHash(String::new())
                } else {
                    old_hash
                };
                self.put(&users(&name), Document::User(password_hash.unwrap_or(kept), roles));
                Ok(())
            }
            AuthChange::DeleteUser { name } if name == "root" && self.is_on() => {
                Err(Code::RootReadOnly)
            }
            AuthChange::DeleteUser { name } => self.delete(&users(&name)),
            AuthChange::CreateRole { name, .. } | AuthChange::DeleteRole { name }
                if name == "root" =>
            {
                Err(Code::RootReadOnly)
            }
            AuthChange::CreateRole { name, read, write } => {
                self.directories();
                self.create(&roles(&name), Document::Role(read, write))
            }
            AuthChange::UpdateRole { name, read, write, expected_index } => {
                self.changeable(&roles(&name), expected_index)?;
                self.put(&roles(&name), Document::Role(read, write));
                Ok(())
            }
            AuthChange::DeleteRole { name } => self.delete(&roles(&name)),
        }
    }

    /// The documents as the store shows them.
    pub fn shown(&self) -> Auth {
        let mut auth = Auth::default();
        for (path, (document, modified_index)) in &self.nodes {
            let name = path.splitn(3, '/').nth(2).unwrap_or_default().to_owned();
            let modified_index = *modified_index;
            match document.clone() {
                Document::Directory => {}
                Document::Switch(on) => auth.enabled = Some(on),
                Document::User(password_hash, roles) => {
                    let user = User { password_hash, roles, modified_index };
                    auth.users.insert(name.into(), Arc::new(user));
                }
                Document::Role(read, write) => {
                    let role = Role { read, write, modified_index };
                    auth.roles.insert(name.into(), Arc::new(role));
                }
            }
        }
        auth
    }
}

//! Who may do what to which keys (etcd-v2 section 4.4).

use std::hash::{DefaultHasher, Hash, Hasher};

use coreos_store::{Auth, GUEST_ROLE, PasswordHash, ROOT_NAME, Role};

/// What a request does to the key space, as far as permissions look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front) struct Access {
    /// The decoded path, clean but for a slash at its end, which patterns can see. What replaces or deletes has none,
    /// for it does so to the directory itself.
    pub path: Box<[u8]>,
    pub recursive: bool,
    pub writes: bool,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front) enum Who {
    /// Somebody who says no name.
    Guest,
    /// A user who has shown the password with this hash's fingerprint.
    User { name: Box<str>, fingerprint: u64 },
    /// The name in a client's certificate, if there is such a user; else a guest.
    Certificate(Box<str>),
    /// Somebody who says a name and cannot show that it is his, or has not been asked to.
    Unproven,
}

/// Tells apart the passwords that a user has had.
pub(in crate::front) fn fingerprint(hash: &PasswordHash) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash.hash(&mut hasher);
    hasher.finish()
}

impl Who {
    /// The name of the user that this is now.
    pub fn user<'a>(&'a self, auth: &Auth) -> Option<&'a str> {
        let (name, shown) = match self {
            Who::User { name, fingerprint } => (name, Some(*fingerprint)),
            Who::Certificate(name) => (name, None),
            Who::Guest | Who::Unproven => return None,
        };
        let user = auth.users.get(&**name)?;
        let is_still = shown.is_none_or(|shown| shown == fingerprint(&user.password_hash));
        is_still.then_some(name)
    }

    /// Whether it may do everything, users and members included.
    pub fn is_root(&self, auth: &Auth) -> bool {
        self.user(auth).is_some_and(|name| roles(auth, name).any(|role| role == ROOT_NAME))
    }

    /// Whether it may do this to the keys.
    pub fn may(&self, access: &Access, auth: &Auth, upstream: bool) -> bool {
        if let Some(name) = self.user(auth) {
            return roles(auth, name).any(|role| {
                role == ROOT_NAME
                    || auth.roles.get(role).is_some_and(|r| allows(r, access, upstream))
            });
        }
        match self {
            // A user whose password has changed has shown nothing, and never becomes a guest.
            Who::User { .. } | Who::Unproven => false,
            Who::Guest | Who::Certificate(_) => {
                // As in the original, guests need no pattern with a star for what is below a key.
                let access = Access { recursive: false, ..access.clone() };
                auth.roles.get(GUEST_ROLE).is_some_and(|role| allows(role, &access, upstream))
            }
        }
    }
}

/// Names of the roles of a user. The user `root` always has the role of that name.
fn roles<'a>(auth: &'a Auth, name: &str) -> impl Iterator<Item = &'a str> {
    let own = (name == ROOT_NAME).then_some(ROOT_NAME);
    let given = auth.users.get(name).and_then(|user| user.roles.as_ref());
    own.into_iter().chain(given.into_iter().flatten().map(String::as_str))
}

fn allows(role: &Role, access: &Access, upstream: bool) -> bool {
    let patterns = if access.writes { &role.write } else { &role.read };
    patterns.iter().flatten().any(|pattern| covers(pattern.as_bytes(), access, upstream))
}

fn covers(pattern: &[u8], access: &Access, upstream: bool) -> bool {
    let path = &*access.path;
    let Some(prefix) = pattern.strip_suffix(b"*") else {
        return !access.recursive && path == pattern;
    };
    // Who may read everything in a directory may read the directory. A path is clean but for its end, so one with a
    // slash there is not what a pattern with two of them means, least of all the root.
    let is_its_directory = || {
        let dir = prefix.strip_suffix(b"/").filter(|dir| !dir.ends_with(b"/"));
        !upstream && !access.writes && dir == Some(path)
    };
    path.starts_with(prefix) || is_its_directory()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use coreos_store::{List, User};

    use super::*;

    fn list(names: &[&str]) -> List {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn auth() -> Auth {
        let user = |roles: &[&str]| {
            Arc::new(User {
                password_hash: PasswordHash("h".into()),
                roles: list(roles),
                modified_index: 1,
            })
        };
        let role = |read: &[&str], write: &[&str]| {
            Arc::new(Role { read: list(read), write: list(write), modified_index: 1 })
        };
        Auth {
            enabled: Some(true),
            users: BTreeMap::from([
                ("al".into(), user(&["gone", "r"])),
                ("root".into(), user(&[])),
                ("other".into(), user(&["root"])),
            ]),
            roles: BTreeMap::from([
                ("guest".into(), role(&["/pub", "/all*"], &[])),
                ("r".into(), role(&["/m/*", "/exact", "/tree*"], &["/m/*", "/x"])),
            ]),
        }
    }

    fn user(name: &str) -> Who {
        Who::User { name: name.into(), fingerprint: fingerprint(&PasswordHash("h".into())) }
    }

    fn may(who: &Who, what: &str, path: &str, upstream: bool) -> bool {
        let access = Access {
            path: path.as_bytes().into(),
            recursive: what.contains("all"),
            writes: what.contains("write"),
        };
        who.may(&access, &auth(), upstream)
    }

    #[test]
    fn patterns_are_whole_paths_or_beginnings() {
        let al = user("al");
        for (what, path, allowed) in [
            ("read", "/m/x", true),
            ("read", "/m/x/y", true),
            ("read", "/mx", false),
            ("read", "/exact", true),
            ("read", "/exact/", false),
            ("read", "/exact/x", false),
            ("read", "/tree", true),
            ("read", "/trees/x", true),
            ("read all", "/exact", false),
            ("read all", "/m/x", true),
            ("read all", "/m/", true),
            ("read all", "/", false),
            ("write", "/m/x", true),
            ("write", "/m/", true),
            ("write", "/m", false),
            ("write", "/x", true),
            ("write", "/exact", false),
            ("write all", "/x", false),
            ("write all", "/m/x", true),
        ] {
            for upstream in [false, true] {
                assert_eq!(may(&al, what, path, upstream), allowed, "{what} {path}");
            }
        }
    }

    #[test]
    fn reading_what_is_in_a_directory_includes_the_directory() {
        for what in ["read", "read all"] {
            assert!(may(&user("al"), what, "/m", false));
            assert!(!may(&user("al"), what, "/m", true), "not in the original");
        }
    }

    #[test]
    fn a_doubled_slash_means_no_directory() {
        let mut auth = auth();
        for (pattern, path) in [("//*", "/"), ("/m//*", "/m/"), ("/m//*", "/m")] {
            let role = Role { read: list(&[pattern]), write: None, modified_index: 1 };
            auth.roles.insert("guest".into(), Arc::new(role));
            let access = Access { path: path.as_bytes().into(), recursive: true, writes: false };
            assert!(!Who::Guest.may(&access, &auth, false), "{pattern} {path}");
        }
    }

    #[test]
    fn root_may_everything() {
        for who in [user("root"), user("other")] {
            assert!(who.is_root(&auth()) && may(&who, "write all", "/", true));
        }
        assert!(!user("al").is_root(&auth()) && !Who::Guest.is_root(&auth()));
    }

    #[test]
    fn guests_are_never_asked_for_a_star() {
        assert!(may(&Who::Guest, "read all", "/pub", false));
        assert!(may(&Who::Guest, "read", "/all/x", false));
        assert!(!may(&Who::Guest, "write", "/pub", false));
        assert!(!may(&Who::Guest, "read", "/m/x", false));
    }

    #[test]
    fn who_cannot_show_a_password_is_no_guest() {
        let old = Who::User { name: "al".into(), fingerprint: 0 };
        for who in [Who::Unproven, old, user("nobody")] {
            assert!(!may(&who, "read", "/pub", false), "{who:?}");
            assert_eq!(who.user(&auth()), None);
        }
        assert!(may(&Who::Certificate("al".into()), "read", "/m/x", false));
        assert!(may(&Who::Certificate("nobody".into()), "read", "/pub", false), "a guest");
        assert!(!may(&Who::Certificate("nobody".into()), "read", "/m/x", false));
    }

    #[test]
    fn an_empty_pattern_or_list_allows_nothing() {
        let mut auth = auth();
        let role = |read: List| Role { read, write: None, modified_index: 1 };
        for read in [None, list(&[]), list(&[""])] {
            auth.roles.insert("guest".into(), Arc::new(role(read)));
            let access = Access { path: b"/a"[..].into(), recursive: false, writes: false };
            assert!(!Who::Guest.may(&access, &auth, false));
        }
    }
}

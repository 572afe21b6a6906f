//! Users and roles to bytes and back: kind 10 of the commands and part 7 of a snapshot (`docs/formats.md`).

use std::io::Read;
use std::sync::Arc;

use crate::auth::{Auth, AuthChange, PasswordHash, Role, User};
use crate::codec::{DecodeError, Unknown, must_be};
use crate::pack::Packer;
use crate::unpack::{Fault, Unpacker};

/// The body of a command.
pub(crate) fn encode_change<'a, 'b>(
    to: &'a mut Packer<'b>,
    change: &AuthChange,
) -> &'a mut Packer<'b> {
    to.array(2);
    match change {
        AuthChange::Switch { on } => to.uint(0).array(1).bool(*on),
        AuthChange::CreateUser { name, password_hash, roles } => {
            to.uint(1).array(3).text(name).text(&password_hash.0).texts_or_nil(roles.as_deref())
        }
        AuthChange::UpdateUser { name, password_hash, roles, expected_index } => {
            to.uint(2).array(4).text(name);
            match password_hash {
                Some(hash) => to.text(&hash.0),
                None => to.nil(),
            };
            to.texts_or_nil(roles.as_deref()).uint(*expected_index)
        }
        AuthChange::DeleteUser { name } => to.uint(3).array(1).text(name),
        AuthChange::CreateRole { name, read, write } => {
            encode_lists(to.uint(4).array(3).text(name), read.as_deref(), write.as_deref())
        }
        AuthChange::UpdateRole { name, read, write, expected_index } => {
            encode_lists(to.uint(5).array(4).text(name), read.as_deref(), write.as_deref())
                .uint(*expected_index)
        }
        AuthChange::DeleteRole { name } => to.uint(6).array(1).text(name),
    }
}

fn encode_lists<'a, 'b>(
    to: &'a mut Packer<'b>,
    read: Option<&[String]>,
    write: Option<&[String]>,
) -> &'a mut Packer<'b> {
    to.texts_or_nil(read).texts_or_nil(write)
}

/// What follows the length of a body's array.
pub(crate) fn decode_change(from: &mut Unpacker<&[u8]>) -> Result<AuthChange, DecodeError> {
    let op = from.uint()?;
    let wanted = match op {
        0 | 3 | 6 => 1,
        1 | 4 => 3,
        2 | 5 => 4,
        _ => return Err(Unknown::Op(op).into()),
    };
    must_be(from.array()?, wanted)?;
    Ok(match op {
        0 => AuthChange::Switch { on: from.bool()? },
        1 => AuthChange::CreateUser {
            name: from.text()?,
            password_hash: PasswordHash(from.text()?),
            roles: from.texts_or_nil()?,
        },
        2 => AuthChange::UpdateUser {
            name: from.text()?,
            password_hash: from.text_or_nil()?.map(PasswordHash),
            roles: from.texts_or_nil()?,
            expected_index: from.uint()?,
        },
        3 => AuthChange::DeleteUser { name: from.text()? },
        4 => AuthChange::CreateRole {
            name: from.text()?,
            read: from.texts_or_nil()?,
            write: from.texts_or_nil()?,
        },
        5 => AuthChange::UpdateRole {
            name: from.text()?,
            read: from.texts_or_nil()?,
            write: from.texts_or_nil()?,
            expected_index: from.uint()?,
        },
        _ => AuthChange::DeleteRole { name: from.text()? },
    })
}

/// Part 7 of a snapshot.
pub(crate) fn encode(to: &mut Packer<'_>, auth: &Auth) {
    to.array(3).bool(auth.is_enabled()).array(auth.users.len());
    for (name, user) in &auth.users {
        to.array(4).text(name).text(&user.password_hash.0).texts_or_nil(user.roles.as_deref());
        to.uint(user.modified_index);
    }
    to.array(auth.roles.len());
    for (name, role) in &auth.roles {
        to.array(4).text(name);
        encode_lists(to, role.read.as_deref(), role.write.as_deref()).uint(role.modified_index);
    }
}

/// The same back. `etcd_index` is the greatest index that has been given out.
pub(crate) fn decode<R: Read>(from: &mut Unpacker<R>, etcd_index: u64) -> Result<Auth, Fault> {
    let given = |index: u64| match index <= etcd_index {
        true => Ok(index),
        false => Err(Fault::Malformed("an index of the future")),
    };
    from.array_of(3)?;
    let mut auth = Auth { enabled: Some(from.bool()?), ..Auth::default() };
    for _ in 0..from.array()? {
        from.array_of(4)?;
        let name = from.text()?;
        if auth.users.last_key_value().is_some_and(|(last, _)| **last >= *name) {
            return Err(Fault::Malformed("users are not in order"));
        }
        let (password_hash, roles) = (PasswordHash(from.text()?), from.texts_or_nil()?);
        let modified_index = given(from.uint()?)?;
        let user = User { password_hash, roles, modified_index };
        auth.users.insert(name.into(), Arc::new(user));
    }
    for _ in 0..from.array()? {
        from.array_of(4)?;
        let name = from.text()?;
        if auth.roles.last_key_value().is_some_and(|(last, _)| **last >= *name) {
            return Err(Fault::Malformed("roles are not in order"));
        }
        let (read, write) = (from.texts_or_nil()?, from.texts_or_nil()?);
        let role = Role { read, write, modified_index: given(from.uint()?)? };
        auth.roles.insert(name.into(), Arc::new(role));
    }
    Ok(auth)
}

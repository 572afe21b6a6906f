"""Users, roles and the switch of `/v2/auth`: requests, and replies as typed values. No I/O.

A request that carries a password says with `shown_form` what may be shown of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from coreos_py.client._json import as_list, as_object, parse_object, text_of, texts_of
from coreos_py.client._text import path_segment
from coreos_py.client.keys import raise_for_status
from coreos_py.client.requests import JSON, Request

_ENABLE = "/v2/auth/enable"
_USERS = "/v2/auth/users"
_ROLES = "/v2/auth/roles"
_HIDDEN = "***"


class User(NamedTuple):
    """A user, with the names of the roles that it has."""

    name: str
    roles: tuple[str, ...]


class Role(NamedTuple):
    """A role: patterns of keys that it may read, and that it may write. A pattern may end in `*`."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]


def is_enabled() -> Request:
    """Whether credentials are looked at. Decode with `decode_enabled`."""
    return Request("GET", _ENABLE, None, repeatable=True)


def enable() -> Request:
    """From now on credentials count; needs a user `root`. Decode with `decode_done`."""
    return Request("PUT", _ENABLE, "", repeatable=False, content_type=JSON)


def disable() -> Request:
    """From now on nobody's credentials count. Decode with `decode_done`."""
    return Request("DELETE", _ENABLE, None, repeatable=False)


def list_users() -> Request:
    """All users. Decode with `decode_users`."""
    return Request("GET", _USERS, None, repeatable=True)


def get_user(name: str) -> Request:
    """One user. Decode with `decode_user`."""
    return Request("GET", _user(name), None, repeatable=True)


def set_password(name: str, password: str) -> Request:
    """Make a user, or change the password of one that is there: the server does not tell these apart.

    Decode with `decode_user`.
    """
    body, shown = (_json({"user": name, "password": text}) for text in (password, _HIDDEN))
    return Request("PUT", _user(name), body, repeatable=True, content_type=JSON, shown_form=shown)


def remove_user(name: str) -> Request:
    """Remove a user. Decode with `decode_done`."""
    return Request("DELETE", _user(name), None, repeatable=False)


def grant_roles(name: str, roles: Sequence[str]) -> Request:
    """Give a user more roles. Decode with `decode_user`."""
    return _put(_user(name), {"user": name, "grant": list(roles)})


def revoke_roles(name: str, roles: Sequence[str]) -> Request:
    """Take roles from a user. Decode with `decode_user`."""
    return _put(_user(name), {"user": name, "revoke": list(roles)})


def list_roles() -> Request:
    """All roles. Decode with `decode_roles`."""
    return Request("GET", _ROLES, None, repeatable=True)


def get_role(name: str) -> Request:
    """One role. Decode with `decode_role`."""
    return Request("GET", _role(name), None, repeatable=True)


def create_role(name: str) -> Request:
    """A new role without permissions. Decode with `decode_role`."""
    # As etcd's client says it: servers keep null, and take it for another state than the empty list.
    return _put(_role(name), {"role": name, "permissions": {"kv": {"read": None, "write": None}}})


def remove_role(name: str) -> Request:
    """Remove a role. Decode with `decode_done`."""
    return Request("DELETE", _role(name), None, repeatable=False)


def grant_permissions(name: str, *, read: Sequence[str] = (), write: Sequence[str] = ()) -> Request:
    """Give a role more patterns. Decode with `decode_role`."""
    return _put(_role(name), {"role": name, "grant": {"kv": {"read": list(read), "write": list(write)}}})


def revoke_permissions(name: str, *, read: Sequence[str] = (), write: Sequence[str] = ()) -> Request:
    """Take patterns from a role. Decode with `decode_role`."""
    return _put(_role(name), {"role": name, "revoke": {"kv": {"read": list(read), "write": list(write)}}})


def decode_done(status: int, body: bytes) -> None:
    """A reply that says nothing else. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)


def decode_enabled(status: int, body: bytes) -> bool:
    """The reply to `is_enabled`. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return parse_object(body).get("enabled") is True


def decode_user(status: int, body: bytes) -> User:
    """One user. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return _decode_user(parse_object(body))


def decode_users(status: int, body: bytes) -> list[User]:
    """Users by name. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return [_decode_user(fields) for fields in as_list(parse_object(body).get("users"))]


def decode_role(status: int, body: bytes) -> Role:
    """One role. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return _decode_role(parse_object(body))


def decode_roles(status: int, body: bytes) -> list[Role]:
    """Roles by name. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return [_decode_role(fields) for fields in as_list(parse_object(body).get("roles"))]


def _decode_user(fields: Any) -> User:
    # 2.1 and 2.2 listed bare names. A role is told by its name after a change, as an object when read.
    if isinstance(fields, str):
        return User(fields, ())
    words = as_object(fields)
    roles = (
        role if isinstance(role, str) else text_of(as_object(role), "role")
        for role in as_list(words.get("roles"))
    )
    return User(text_of(words, "user"), tuple(roles))


def _decode_role(fields: Any) -> Role:
    if isinstance(fields, str):
        return Role(fields, (), ())
    words = as_object(fields)
    permissions = as_object(as_object(words.get("permissions") or {}).get("kv") or {})
    return Role(text_of(words, "role"), texts_of(permissions, "read"), texts_of(permissions, "write"))


def _put(target: str, fields: dict[str, Any]) -> Request:
    return Request("PUT", target, _json(fields), repeatable=False, content_type=JSON)


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _user(name: str) -> str:
    return f"{_USERS}/{path_segment(name)}"


def _role(name: str) -> str:
    return f"{_ROLES}/{path_segment(name)}"

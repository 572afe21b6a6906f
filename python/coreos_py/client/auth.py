"""Users, roles and the switch that makes them count (etcd 2.1 and later).

Refusals are `ServerError`s with a status: 401 (`AccessDeniedError`), 404 for what does not exist, 409 for
what is so already. A lost answer is an `OutcomeUnknownError`; reading again tells how it went.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from coreos_py.client._json import NOT_JSON, fields_of, list_of, object_of, text_of, texts_of
from coreos_py.client._text import quote_segment
from coreos_py.client._wire import Reply
from coreos_py.client.errors import InvalidReplyError
from coreos_py.client.operation import Operation, decode_nothing, decoded_body
from coreos_py.client.requests import JSON, Request

ENABLE = "/v2/auth/enable"
USERS = "/v2/auth/users"
ROLES = "/v2/auth/roles"


class User(NamedTuple):
    """A user with the names of its roles."""

    name: str
    roles: tuple[str, ...]


class Role(NamedTuple):
    """A role: patterns of keys that may be read and written. One ends in `*` or is an exact key."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]


def is_enabled() -> Operation[bool]:
    """Whether credentials count."""
    return Operation(_read(ENABLE), decoded_body(lambda body: object_of(body).get("enabled") is True))


def enable() -> Operation[None]:
    """From now on credentials count.

    Raises `ServerError` 409 without a user `root`, or when it is so already.
    """
    return Operation(_write("PUT", ENABLE), decode_nothing)


def disable() -> Operation[None]:
    """From now on everybody may do everything. Raises `ServerError` 409 when it is so already."""
    return Operation(_write("DELETE", ENABLE), decode_nothing)


def list_users() -> Operation[list[User]]:
    """All users."""
    return Operation(
        _read(USERS), decoded_body(lambda body: [_user(one) for one in list_of(object_of(body).get("users"))])
    )


def get_user(name: str) -> Operation[User]:
    """One user. Raises `ServerError` 404."""
    return Operation(_read(_path(USERS, name)), _one_user)


def create_user(name: str, password: str, roles: Iterable[str] = ()) -> Operation[User]:
    """Make a user. Raises `ServerError` 409 when there is one and `roles` are given.

    Without `roles` etcd gives a user that exists the new password.
    """
    fields: dict[str, Any] = {"user": name, "password": password}
    if granted := list(roles):
        fields["roles"] = granted
    return _change_user(name, fields)


def set_password(name: str, password: str) -> Operation[User]:
    """Give a user another password. (To etcd that is the same request as making the user.)"""
    return _change_user(name, {"user": name, "password": password}, repeatable=True)


def grant_roles(name: str, *roles: str) -> Operation[User]:
    """Give a user roles. Raises `ServerError` 409 for one that it has."""
    return _change_user(name, {"user": name, "grant": roles})


def revoke_roles(name: str, *roles: str) -> Operation[User]:
    """Take roles from a user. Raises `ServerError` 409 for one that it has not."""
    return _change_user(name, {"user": name, "revoke": roles})


def delete_user(name: str) -> Operation[None]:
    """Remove a user. Raises `ServerError` 404, or 403 for `root` while authentication is on."""
    return Operation(_write("DELETE", _path(USERS, name)), decode_nothing)


def list_roles() -> Operation[list[Role]]:
    """All roles, the built-in `root` among them."""
    return Operation(
        _read(ROLES), decoded_body(lambda body: [_role(one) for one in list_of(object_of(body).get("roles"))])
    )


def get_role(name: str) -> Operation[Role]:
    """One role. Raises `ServerError` 404."""
    return Operation(_read(_path(ROLES, name)), _one_role)


def create_role(name: str, *, read: Iterable[str] = (), write: Iterable[str] = ()) -> Operation[Role]:
    """Make a role. Raises `ServerError` 409 when there is one."""
    return _change_role(name, "permissions", read, write)


def grant_permissions(name: str, *, read: Iterable[str] = (), write: Iterable[str] = ()) -> Operation[Role]:
    """Let a role read and write more keys. Raises `ServerError` 409 for a pattern that it has."""
    return _change_role(name, "grant", read, write)


def revoke_permissions(name: str, *, read: Iterable[str] = (), write: Iterable[str] = ()) -> Operation[Role]:
    """Let a role read and write fewer keys. Raises `ServerError` 400 when that changes nothing."""
    return _change_role(name, "revoke", read, write)


def delete_role(name: str) -> Operation[None]:
    """Remove a role. Raises `ServerError` 404."""
    return Operation(_write("DELETE", _path(ROLES, name)), decode_nothing)


def _path(folder: str, name: str) -> str:
    return f"{folder}/{quote_segment(name)}"


def _read(path: str) -> Request:
    return Request("GET", path, None, repeatable=True)


def _write(
    method: str, path: str, fields: dict[str, Any] | None = None, *, repeatable: bool = False
) -> Request:
    form = None if fields is None else json.dumps(fields)
    return Request(method, path, form, repeatable, content_type=JSON, is_secret="password" in (fields or {}))


def _change_user(name: str, fields: dict[str, Any], *, repeatable: bool = False) -> Operation[User]:
    return Operation(_write("PUT", _path(USERS, name), fields, repeatable=repeatable), _one_user)


def _change_role(name: str, what: str, read: Iterable[str], write: Iterable[str]) -> Operation[Role]:
    fields = {"role": name, what: {"kv": {"read": list(read), "write": list(write)}}}
    return Operation(_write("PUT", _path(ROLES, name), fields), _one_role)


def _one_user(reply: Reply) -> User:
    return decoded_body(lambda body: _user(object_of(body)))(reply)


def _one_role(reply: Reply) -> Role:
    return decoded_body(lambda body: _role(object_of(body)))(reply)


def _user(fields: Any) -> User:
    """A user; its roles are names or, in lists since 2.3, whole roles."""
    if isinstance(fields, str):
        return User(fields, ())
    return User(text_of(fields, "user"), tuple(_role_name(one) for one in list_of(fields.get("roles"))))


def _role_name(role: Any) -> str:
    return role if isinstance(role, str) else text_of(role, "role")


def _role(fields: Any) -> Role:
    if not isinstance(fields, dict):
        raise InvalidReplyError(NOT_JSON)
    permissions = fields_of(fields_of(fields, "permissions"), "kv")
    return Role(text_of(fields, "role"), texts_of(permissions, "read"), texts_of(permissions, "write"))

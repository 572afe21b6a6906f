"""Operations on users, roles and the switch that makes them count (etcd 2.1 and later).

Refusals are `ServerError`s with a status: 401 (`AccessDeniedError`), 404 for what does not exist, 409 for
what is so already. A lost answer is an `OutcomeUnknownError`; reading again tells how it went.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from coreos_py.client import auth
from coreos_py.client.auth import Role, User
from coreos_py.client.operation import Operation, by


def is_enabled() -> Operation[bool]:
    """Whether credentials count."""
    return Operation(auth.is_enabled(), by(auth.decode_enabled))


def enable() -> Operation[None]:
    """From now on credentials count. Raises `ServerError` 409 without a user `root`, or when it is so."""
    return Operation(auth.enable(), by(auth.decode_done))


def disable() -> Operation[None]:
    """From now on everybody may do everything. Raises `ServerError` 409 when it is so already."""
    return Operation(auth.disable(), by(auth.decode_done))


def list_users() -> Operation[list[User]]:
    """All users."""
    return Operation(auth.list_users(), by(auth.decode_users))


def get_user(name: str) -> Operation[User]:
    """One user. Raises `ServerError` 404."""
    return Operation(auth.get_user(name), by(auth.decode_user))


def create_user(name: str, password: str) -> Operation[User]:
    """Make a user. To etcd that is the same request as giving one that exists another password."""
    return Operation(auth.set_password(name, password), by(auth.decode_user))


def set_password(name: str, password: str) -> Operation[User]:
    """Give a user another password. To etcd that is the same request as making one."""
    return Operation(auth.set_password(name, password), by(auth.decode_user))


def delete_user(name: str) -> Operation[None]:
    """Remove a user. Raises `ServerError` 404, or 403 for `root` while authentication is on."""
    return Operation(auth.remove_user(name), by(auth.decode_done))


def grant_roles(name: str, *roles: str) -> Operation[User]:
    """Give a user roles. Raises `ServerError` 409 for one that it has."""
    return Operation(auth.grant_roles(name, roles), by(auth.decode_user))


def revoke_roles(name: str, *roles: str) -> Operation[User]:
    """Take roles from a user. Raises `ServerError` 409 for one that it has not."""
    return Operation(auth.revoke_roles(name, roles), by(auth.decode_user))


def list_roles() -> Operation[list[Role]]:
    """All roles, the built-in `root` among them."""
    return Operation(auth.list_roles(), by(auth.decode_roles))


def get_role(name: str) -> Operation[Role]:
    """One role. Raises `ServerError` 404."""
    return Operation(auth.get_role(name), by(auth.decode_role))


def create_role(name: str, *, read: Iterable[str] = (), write: Iterable[str] = ()) -> Operation[Role]:
    """Make a role. Raises `ServerError` 409 when there is one."""
    fields = {"role": name, "permissions": {"kv": {"read": _patterns(read), "write": _patterns(write)}}}
    return Operation(auth.create_role(name)._replace(form=json.dumps(fields)), by(auth.decode_role))


def delete_role(name: str) -> Operation[None]:
    """Remove a role. Raises `ServerError` 404."""
    return Operation(auth.remove_role(name), by(auth.decode_done))


def grant_permissions(name: str, *, read: Iterable[str] = (), write: Iterable[str] = ()) -> Operation[Role]:
    """Let a role read and write more keys. Raises `ServerError` 409 for a pattern that it has."""
    request = auth.grant_permissions(name, read=_patterns(read), write=_patterns(write))
    return Operation(request, by(auth.decode_role))


def revoke_permissions(name: str, *, read: Iterable[str] = (), write: Iterable[str] = ()) -> Operation[Role]:
    """Let a role read and write fewer keys. Raises `ServerError` 400 when that changes nothing."""
    request = auth.revoke_permissions(name, read=_patterns(read), write=_patterns(write))
    return Operation(request, by(auth.decode_role))


def _patterns(given: Iterable[str]) -> list[str]:
    # A text is an iterable of letters, and the one at its end may be `*`: every key.
    if isinstance(given, str):
        raise TypeError(f'patterns come as a list or a tuple: ["{given}"]')
    return list(given)

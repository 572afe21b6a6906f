"""/v2/auth/roles: which keys may be read and written by whoever has a role."""

from dataclasses import dataclass
from typing import Any

from coreos_py.etcd.endpoints.auth_documents import (
    ROOT,
    Names,
    Table,
    done,
    guarded,
    invalid,
    named,
    names_of,
    over_a_limit,
    parse_object,
    repeated,
    shown_role,
    text_of,
)
from coreos_py.etcd.endpoints.auth_shown import Shown, listed
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.refusals import (
    EXISTS,
    NOT_AS_EXPECTED,
    NOT_FOUND,
    OVER_A_LIMIT,
    RefusedError,
    decided,
)
from coreos_py.etcd.endpoints.reply import Reply, as_json, with_json


@guarded
def listing(_request: Incoming, context: Context) -> Reply:
    """All roles with the built-in root, sorted by name."""
    table = Table.of(context.member.auth())
    names = sorted({ROOT, *(n for n in table.roles if not (context.upstream and n.startswith("_")))})
    shown = Shown(table)
    text = listed("roles", (role for name in names if (role := shown.role(name)) is not None))
    return with_json(200, text, newline=True, cluster=context.cluster_id())


def _one(name: str, request: Incoming, context: Context) -> Reply:
    """One role: show, make or change, delete."""
    if request.method == "GET":
        role = Table.of(context.member.auth_of_role(name)).role(name)
        if role is None:
            raise RefusedError(404, f"auth: Role {name} does not exist.")
        return as_json(200, role, newline=True, cluster=context.cluster_id())
    if request.method == "DELETE":
        return _delete(name, context)
    return _put(name, request, context)


one = named("/v2/auth/roles/", _one)


def _delete(name: str, context: Context) -> Reply:
    _must_not_be_root(name)
    problem = context.member.delete_role(name, timeout_ms=context.request_timeout_ms)
    if decided(problem, context, NOT_FOUND) != 0:
        raise RefusedError(404, f"auth: Role {name} doesn't exist.")
    return done(context)


def _must_not_be_root(name: str) -> None:
    if name == ROOT:
        raise RefusedError(403, "auth: Cannot modify role root: is root role.")


@dataclass(frozen=True, slots=True)
class _Permissions:
    read: Names = None
    write: Names = None

    def is_empty(self) -> bool:
        return not self.read and not self.write


def _permissions(document: dict[str, Any], name: str) -> _Permissions | None:
    """A member of the form `{"kv":{"read":[...],"write":[...]}}`; None without it."""
    value = document.get(name)
    if value is None:
        return None
    kv = _members(value).get("kv")
    lists = {} if kv is None else _members(kv)
    return _Permissions(names_of(lists, "read"), names_of(lists, "write"))


def _members(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid()
    return {key.lower(): item for key, item in value.items()}


def _put(name: str, request: Incoming, context: Context) -> Reply:
    document = parse_object(request.body)
    wanted = text_of(document, "role")
    permissions = _permissions(document, "permissions") or _Permissions()
    grant = _permissions(document, "grant")
    revoke = _permissions(document, "revoke")
    if wanted != name:
        raise RefusedError(400, "Role JSON name does not match the name in the URL")
    if (grant is None or grant.is_empty()) and (revoke is None or revoke.is_empty()):
        _create(name, permissions, context)
        return _shown(201, name, permissions, context)
    if not permissions.is_empty():
        raise RefusedError(400, "Role JSON contains both permissions and grant/revoke")
    return _shown(200, name, _update(name, grant, revoke, context), context)


def _shown(status: int, name: str, permissions: _Permissions, context: Context) -> Reply:
    role = shown_role(name, permissions.read, permissions.write)
    return as_json(status, role, newline=True, cluster=context.cluster_id())


def _create(name: str, permissions: _Permissions, context: Context) -> None:
    _must_not_be_root(name)
    problem = context.member.put_role(
        name,
        permissions.read,
        permissions.write,
        expected_index=None,
        timeout_ms=context.request_timeout_ms,
    )
    if decided(problem, context, EXISTS, OVER_A_LIMIT) == EXISTS:
        raise RefusedError(409, f"auth: Role {name} already exists.")
    if problem == OVER_A_LIMIT:
        raise over_a_limit(f"Role {name}")


def _update(
    name: str, grant: _Permissions | None, revoke: _Permissions | None, context: Context
) -> _Permissions:
    _must_not_be_root(name)

    def attempt() -> _Permissions | None:
        roles = Table.of(context.member.auth_of_role(name)).roles
        if name not in roles:
            raise RefusedError(404, f"auth: Role {name} does not exist.")
        read, write, index = roles[name]
        new = _merged(_Permissions(read, write), grant, revoke)
        if new == _Permissions(read, write):
            raise RefusedError(400, "auth: Role not updated. Use grant/revoke to update the role.")
        problem = context.member.put_role(
            name, new.read, new.write, expected_index=index, timeout_ms=context.request_timeout_ms
        )
        if decided(problem, context, NOT_FOUND, NOT_AS_EXPECTED, OVER_A_LIMIT) == OVER_A_LIMIT:
            raise over_a_limit(f"Role {name}")
        return new if problem == 0 else None

    return repeated(attempt)


def _merged(old: _Permissions, grant: _Permissions | None, revoke: _Permissions | None) -> _Permissions:
    """Lists become sorted, each pattern once, and no longer None: that too counts as changed."""
    if grant is not None:
        old = _Permissions(_granted(old.read, grant.read, "read"), _granted(old.write, grant.write, "write"))
    if revoke is not None:
        old = _Permissions(_revoked(old.read, revoke.read), _revoked(old.write, revoke.write))
    return old


def _granted(old: Names, new: Names, what: str) -> list[str]:
    patterns = set(old or ())
    for pattern in new or ():
        if pattern in patterns:
            raise RefusedError(409, f"auth: Granting duplicate {what} permission {pattern}")
        patterns.add(pattern)
    return sorted(patterns)


def _revoked(old: Names, gone: Names) -> list[str]:
    return sorted(set(old or ()) - set(gone or ()))

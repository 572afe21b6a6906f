"""/v2/auth/users: who there is, and who has which role."""

from dataclasses import dataclass, field

from coreos_py._core import hash_password
from coreos_py.etcd.endpoints.auth_documents import (
    ROOT,
    Names,
    Table,
    done,
    guarded,
    named,
    names_of,
    over_a_limit,
    parse_object,
    repeated,
    text_of,
)
from coreos_py.etcd.endpoints.auth_shown import Shown, listed
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.refusals import (
    EXISTS,
    NOT_AS_EXPECTED,
    NOT_FOUND,
    OVER_A_LIMIT,
    ROOT_IS_FIXED,
    RefusedError,
    decided,
)
from coreos_py.etcd.endpoints.reply import Reply, as_json, with_json


@guarded
def listing(_request: Incoming, context: Context) -> Reply:
    """Everybody, sorted by name; roles that do not exist are left out."""
    table = Table.of(context.member.auth())
    # In the original a name with an underscore in front is a hidden node.
    names = (name for name in table.users if not (context.upstream and name.startswith("_")))
    shown = Shown(table)
    users = [shown.user(name, _roles(name, table.users[name][0]), skips_missing=True) for name in names]
    # What the original says of an empty list.
    text = listed("users", users) if users else b'{"users":null}'
    return with_json(200, text, newline=True, cluster=context.cluster_id())


def _one(name: str, request: Incoming, context: Context) -> Reply:
    """One user: show, make or change, delete."""
    if request.method == "GET":
        table = Table.of(context.member.auth_of_user(name))
        if name not in table.users:
            raise RefusedError(404, f"auth: User {name} does not exist.")
        roles = _roles(name, table.users[name][0])
        shown = Shown(table).user(name, roles, skips_missing=not context.upstream)
        return with_json(200, shown, newline=True, cluster=context.cluster_id())
    if request.method == "DELETE":
        return _delete(name, context)
    return _put(name, request, context)


one = named("/v2/auth/users/", _one)


def _roles(name: str, roles: Names) -> Names:
    """The user root always has the role of that name."""
    if name != ROOT or ROOT in (roles or ()):
        return roles
    return [*(roles or ()), ROOT]


def _delete(name: str, context: Context) -> Reply:
    problem = context.member.delete_user(name, timeout_ms=context.request_timeout_ms)
    if decided(problem, context, NOT_FOUND, ROOT_IS_FIXED) == 0:
        return done(context)
    if problem == NOT_FOUND:
        raise RefusedError(404, f"auth: User {name} does not exist")
    raise RefusedError(403, "auth: Cannot delete root user while auth is enabled.")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The body of a PUT."""

    name: str
    password: str = field(repr=False)
    roles: Names
    grant: Names
    revoke: Names


def _wanted(body: bytes) -> _Wanted:
    document = parse_object(body)
    return _Wanted(
        text_of(document, "user"),
        text_of(document, "password"),
        names_of(document, "roles"),
        names_of(document, "grant"),
        names_of(document, "revoke"),
    )


def _put(name: str, request: Incoming, context: Context) -> Reply:
    wanted = _wanted(request.body)
    if wanted.name != name:
        raise RefusedError(400, "User JSON name does not match the name in the URL")
    is_new = False
    roles: Names
    if wanted.grant or wanted.revoke:
        if wanted.roles:
            raise RefusedError(400, "User JSON contains both roles and grant/revoke")
        roles = _update(wanted, context)
    elif wanted.roles or name not in context.member.auth_of_user(name)["users"]:
        roles = _create(wanted, context)
        # The original says 200 when roles are given.
        is_new = not (wanted.roles and context.upstream)
    else:
        roles = _update(wanted, context)
    shown = {"user": name, "roles": roles}
    return as_json(201 if is_new else 200, shown, newline=True, cluster=context.cluster_id())


def _create(wanted: _Wanted, context: Context) -> Names:
    if not wanted.password:
        raise RefusedError(400, f"auth: Cannot create user {wanted.name} with an empty password")
    roles = _roles(wanted.name, wanted.roles)
    problem = context.member.put_user(
        wanted.name, _hash(wanted), roles, expected_index=None, timeout_ms=context.request_timeout_ms
    )
    if decided(problem, context, EXISTS, OVER_A_LIMIT) == EXISTS:
        raise RefusedError(409, f"auth: User {wanted.name} already exists.")
    if problem == OVER_A_LIMIT:
        raise over_a_limit(f"User {wanted.name}")
    return roles


def _hash(wanted: _Wanted) -> str:
    return hash_password(wanted.password.encode())


def _update(wanted: _Wanted, context: Context) -> list[str]:
    hashed: str | None = None

    def attempt() -> list[str] | None:
        nonlocal hashed
        users = Table.of(context.member.auth_of_user(wanted.name)).users
        if wanted.name not in users:
            raise RefusedError(404, f"auth: User {wanted.name} does not exist.")
        stored, index = users[wanted.name]
        old = _roles(wanted.name, stored)
        roles = _merged(wanted, old)
        if not wanted.password and roles == old:
            message = "auth: User not updated. Use grant/revoke/password to update the user."
            raise RefusedError(400, message)
        if wanted.password and hashed is None:
            hashed = _hash(wanted)
        problem = context.member.put_user(
            wanted.name, hashed, roles, expected_index=index, timeout_ms=context.request_timeout_ms
        )
        if decided(problem, context, NOT_FOUND, NOT_AS_EXPECTED, OVER_A_LIMIT) == OVER_A_LIMIT:
            raise over_a_limit(f"User {wanted.name}")
        return roles if problem == 0 else None

    return repeated(attempt)


def _merged(wanted: _Wanted, old: Names) -> list[str]:
    """Sorted, each once; so a list that is not sorted, or none at all, counts as changed."""
    roles = set(old or ())
    for role in wanted.grant or ():
        if role in roles:
            raise RefusedError(409, f"auth: Granting duplicate role {role} for user {wanted.name}")
        roles.add(role)
    for role in wanted.revoke or ():
        if role not in roles:
            raise RefusedError(409, f"auth: Revoking ungranted role {role} for user {wanted.name}")
        roles.remove(role)
    return sorted(roles)

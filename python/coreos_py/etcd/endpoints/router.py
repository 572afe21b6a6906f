"""From path and method to endpoint: 404, 405 and the few trailing slashes that etcd tolerates."""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from coreos_py.etcd.endpoints import (
    auth_enable,
    auth_roles,
    auth_users,
    debug,
    detail,
    log_level,
    machines,
    members,
    metrics,
    modules,
    stats,
    version,
)
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_text, method_not_allowed, not_found

Endpoint = Callable[[Incoming, Context], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint with its methods. `slow`: those of them that are better run on a worker thread."""

    methods: tuple[str, ...]
    endpoint: Endpoint
    slow: tuple[str, ...] = ()


_GET = ("GET",)
_MEMBERS = Route(("GET", "POST", "DELETE", "PUT"), members.members, slow=("PUT", "POST", "DELETE"))
# A password's hash takes long, a change waits for the disk, and a list may be long.
_CHANGES = ("PUT", "DELETE")
_USERS = Route(_GET, auth_users.listing, slow=_GET)
# One role is short, but a user is shown with all of its roles.
_USER = Route((*_GET, *_CHANGES), auth_users.one, slow=(*_GET, *_CHANGES))
_ROLES = Route(_GET, auth_roles.listing, slow=_GET)
_ROLE = Route((*_GET, *_CHANGES), auth_roles.one, slow=_CHANGES)
ROUTES: dict[str, Route] = {
    "/version": Route(_GET, version.version),
    "/health": Route(_GET, version.health),
    "/metrics": Route(("GET", "HEAD"), metrics.metrics, slow=("GET", "HEAD")),
    "/debug/vars": Route(_GET, debug.variables),
    "/config/local/log": Route(("PUT",), log_level.change),
    "/v2/machines": Route(("GET", "HEAD"), machines.machines),
    "/v2/stats/self": Route(_GET, stats.self_stats),
    "/v2/stats/leader": Route(_GET, stats.leader_stats),
    "/v2/stats/store": Route(_GET, stats.store_stats),
    "/v2/members": _MEMBERS,
    "/v2/auth/enable": Route((*_GET, *_CHANGES), auth_enable.enable, slow=_CHANGES),
    "/v2/auth/users": _USERS,
    "/v2/auth/roles": _ROLES,
}
_WITH_SLASH = {"/v2/auth/users/": _USERS, "/v2/auth/roles/": _ROLES}
_BELOW = {"/v2/members/": _MEMBERS, "/v2/auth/users/": _USER, "/v2/auth/roles/": _ROLE}
# From the root, and every percent sign begins an escape.
_WELL_FORMED = re.compile(r"/(?:[^%]|%[0-9a-fA-F]{2})*", re.DOTALL)


def find(path: str) -> Route | None:
    """The route of a decoded path."""
    route = ROUTES.get(path) or _WITH_SLASH.get(path)
    return route or next((route for prefix, route in _BELOW.items() if path.startswith(prefix)), None)


def is_slow(request: Incoming) -> bool:
    """Whether answering may take milliseconds rather than microseconds."""
    route = find(unquote(request.path))
    return route is not None and request.method in route.slow


def answer(request: Incoming, context: Context) -> Reply:
    """The reply to any request that is not for the key space."""
    reply = _answer(request, context)
    return detail.explain(reply) if not context.upstream and detail.is_wanted(request) else reply


def _answer(request: Incoming, context: Context) -> Reply:
    if not _WELL_FORMED.fullmatch(request.path):
        return as_text(400, "malformed path in the request line\n")
    path = unquote(request.path)
    if modules.is_module(path) and not context.upstream:
        return modules.absent()
    clean = _cleaned(path)
    if clean != path:
        return _moved(clean, request, context) or not_found()
    route = find(path)
    if route is None:
        return not_found()
    if request.method not in route.methods:
        return method_not_allowed(*route.methods)
    return route.endpoint(request, context)


def _cleaned(path: str) -> str:
    """Without doubled slashes and dot parts, which no endpoint takes for a name."""
    # normpath keeps two leading slashes.
    clean = "/" + posixpath.normpath(path).lstrip("/")
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _moved(clean: str, request: Incoming, context: Context) -> Reply | None:
    """To the address of what was meant, if there is such a thing.

    308 keeps method and body, so that a client that joined `http://host/` and `/v2/keys/a` gets through;
    upstream's 301 makes many of them ask with GET.
    """
    meant = find(clean) is not None or clean == "/v2/keys" or clean.startswith("/v2/keys/")
    if not meant or not clean.isascii() or not clean.isprintable():
        return None
    target = clean.replace("%", "%25").replace("?", "%3F").replace("#", "%23").replace(" ", "%20")
    status = 301 if context.upstream else 308
    return Reply(status, (("Location", target + (f"?{request.query}" if request.query else "")),))

"""/v2/members: who belongs to the cluster.

A new member learns first, and votes once it has caught up: until then it is in nobody's way, also when it
never starts.
"""

import json
from urllib.parse import unquote

from coreos_py.etcd.endpoints.auth_documents import whole
from coreos_py.etcd.endpoints.context import Context, Incoming, header, hex_id
from coreos_py.etcd.endpoints.go_json_errors import syntax_message, type_name
from coreos_py.etcd.endpoints.refusals import (
    EXISTS,
    LAST,
    NOT_AS_EXPECTED,
    NOT_FOUND,
    REMOVED,
    RefusedError,
    decided,
    explained,
    insufficient,
)
from coreos_py.etcd.endpoints.reply import Reply, as_json, as_text
from coreos_py.etcd.urls import Url, sort_urls

_PREFIX = "/v2/members"
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_ID_MAX = 2**64 - 1
_URL_EXISTS = "etcdserver: peerURL exists"
_ID_EXISTS = "etcdserver: ID exists"
_LAST_VOTER = (
    "etcdserver: this is the last member that votes, and a cluster cannot be without one: "
    "stop the process and delete its data directory instead"
)
_TOO_FEW = (
    "etcdserver: without this member too few would be left that have started to decide anything: "
    "start or remove the others first (--strict-reconfig-check=false leaves this check out)"
)


@explained
def members(request: Incoming, context: Context) -> Reply:
    """All methods of /v2/members and below; the path is checked by the router to begin so."""
    rest = unquote(request.path).removeprefix(_PREFIX).removeprefix("/")
    cluster = context.cluster_id()
    if request.method == "GET":
        return _read(rest, context, cluster)
    if not request.is_root:
        return insufficient()
    if request.method == "POST":
        return _add(request, context, cluster)
    if not rest:
        return as_text(405, "Method Not Allowed\n", ("X-Etcd-Cluster-Id", cluster))
    member_id = _parse_id(rest)
    if request.method == "DELETE":
        return _remove(member_id, context, cluster)
    return _update(member_id, request, context, cluster)


def _read(rest: str, context: Context, cluster: str) -> Reply:
    everyone = context.member.members()
    if not rest:
        return as_json(200, {"members": [_shape(m) for m in everyone]}, newline=True, cluster=cluster)
    if rest != "leader":
        raise RefusedError(404, "Not found")
    leader_id = context.member.status()["leader_id"]
    for member in everyone:
        if member["id"] == leader_id:
            return as_json(200, _shape(member), newline=True, cluster=cluster)
    raise RefusedError(503, "During election")


def _shape(member: dict[str, object]) -> dict[str, object]:
    number = member["id"]
    assert isinstance(number, int), "ids are numbers until they are shown"
    return {
        "id": hex_id(number),
        "name": member["name"],
        "peerURLs": member["peer_urls"],
        "clientURLs": member["client_urls"],
    }


def _add(request: Incoming, context: Context, cluster: str) -> Reply:
    urls = _peer_urls(request)
    _check_free(urls, context)
    texts = [str(url) for url in urls]
    member_id, problem = context.member.add_member(texts, timeout_ms=context.request_timeout_ms)
    problem = decided(problem, context, EXISTS, NOT_AS_EXPECTED, REMOVED)
    if problem == EXISTS:
        raise RefusedError(409, _URL_EXISTS)
    if problem != 0:
        # The same URLs were added, or added and removed, within this second.
        raise RefusedError(409, _ID_EXISTS)
    member = {"id": member_id, "name": "", "peer_urls": texts, "client_urls": []}
    return as_json(201, _shape(member), newline=True, cluster=cluster)


def _remove(member_id: int, context: Context, cluster: str) -> Reply:
    if member_id not in context.member.removed_members():
        _must_exist(member_id, context)
        if context.is_strict:
            _check_quorum_without(member_id, context)
    problem = context.member.remove_member(member_id, timeout_ms=context.request_timeout_ms)
    problem = decided(problem, context, NOT_FOUND, REMOVED, LAST)
    if problem == NOT_FOUND:
        raise _no_such_member(hex_id(member_id))
    if problem == REMOVED:
        raise RefusedError(410, f"Member permanently removed: {hex_id(member_id)}")
    if problem == LAST:
        raise RefusedError(409, _LAST_VOTER)
    return Reply(204, (("X-Etcd-Cluster-Id", cluster),))


def _check_quorum_without(member_id: int, context: Context) -> None:
    """A member that has never started, or does not vote, is in nobody's way, and can always go."""
    voters = [member for member in context.member.members() if not member["is_learner"]]
    gone = next((member for member in voters if member["id"] == member_id), None)
    if gone is None or not gone["name"] or len(voters) == 1:
        return
    started = sum(bool(member["name"]) for member in voters) - 1
    if started < (len(voters) - 1) // 2 + 1:
        raise RefusedError(500, _TOO_FEW)


def _update(member_id: int, request: Incoming, context: Context, cluster: str) -> Reply:
    urls = _peer_urls(request)
    _must_exist(member_id, context)
    _check_free(urls, context, but=member_id)
    texts = [str(url) for url in urls]
    # Looked at above, and decided here: somebody else's change may have come in between.
    problem = context.member.update_member(member_id, texts, timeout_ms=context.request_timeout_ms)
    if decided(problem, context, NOT_FOUND, EXISTS, REMOVED) in (NOT_FOUND, REMOVED):
        raise _no_such_member(hex_id(member_id))
    if problem == EXISTS:
        raise RefusedError(409, _URL_EXISTS)
    return Reply(204, (("X-Etcd-Cluster-Id", cluster),))


def _must_exist(member_id: int, context: Context) -> None:
    if member_id not in {member["id"] for member in context.member.members()}:
        raise _no_such_member(hex_id(member_id))


def _no_such_member(text: str) -> RefusedError:
    return RefusedError(404, f"No such member: {text}")


def _parse_id(text: str) -> int:
    if not set(text) <= _HEX_DIGITS or int(text, 16) > _ID_MAX:
        raise _no_such_member(text)
    return int(text, 16)


def _peer_urls(request: Incoming) -> tuple[Url, ...]:
    content_type = header(request, "Content-Type")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, f"Bad Content-Type {content_type}, accept application/json")
    try:
        document = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, syntax_message(request.body, error)) from error
    try:
        return sort_urls(_url_texts(document))
    except ValueError as error:
        raise RefusedError(400, str(error)) from error


def _url_texts(document: object) -> list[str]:
    if document is None:
        return []
    if not isinstance(document, dict):
        raise ValueError(f"json: cannot unmarshal {type_name(document)} into Go value of type object")
    urls = next((value for key, value in document.items() if key.lower() == "peerurls"), None)
    if urls is None:
        return []
    if not isinstance(urls, list):
        raise ValueError(f"json: cannot unmarshal {type_name(urls)} into Go value of type []string")
    for url in urls:
        if not isinstance(url, str):
            raise ValueError(f"json: cannot unmarshal {type_name(url)} into Go value of type string")
    return [whole(url) for url in urls]


def _check_free(urls: tuple[Url, ...], context: Context, but: int | None = None) -> None:
    wanted = {str(url) for url in urls}
    for member in context.member.members():
        if member["id"] != but and wanted & set(member["peer_urls"]):
            raise RefusedError(409, _URL_EXISTS)

"""Users, roles and members as endpoints: races, failures of the log, and bodies of every shape."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from coreos_py._core import EngineError
from coreos_py.etcd.endpoints import router
from coreos_py.etcd.endpoints.auth_shown import SHOWN_BYTES_MAX
from coreos_py.etcd.endpoints.reply import JSON, Reply
from tests.etcd.fakes import CLUSTER_ID, MEMBER_ID, FakeMember, FakeRequest, fake_context

USER, ROLE, ENABLE = "/v2/auth/users/al", "/v2/auth/roles/r", "/v2/auth/enable"


def ask(
    method: str, path: str, document: object = None, member: FakeMember | None = None, *, root: bool = True
) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = FakeRequest(method, path, body=body, is_root=root)
    request.headers = [("Content-Type", "application/json")]
    return router.answer(request, fake_context(member))


def table(users: dict[str, Any] | None = None, roles: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"enabled": False, "users": users or {}, "roles": roles or {}}


def message(reply: Reply) -> str:
    text = json.loads(reply.body)["message"]
    assert isinstance(text, str)
    return text


def failure(kind: str) -> EngineError:
    error = EngineError("because")
    error.kind = kind
    return error


def test_of_two_grants_at_once_none_is_lost() -> None:
    """Between looking and writing somebody else was faster: the grant is added to what there is now."""
    member = FakeMember(tables=[table({"al": (["a"], 4)}), table({"al": (["a", "b"], 5)})])
    member.outcomes = [101, 0]
    reply = ask("PUT", USER, {"user": "al", "grant": ["c"]}, member)
    assert (reply.status, reply.body) == (200, b'{"user":"al","roles":["a","b","c"]}\n')
    assert member.asked[-1] == ("put_user", "al", None, ["a", "b", "c"], 5)
    member = FakeMember(tables=[table(roles={"r": (["/a"], None, 4)}), table(roles={"r": (["/b"], None, 5)})])
    member.outcomes = [101, 0]
    reply = ask("PUT", ROLE, {"role": "r", "grant": {"kv": {"read": ["/c"]}}}, member)
    assert json.loads(reply.body)["permissions"]["kv"] == {"read": ["/b", "/c"], "write": []}
    assert member.asked[-1] == ("put_role", "r", ["/b", "/c"], [], 5)


def test_a_race_that_is_always_lost_ends() -> None:
    member = FakeMember(tables=[table({"al": ([], 4)})], outcomes=[101] * 1000)
    reply = ask("PUT", USER, {"user": "al", "grant": ["c"]}, member)
    assert (reply.status, message(reply)) == (503, "auth: too many changes at the same time, try again")


def test_a_user_that_goes_meanwhile_is_missed() -> None:
    member = FakeMember(tables=[table({"al": ([], 4)}), table()], outcomes=[100])
    reply = ask("PUT", USER, {"user": "al", "grant": ["c"]}, member)
    assert (reply.status, message(reply)) == (404, "auth: User al does not exist.")


@pytest.mark.parametrize(("kind", "status"), [("refused", 503), ("timeout", 500), ("poisoned", 500)])
@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("PUT", ENABLE, None),
        ("DELETE", USER, None),
        ("PUT", USER, {"user": "al", "password": "p"}),
        ("PUT", ROLE, {"role": "r"}),
        ("PUT", f"/v2/members/{MEMBER_ID:x}", {"peerURLs": ["http://127.0.0.1:9"]}),
    ],
)
def test_a_change_that_is_not_made_says_why(
    kind: str, status: int, method: str, path: str, document: object
) -> None:
    member = FakeMember(outcomes=[failure(kind)])
    reply = ask(method, path, document, member)
    assert (reply.status, message(reply)) == (status, "etcdserver: because")
    assert reply.header("X-Etcd-Cluster-Id") == f"{CLUSTER_ID:x}"


CHANGES = [
    ("PUT", ENABLE, None),
    ("DELETE", ENABLE, None),
    ("PUT", USER, {"user": "al", "password": "p"}),
    ("PUT", "/v2/auth/users/bo", {"user": "bo", "grant": ["x"]}),
    ("DELETE", USER, None),
    ("PUT", ROLE, {"role": "r"}),
    ("PUT", "/v2/auth/roles/s", {"role": "s", "grant": {"kv": {"read": ["/x"]}}}),
    ("DELETE", ROLE, None),
    ("PUT", f"/v2/members/{MEMBER_ID:x}", {"peerURLs": ["http://127.0.0.1:9"]}),
]


@pytest.mark.parametrize("read_only", ["no space in d", None])
@pytest.mark.parametrize(("method", "path", "document"), CHANGES)
def test_a_change_that_the_log_gives_back_is_not_made(
    method: str, path: str, document: object, read_only: str | None
) -> None:
    """The first one that meets a full disk had been taken already; those behind it are refused at once."""
    there = table({"bo": ([], 4)}, {"s": ([], [], 4)})
    member = FakeMember({"read_only": read_only}, tables=[there], outcomes=[300])
    reply = ask(method, path, document, member)
    why = read_only or "there was no room for it for a moment"
    assert (reply.status, message(reply)) == (503, f"etcdserver: read-only: {why}")
    assert len(member.asked) == 1


@pytest.mark.parametrize(("method", "path", "document"), CHANGES)
def test_what_nobody_knows_is_no_success(method: str, path: str, document: object) -> None:
    there = table({"bo": ([], 4)}, {"s": ([], [], 4)})
    reply = ask(method, path, document, FakeMember(tables=[there], outcomes=[999]))
    text = "etcdserver: the store refused the change with error 999"
    assert (reply.status, message(reply)) == (500, text)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v2/auth/users"), ("GET", USER), ("PUT", ROLE), ("DELETE", ENABLE), ("POST", "/v2/members")],
)
def test_who_is_not_root_changes_nothing(method: str, path: str) -> None:
    member = FakeMember()
    reply = ask(method, path, {}, member, root=False)
    assert (reply.status, message(reply)) == (401, "Insufficient credentials")
    assert reply.header("Content-Type") == JSON
    assert member.asked == []
    assert ask("GET", ENABLE, root=False).body == b'{"enabled":false}\n'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"x", b"[]", b"5", b'"al"', b"NaN", b"[" * 100_000,
        b'{"user":5}', b'{"user":"al","roles":"r"}', b'{"user":"al","roles":[5]}',
        b'{"user":"al","grant":{}}',
        b'{"user":"al","password":["x"]}',
    ],
)  # fmt: skip
def test_bodies_that_are_no_user(body: bytes) -> None:
    reply = ask("PUT", USER, body)
    assert (reply.status, message(reply)) == (400, "Invalid JSON in request body.")


@pytest.mark.parametrize(
    "body",
    [b'{"role":5}', b'{"role":"r","permissions":[]}', b'{"role":"r","permissions":{"kv":5}}',
     b'{"role":"r","permissions":{"kv":{"read":"/a"}}}', b'{"role":"r","grant":"x"}'],
)  # fmt: skip
def test_bodies_that_are_no_role(body: bytes) -> None:
    reply = ask("PUT", ROLE, body)
    assert (reply.status, message(reply)) == (400, "Invalid JSON in request body.")


@pytest.mark.parametrize(
    "body",
    [b'{"user":"al","password":"p"}', b' {"USER":"al","Password":"p"} and more',
     b'{"user":"al","password":"p","x":1}',
     b'{"user":"al","password":"p","roles":null,"grant":[]}'],
)  # fmt: skip
def test_bodies_that_are_one_all_the_same(body: bytes) -> None:
    member = FakeMember()
    reply = ask("PUT", USER, body, member)
    assert (reply.status, reply.body) == (201, b'{"user":"al","roles":null}\n')
    (_, name, password_hash, roles, expected_index) = member.asked[0]
    assert (name, roles, expected_index) == ("al", None, None)
    assert password_hash.startswith("$2b$10$")


def test_names_that_are_no_text_in_utf8_are_made_one() -> None:
    member = FakeMember()
    assert (
        ask("PUT", USER, b'{"user":"al","password":"p","roles":["a\\ud800b","\xff"]}', member).status == 201
    )
    assert member.asked[0][3] == ["a\ufffdb", "\ufffd"]


def test_lists_are_sorted_and_without_what_does_not_exist() -> None:
    member = FakeMember(
        tables=[
            table({"al": (["r", "gone"], 1), "root": (None, 2)}, {"r": (None, ["/w"], 3), "a": ([], [], 4)})
        ]
    )
    shown = '{"role":"r","permissions":{"kv":{"read":null,"write":["/w"]}}}'
    root = '{"role":"root","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}'
    users = ask("GET", "/v2/auth/users", member=member)
    assert users.body.decode() == (
        f'{{"users":[{{"user":"al","roles":[{shown}]}},{{"user":"root","roles":[{root}]}}]}}\n'
    )
    roles = ask("GET", "/v2/auth/roles/", member=member)
    empty = '{"role":"a","permissions":{"kv":{"read":[],"write":[]}}}'
    assert roles.body.decode() == f'{{"roles":[{empty},{shown},{root}]}}\n'


def test_what_waits_or_takes_long_is_answered_by_another_thread() -> None:
    def is_slow(method: str, path: str) -> bool:
        return router.is_slow(FakeRequest(method, path))

    for path in (ENABLE, USER, ROLE):
        assert is_slow("PUT", path)
        assert is_slow("DELETE", path)
    assert is_slow("PUT", "/v2/members/1")
    assert is_slow("GET", "/v2/auth/users")
    assert is_slow("GET", USER)
    assert not is_slow("GET", ROLE)
    assert not is_slow("GET", ENABLE)
    assert not is_slow("GET", "/v2/members")


@pytest.mark.parametrize("method", ["create", "update"])
@pytest.mark.parametrize(("path", "what"), [(USER, "User al"), (ROLE, "Role r")])
def test_what_is_over_a_limit_is_refused_with_the_limits(method: str, path: str, what: str) -> None:
    is_new = method == "create"
    there = table() if is_new else table({"al": ([], 4)}, {"r": ([], [], 4)})
    member = FakeMember(tables=[there], outcomes=[209])
    grant: dict[str, Any] = {"roles": ["a"]} if is_new else {"grant": ["a"]}
    lists = {"kv": {"read": ["/a"]}}
    rights = {"permissions": lists} if is_new else {"grant": lists}
    document = {"user": "al", "password": "p", **grant} if path == USER else {"role": "r", **rights}
    reply = ask("PUT", path, document, member)
    limits = "10000 users, 10000 roles, 1000 entries in a list and 65536 bytes in all of one user or role"
    assert reply.status == 403
    assert message(reply) == f"auth: {what} not saved: the limits are {limits}"
    assert len(member.asked) == 1


def test_a_reply_that_shows_long_roles_often_is_refused() -> None:
    """A user is shown with its roles in full: some hundred kilobytes of names could be gigabytes."""
    long = [f"/{'x' * 60_000}"]
    users = {f"u{number}": (["r"] * 400, 1) for number in range(2)} | {"al": (["r"] * 200, 1)}
    limit = "auth: this would be a reply of more than 33554432 bytes: ask for its parts one by one"
    for member, path in (
        (FakeMember(tables=[table(users, {"r": (long, long, 1)})]), "/v2/auth/users"),
        (FakeMember(tables=[table(users, {"r": (long, long, 1)})]), "/v2/auth/users/u1"),
        (FakeMember(tables=[table({}, {f"r{n}": (long, [], 1) for n in range(600)})]), "/v2/auth/roles"),
    ):
        tracemalloc.start()
        reply = ask("GET", path, member=member)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (reply.status, message(reply)) == (403, limit)
        assert most < 2 * SHOWN_BYTES_MAX
    member = FakeMember(tables=[table(users, {"r": (long, long, 1)})])
    reply = ask("GET", USER, member=member)
    assert reply.status == 200, "the control"
    assert [role["role"] for role in json.loads(reply.body)["roles"]] == ["r"] * 200


def test_who_asks_for_one_does_not_make_objects_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    there = table({"al": (["r"], 4)}, {"r": (["/a"], [], 5)})
    member = FakeMember(tables=[there])
    for one in ("auth_of_user", "auth_of_role", "auth_switch"):
        monkeypatch.setattr(member, one, lambda *_name: there)
    monkeypatch.setattr(member, "auth", lambda: pytest.fail("all of it"))
    grants = [(USER, {"user": "al", "grant": ["b"]}), (ROLE, {"role": "r", "grant": kv_read("/b")})]
    for path in (USER, ROLE, ENABLE):
        assert ask("GET", path, member=member).status == 200
    for path, document in grants:
        assert ask("PUT", path, document, member).status == 200
    with pytest.raises(pytest.fail.Exception, match="all of it"):
        ask("GET", "/v2/auth/users", member=member)


def kv_read(pattern: str) -> dict[str, Any]:
    return {"kv": {"read": [pattern]}}

"""Replies are read, or refused as `EtcdError`: whatever JSON comes, nothing else is ever raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreos_py.client import (
    EtcdError,
    InvalidReplyError,
    Member,
    ServerError,
    User,
    auth_operations,
    key_operations,
    member_operations,
    server,
    stats,
)
from coreos_py.client._wire import Head, Reply
from coreos_py.client.keys import decode_error
from coreos_py.client.operation import Operation

OPERATIONS: list[Operation[Any]] = [
    key_operations.get("/k"),
    key_operations.ls("/k"),
    member_operations.list_members(),
    member_operations.leader(),
    member_operations.remove("1"),
    stats.own(),
    stats.store(),
    stats.leader(),
    server.version(),
    member_operations.health(),
    auth_operations.is_enabled(),
    auth_operations.enable(),
    auth_operations.list_users(),
    auth_operations.get_user("al"),
    auth_operations.list_roles(),
    auth_operations.get_role("r"),
]
WORDS = [
    "action",
    "node",
    "nodes",
    "key",
    "value",
    "dir",
    "members",
    "id",
    "peerURLs",
    "leaderInfo",
    "leader",
]
WORDS += ["followers", "latency", "current", "counts", "users", "user", "roles", "role", "permissions", "kv"]
WORDS += ["read", "message", "errorCode", "index", "health", "enabled", "etcdserver", "name", "createdIndex"]
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=15,
)
statuses = st.sampled_from([200, 201, 204, 400, 401, 404, 500, 503])


def reply(body: bytes, status: int = 200) -> Reply:
    """A reply with this body."""
    return Reply(Head(status, {}), body)


def only_refuses(answer: Reply) -> None:
    """Every operation reads it, or raises an `EtcdError`."""
    for operation in OPERATIONS:
        try:
            operation.decode(answer)
        except EtcdError:
            continue


@settings(deadline=None)
@given(documents, statuses)
def test_any_json_is_read_or_refused(document: Any, status: int) -> None:
    only_refuses(reply(json.dumps(document).encode(), status))


@settings(deadline=None)
@given(st.binary(max_size=50), statuses)
def test_any_bytes_are_read_or_refused(body: bytes, status: int) -> None:
    only_refuses(reply(body, status))


def test_control_a_careless_reader_raises_something_else() -> None:
    with pytest.raises(TypeError):
        _ = json.loads(b"[]")["node"]
    with pytest.raises(InvalidReplyError):
        OPERATIONS[0].decode(reply(b"[]"))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(EtcdError):
        OPERATIONS[0].decode(reply(b"[" * 100_000))


def test_forms_that_only_some_servers_have() -> None:
    """Texts of the reference, sections 4.1 to 4.4."""
    assert server.version().decode(reply(b"etcd 0.4.9")) == ("0.4.9", "")
    assert member_operations.health().decode(reply(b'{"health": "true"}')) is True
    assert member_operations.health().decode(reply(b'{"health":"true"}')) is True
    assert member_operations.health().decode(reply(b'{"health": "false"}\n', 503)) is False
    unstarted = b'{"id":"1f","name":"","peerURLs":["http://h:1"],"clientURLs":[]}'
    assert member_operations.leader().decode(reply(unstarted)) == Member("1f", "", ("http://h:1",), ())
    # 2.1 and 2.2 list names, later ones whole users.
    assert auth_operations.list_users().decode(reply(b'{"users":["al"]}')) == [User("al", ())]
    assert auth_operations.list_users().decode(reply(b'{"users":null}')) == []
    role = b'{"role":"r1","permissions":{"kv":{"read":["/m/*"],"write":[]}}}'
    assert auth_operations.get_user("al").decode(reply(b'{"user":"al","roles":[%b]}' % role)) == (
        "al",
        ("r1",),
    )
    assert auth_operations.get_role("r1").decode(reply(role)) == ("r1", ("/m/*",), ())
    latency = b'{"current":0.5,"average":1,"standardDeviation":0,"minimum":9223372036854776000,"maximum":0}'
    leader = b'{"leader":"a","followers":{"b":{"latency":%b,"counts":{"fail":1,"success":2}}}}' % latency
    follower = stats.leader().decode(reply(leader)).followers["b"]
    assert (follower.latency_ms, follower.fails, follower.successes) == (0.5, 1, 2)


@pytest.mark.parametrize("status", [413, 414, 421, 431])
def test_what_was_not_read_was_not_carried_out(status: int) -> None:
    """A proxy's page tells nothing of that, and the server's own words do."""
    put = key_operations.update("/k", "v")
    with pytest.raises(ServerError) as refused:
        put.decode(reply(b"too long: the limit is 5 bytes\n", status))
    assert (refused.value.status, str(refused.value)) == (status, "too long: the limit is 5 bytes")
    with pytest.raises(InvalidReplyError):
        put.decode(reply(b"<html>too long</html>", status))


def test_errors_of_every_shape() -> None:
    error = decode_error(401, b'{"message":"Insufficient credentials"}')
    assert (type(error).__name__, str(error), error.code) == (
        "AccessDeniedError",
        "Insufficient credentials",
        0,
    )
    error = decode_error(404, b'{"errorCode":100,"message":"Key not found","cause":"/a","index":7}')
    assert (type(error).__name__, str(error)) == ("KeyNotFoundError", "100: Key not found (/a) [7]")
    assert type(decode_error(400, b'{"errorCode":209,"message":"x","index":0}')).__name__ == "ServerError"

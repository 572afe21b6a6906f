"""Fixes that the numbered checks do not show; `--compat upstream` brings upstream's flaws back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.server import Kind, Server
from tests.support.wire import form

Servers = Callable[[Kind], Server]
ALL = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)


@ALL
@pytest.mark.parametrize("condition", ["prevValue=x", "prevIndex=1"])
def test_create_with_another_condition(module_servers: Servers, kind: Kind, condition: str) -> None:
    """Fix 4: "must not exist" and "must be x" cannot both hold, so nothing is written."""
    with module_servers(kind).connect() as conn:
        key = f"/both/{condition.partition('=')[0]}"
        reply = conn.put(key, "1", f"?prevExist=false&{condition}")
        if kind.has_fixes:
            assert 400 <= reply.status < 500, reply
            assert conn.get(key).status == 404
        else:
            assert reply.status == 201


@ALL
def test_compare_with_the_empty_value(module_servers: Servers, kind: Kind) -> None:
    """Fix 3: an empty value can be compared with."""
    with module_servers(kind).connect() as conn:
        conn.put("/empty", "")
        reply = conn.put("/empty", "now", "?prevValue=")
        if kind.has_fixes:
            assert (reply.status, reply.json()["action"]) == (200, "compareAndSwap")
            conn.put("/empty", "")
            reply = conn.delete("/empty", "?prevValue=")
            assert (reply.status, reply.json()["action"]) == (200, "compareAndDelete")
        else:
            assert (reply.status, reply.json()["errorCode"]) == (400, 201)


@ALL
def test_paths_that_are_not_clean(module_servers: Servers, kind: Kind) -> None:
    """Fix 2: a write to such a path is carried out, and never outside the key space."""
    with module_servers(kind).connect() as conn:
        for path, key in [
            ("//p//q", "/p/q"),
            ("/p/./r", "/p/r"),
            ("/p/x/../s", "/p/s"),
            ("/p/%2e%2e/t", "/t"),
            ("/../../u", "/u"),
            ("/%2e%2e/%2E%2E/v", "/v"),
        ]:
            reply = conn.put(path, "1")
            if kind.has_fixes:
                assert (reply.status, reply.json()["node"]["key"]) == (201, key)
                assert conn.get(key).status == 200
            else:
                assert reply.status == 301, (path, reply)


@ALL
def test_slashes_doubled_before_the_api(module_servers: Servers, kind: Kind) -> None:
    """308 instead of 301: a client that follows it repeats its PUT."""
    with module_servers(kind).connect() as conn:
        reply = conn.request("PUT", "//v2/keys/a", form(value=1))
        assert (reply.status, reply.header("Location")) == (308 if kind.has_fixes else 301, "/v2/keys/a")


@ALL
def test_bytes_that_are_not_text(module_servers: Servers, kind: Kind) -> None:
    """Each bad byte shows as U+FFFD; comparing works with what was stored."""
    with module_servers(kind).connect() as conn:
        reply = conn.put("/bytes", b"a\xff\xfe\xc3(z")
        assert reply.status == 201
        assert rb'"value":"a\ufffd\ufffd\ufffd(z"' in reply.body
        assert conn.put("/bytes", "2", "?prevValue=a%FF%FE%C3(z").status == 200
        reply = conn.put("/bytes/", b"\xed\xa0\x80")
        assert rb'"value":"\ufffd\ufffd\ufffd"' in reply.body


def test_a_401_tells_the_oldest_index(module_servers: Servers) -> None:
    """The header beside the unchanged body gives a client a number to go on from."""
    with module_servers(Kind.OURS).connect() as conn:
        for number in range(1200):
            conn.request("PUT", f"/v2/keys/old/{number % 9}", form(value=b"x" * 32768))
        reply = conn.get("/old", "?wait=true&recursive=true&waitIndex=1")
        assert (reply.status, reply.json()["errorCode"]) == (400, 401)
        oldest = int(reply.header("X-Etcd-Oldest-Index") or 0)
        assert f"[{oldest}/1]" in reply.json()["cause"]
        assert conn.get("/old", f"?wait=true&recursive=true&waitIndex={oldest}").status == 200

"""Fixes that the numbered checks do not show; `--compat upstream` brings upstream's flaws back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.server import Kind, Server
from tests.support.wire import form, request_bytes

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


@ALL
@pytest.mark.parametrize("exists", [True, False], ids=["there", "not there"])
def test_what_a_contradiction_is_refused_with(module_servers: Servers, kind: Kind, exists: bool) -> None:
    """Fix 4, the part that docs/v2-extensions.md promises: the first of the two that does not hold."""
    with module_servers(kind).connect() as conn:
        key = f"/contradiction/{exists}"
        if exists:
            conn.put(key, "x")
        reply = conn.put(key, "1", "?prevExist=false&prevValue=x")
        if exists:
            assert (reply.status, reply.json()["errorCode"]) == (412, 105)
        elif kind.has_fixes:
            assert (reply.status, reply.json()["errorCode"]) == (412, 101)
        else:
            assert reply.status == 201


@ALL
@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", ""])
def test_a_body_that_is_no_form(module_servers: Servers, kind: Kind, method: str, content_type: str) -> None:
    """Fix 1: refused with its type named; upstream stores an empty value."""
    with module_servers(kind).connect() as conn:
        reply = conn.request(
            method, f"/v2/keys/typed-{method}", b'{"value":"1"}', (("Content-Type", content_type),)
        )
        if kind.has_fixes:
            named = content_type.partition(";")[0] or "(none)"
            cause = f"unsupported content type {named}: send application/x-www-form-urlencoded"
            assert (reply.status, reply.json()["errorCode"], reply.json()["cause"]) == (400, 210, cause)
        else:
            assert (reply.status // 100, reply.json()["node"]["value"]) == (2, "")


@ALL
def test_sizes_and_who_names_the_limit(module_servers: Servers, kind: Kind) -> None:
    server = module_servers(kind)
    with server.connect() as conn:
        reply = conn.request("PUT", "/v2/keys/size", b"value=" + b"x" * (10 << 20))
    if kind.has_fixes:
        assert (reply.status, b"10485760" in reply.body) == (413, True)
    else:
        assert (reply.status, reply.json()["cause"]) == (400, "http: POST too large")
    if not kind.is_ours:
        return
    with server.connect() as conn:
        reply = conn.put("/" + "k" * 65_536, "1")
        assert (reply.status, b"65536" in reply.body) == (414, True)
        reply = conn.request("POST", "/v2/members", b" " * 65_537, (("Content-Type", "application/json"),))
        assert (reply.status, b"65536" in reply.body) == (413, True)


def test_what_is_refused_before_its_path_is_served_is_plain_text(module_servers: Servers) -> None:
    """docs/v2-extensions.md: `detail` is for what serves the path, and this has not come to it."""
    server = module_servers(Kind.OURS)
    path = "/v2/members?detail=true"
    host = f"Host: 127.0.0.1:{server.client_port}\r\n"
    for status, lines in (
        (400, f"GET {path} HTTP/1.1\r\n{host}{host}no colon\r\n\r\n"),
        (403, f"GET {path} HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"),
        (413, f"POST {path} HTTP/1.1\r\n{host}Content-Length: 65537\r\n\r\n{' ' * 65_537}"),
        (431, f"GET {path} HTTP/1.1\r\n{host}X: {'x' * 1_200_000}\r\n\r\n"),
    ):
        with server.connect() as conn:
            conn.send(lines.encode())
            reply = conn.read_reply()
        assert reply.status == status
        assert reply.header("Content-Type") == "text/plain; charset=utf-8"
        assert b"errorCode" not in reply.body
    # The control: the same path, refused by what serves it.
    refused = server.request("PATCH", path)
    assert (refused.status, refused.json()["errorCode"]) == (405, 405)


def test_waiting_with_quorum_begins_after_every_answered_write(module_servers: Servers) -> None:
    """Fix 5: its index is not behind a write that was answered before, on another connection."""
    server = module_servers(Kind.OURS)
    with server.connect() as writer, server.connect() as reader:
        for number in range(20):
            written = writer.put("/linear", str(number)).json()["node"]["modifiedIndex"]
            reader.send(request_bytes("GET", "/v2/keys/linear?wait=true&quorum=true"))
            assert reader.read_head().etcd_index >= written
            event = writer.put("/linear", "told").json()
            assert reader.read_object() == event
            assert reader.read_chunk() is None


@pytest.mark.parametrize("recursive", ["", "&recursive=true"], ids=["key", "directory"])
def test_a_stream_from_an_old_index_has_everything_and_goes_on(
    module_servers: Servers, recursive: str
) -> None:
    """Fix 6, with more of a past than there is room for on the way."""
    with module_servers(Kind.OURS).connect() as writer, module_servers(Kind.OURS).connect() as stream:
        key = "/past/k" if recursive else "/past-k"
        indexes = [writer.put(key, "x" * 5000).json()["node"]["modifiedIndex"] for _ in range(300)]
        watched = "/past" if recursive else key
        query = f"?wait=true&stream=true&waitIndex={indexes[0]}{recursive}"
        stream.send(request_bytes("GET", f"/v2/keys{watched}{query}"))
        assert stream.read_head().status == 200
        indexes += [writer.put(key, "live").json()["node"]["modifiedIndex"] for _ in range(5)]
        assert [stream.read_object()["node"]["modifiedIndex"] for _ in indexes] == indexes


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

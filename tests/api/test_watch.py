"""Group G of the checklist: watches, and checks 97 and 98 about indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.server import Kind, Server
from tests.support.wire import Connection

Servers = Callable[[Kind], Server]
ALL = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
#: How long silence is waited for where nothing better can be done: with Debian's etcd, on a watch that no
#: write reaches. It only has to exceed the time an event takes.
QUIET_S = 0.3


class Ground:
    """A server, a writing connection, and watches that end with the test."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self.kind = server.kind
        self.conn = stack.enter_context(server.connect())
        self._stack = stack

    def watch(self, key: str, query: str = "") -> Connection:
        """A watch that the server has accepted (its head has been read)."""
        conn = self._stack.enter_context(self.server.connect())
        conn.send(f"GET /v2/keys{key}?wait=true{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = conn.read_head()
        assert head.status == 200, head
        assert (head.header("Transfer-Encoding") or "").lower() == "chunked"
        self.last_head = head
        return conn

    def index(self) -> int:
        """The current etcd index."""
        return self.conn.get("/_none").etcd_index

    def put(self, key: str, value: str = "1", query: str = "") -> dict[str, Any]:
        """PUT that must succeed; its answer."""
        reply = self.conn.put(key, value, query)
        assert reply.status in (200, 201), reply
        answer: dict[str, Any] = reply.json()
        return answer

    def has_seen_nothing(self, watching: Connection, key: str, *, is_dir: bool = False) -> None:
        """Nothing has come to the watch: its first event is a write to `key`, which it watches, made now.

        Events come in order, so that this one would be behind any other. Then its connection is still good.
        """
        query = "?dir=true&prevExist=true" if is_dir else ""
        reply = self.conn.request("PUT", f"/v2/keys{key}{query}", None if is_dir else b"value=fence")
        assert reply.status in (200, 201), reply
        assert watching.read_object() == reply.json()
        assert watching.read_chunk() is None, "the body ends after one event"
        assert watching.get("/_none").status == 404

    def stays_silent(self, watching: Connection, key: str) -> None:
        """A write of `key` does not come to a watch that nothing can reach."""
        witness = self.watch(key)
        answer = self.put(key, "witnessed")
        assert witness.read_object() == answer
        # Whoever is told of a write is told in one go, and this reply belongs to a later one.
        assert self.conn.get("/_none").status == 404
        quiet_s = 0.0 if self.kind.is_ours else QUIET_S
        assert watching.is_quiet(quiet_s), f"an event arrived: {watching.buffer!r}"


@pytest.fixture
def ground(module_servers: Servers, kind: Kind) -> Iterator[Ground]:
    with ExitStack() as stack:
        yield Ground(module_servers(kind), stack)


@ALL
def test_97_98_failures_and_reads_move_no_index(ground: Ground) -> None:
    conn = ground.conn
    ground.put("/idx/f")
    before = ground.index()
    for method, target, body in [
        ("GET", "/idx/f", None),
        ("GET", "/idx/none", None),
        ("GET", "/idx?quorum=true", None),
        ("PUT", "/idx/f?prevExist=false", b"value=1"),
        ("PUT", "/idx/f?prevValue=no", b"value=1"),
        ("PUT", "/idx", b"value=1"),
        ("DELETE", "/idx/none", None),
        ("DELETE", "/idx?dir=true", None),
        ("PUT", "/idx/f?ttl=x", b"value=1"),
    ]:
        conn.request(method, f"/v2/keys{target}", body)
    assert ground.index() == before
    node = ground.put("/imp/x/y/z")["node"]
    assert node["createdIndex"] == before + 1
    for parent in ("/imp", "/imp/x", "/imp/x/y"):
        assert conn.get(parent).json()["node"]["createdIndex"] == before + 1
    assert ground.index() == before + 1


@ALL
def test_116_133_watch_of_a_missing_key_and_reuse(ground: Ground) -> None:
    before = ground.index()
    watching = ground.watch("/w/a")
    assert ground.last_head.etcd_index == before
    answer = ground.put("/w/a")
    assert watching.read_object() == answer
    assert watching.read_chunk() is None, "the body ends after one event"
    assert watching.get("/w/a").status == 200, "the connection is still good"


@ALL
def test_117_132_135_136_directories_without_recursion(ground: Ground) -> None:
    ground.conn.request("PUT", "/v2/keys/wd?dir=true")
    created = ground.index()
    on_dir, on_root = ground.watch("/wd"), ground.watch("/")
    ground.put("/wd/child")
    on_past = ground.watch("/wd", f"&waitIndex={created + 1}")
    ground.stays_silent(on_root, "/wd/child")
    # One write for both: the second would see the fence of the first.
    ground.has_seen_nothing(on_dir, "/wd", is_dir=True)
    assert on_past.read_object()["action"] == "update"
    new = ground.watch("/wdnew")
    ground.conn.request("PUT", "/v2/keys/wdnew?dir=true")
    assert new.read_object()["node"]["dir"] is True


@ALL
def test_control_a_watch_that_has_seen_something_is_noticed(ground: Ground) -> None:
    watching, other = ground.watch("/wctl/a"), ground.watch("/wctl/b")
    ground.put("/wctl/a")
    with pytest.raises(AssertionError):
        ground.has_seen_nothing(watching, "/wctl/a")
    with pytest.raises(AssertionError, match="an event arrived"):
        ground.stays_silent(other, "/wctl/b")


@ALL
def test_118_119_120_recursive_and_hidden(ground: Ground) -> None:
    watching = ground.watch("/wr", "&recursive=true")
    on_hidden = ground.watch("/_hid/f", "&recursive=true")
    ground.put("/wr/_secret")
    ground.put("/wr/_dir/x")
    ground.put("/wr/p/q/r")
    assert watching.read_object()["node"]["key"] == "/wr/p/q/r", "the first that it sees"
    assert watching.read_chunk() is None, "implied parents make no events of their own"
    ground.put("/_hid/f/x")
    assert on_hidden.read_object()["node"]["key"] == "/_hid/f/x"


@ALL
def test_121_122_wait_index_past_and_future(ground: Ground) -> None:
    first = ground.put("/wi/k", "1")["node"]["modifiedIndex"]
    ground.put("/wi/k", "2")
    assert ground.watch("/wi/k", f"&waitIndex={first}").read_object()["node"]["value"] == "1"
    assert ground.watch("/wi/k", f"&waitIndex={first + 1}").read_object()["node"]["value"] == "2"
    watching = ground.watch("/wi/k", f"&waitIndex={ground.index() + 3}")
    for value in "345":
        ground.put("/wi/k", value)
    assert watching.read_object()["node"]["value"] == "5"


@ALL
def test_123_124_ancestor_deleted(ground: Ground) -> None:
    ground.put("/wx/sub/file")
    on_file, on_dir = ground.watch("/wx/sub/file"), ground.watch("/wx/sub", "&recursive=true")
    on_missing = ground.watch("/wx/sub/never")
    ground.conn.delete("/wx", "?recursive=true")
    for watching in (on_file, on_dir):
        event = watching.read_object()
        assert (event["action"], event["node"]["key"]) == ("delete", "/wx")
    ground.has_seen_nothing(on_missing, "/wx/sub/never")


@ALL
def test_125_126_history_and_names_that_only_begin_alike(ground: Ground) -> None:
    """Fix 10: upstream compares deleted directories as text."""
    ground.put("/w/pre")
    index = ground.conn.delete("/w/pre").json()["node"]["modifiedIndex"]
    ground.has_seen_nothing(ground.watch("/w/prefixother", f"&waitIndex={index}"), "/w/prefixother")
    ground.conn.request("PUT", "/v2/keys/w/pfx?dir=true")
    index = ground.conn.delete("/w/pfx", "?dir=true").json()["node"]["modifiedIndex"]
    watching = ground.watch("/w/pfxother", f"&waitIndex={index}")
    if ground.kind.has_fixes:
        ground.has_seen_nothing(watching, "/w/pfxother")
    else:
        assert watching.read_object()["action"] == "delete"


@ALL
def test_history_and_paths_that_did_not_exist_in_a_deleted_directory(ground: Ground) -> None:
    """Only what a deletion removed is told of it, in the past as live (upstream tells all paths below)."""
    ground.put("/wpast/old")
    index = ground.conn.delete("/wpast", "?recursive=true").json()["node"]["modifiedIndex"]
    answer = ground.put("/wpast/new")
    event = ground.watch("/wpast/new", f"&waitIndex={index}").read_object()
    if ground.kind.has_fixes:
        assert event == answer
    else:
        assert (event["action"], event["node"]["key"]) == ("delete", "/wpast")
    told = ground.watch("/wpast/old", f"&waitIndex={index}").read_object()
    assert (told["action"], told["node"]["key"]) == ("delete", "/wpast")


@ALL
def test_127_history_and_hidden_keys(ground: Ground) -> None:
    """Fix 9: the past is filtered like the present."""
    index = ground.put("/wh/_h")["node"]["modifiedIndex"]
    watching = ground.watch("/wh", f"&recursive=true&waitIndex={index}")
    if ground.kind.has_fixes:
        ground.has_seen_nothing(watching, "/wh/seen")
    else:
        assert watching.read_object()["node"]["key"] == "/wh/_h"


@ALL
def test_128_stream(ground: Ground) -> None:
    watching = ground.watch("/ws", "&recursive=true&stream=true")
    for value in "12":
        ground.put("/ws/k", value)
    assert [watching.read_object()["node"]["value"] for _ in range(2)] == ["1", "2"]
    ground.put("/elsewhere", "x")
    ground.put("/ws/k", "3")
    assert watching.read_object()["node"]["value"] == "3"


@ALL
def test_129_stream_from_the_past(ground: Ground) -> None:
    """Fix 6: all events from the index on, then live ones."""
    index = ground.put("/wsp/k", "1")["node"]["modifiedIndex"]
    ground.put("/wsp/k", "2")
    watching = ground.watch("/wsp/k", f"&stream=true&waitIndex={index}")
    assert watching.read_object()["node"]["value"] == "1"
    if ground.kind.has_fixes:
        ground.put("/wsp/k", "3")
        assert [watching.read_object()["node"]["value"] for _ in range(2)] == ["2", "3"]
    else:
        ground.stays_silent(watching, "/wsp/k")


@ALL
@pytest.mark.parametrize("how", ["delete", "compareAndDelete", "expire"])
def test_130_stream_and_the_end_of_the_watched_key(ground: Ground, how: str) -> None:
    """Fix 7: told once, upstream tells it twice."""
    key = f"/wse/{how}"
    watching = ground.watch(key, "&stream=true")
    ground.conn.put(key, "1", ttl=1 if how == "expire" else "")
    assert watching.read_object()["action"] == "set"
    if how != "expire":
        ground.conn.delete(key, "?prevValue=1" if how == "compareAndDelete" else "")
    assert watching.read_object()["action"] == how
    if not ground.kind.has_fixes:
        assert watching.read_object()["action"] == how
    ground.put(key, "again")
    assert watching.read_object()["action"] == "set"


@ALL
def test_131_wait_with_quorum(ground: Ground) -> None:
    """Fix 5: it waits."""
    if not ground.kind.has_fixes:
        assert ground.conn.get("/wq/missing", "?wait=true&quorum=true").status == 404
        return
    watching = ground.watch("/wq/missing", "&quorum=true")
    answer = ground.put("/wq/missing")
    assert watching.read_object() == answer


@pytest.mark.parametrize("kind", [Kind.UPSTREAM, Kind.ETCD34], ids=lambda kind: kind.value)
def test_134_history_of_a_thousand_events(ground: Ground) -> None:
    for number in range(1001):
        ground.put("/whist/k", str(number))
    current = ground.index()
    reply = ground.conn.get("/whist/k", f"?wait=true&waitIndex={current - 1000}")
    assert reply.status == 400
    assert reply.json() == {
        "errorCode": 401,
        "message": "The event in requested index is outdated and cleared",
        "cause": f"the requested history has been cleared [{current - 999}/{current - 1000}]",
        "index": current,
    }
    assert reply.etcd_index == current
    event = ground.watch("/whist/k", f"&waitIndex={current - 999}").read_object()
    assert event["node"]["modifiedIndex"] == current - 999


@ALL
def test_137_failing_compare_makes_no_event(ground: Ground) -> None:
    ground.put("/wc", "1")
    watching = ground.watch("/wc")
    assert ground.conn.put("/wc", "x", "?prevValue=no").status == 412
    answer = ground.put("/wc", "2", "?prevValue=1")
    assert watching.read_object() == answer


@pytest.mark.parametrize("kind", [Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def test_head_of_a_watch_comes_at_once_and_pipelining_waits(ground: Ground) -> None:
    """A request behind a watch is answered after the watch has ended."""
    watching = ground.watch("/wpipe")
    watching.send(b"GET /v2/keys/wpipe HTTP/1.1\r\nHost: x\r\n\r\n")
    ground.put("/wpipe", "v")
    assert watching.read_object()["node"]["value"] == "v", "and no reply before it"
    assert watching.read_chunk() is None
    assert watching.read_reply().json()["node"]["value"] == "v"

"""`coreos etcd import URL`: from a real etcd into ours, with everything that can be seen of it."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreos_py.client import takeover
from coreos_py.client.blocking import BlockingClient
from coreos_py.client.endpoints import parse_endpoints
from coreos_py.client.keys import Node
from coreos_py.client.transfer import Item, items_of, ttl_left_s
from tests.conftest import ServerFactory
from tests.etcdctl.fake import Answer, Asked, FakeServer, reply
from tests.etcdctl.runner import client_url
from tests.support.programs import run_coreos
from tests.support.server import Kind, Server


def take_over(source: Server | str, target: Server, *words: str) -> subprocess.CompletedProcess[str]:
    """One call."""
    url = source if isinstance(source, str) else client_url(source)
    return run_coreos("etcd", "import", url, "--endpoints", client_url(target), *words)


def put(server: Server, key: str, form: str) -> None:
    assert server.request("PUT", f"/v2/keys{key}", form.encode()).status < 300


def tree(server: Server, key: str = "/") -> dict[str, Any]:
    """Everything below a key: a value, or None for a directory; times to live apart."""
    found: dict[str, Any] = {}
    waiting = [server.request("GET", f"/v2/keys{key}?recursive=true").json()["node"]]
    while waiting:
        node = waiting.pop()
        found[node.get("key", "/")] = None if node.get("dir") else node["value"]
        waiting += node.get("nodes", [])
    return found


def node(server: Server, key: str) -> dict[str, Any]:
    found = server.request("GET", f"/v2/keys{key}").json()["node"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def source(make_server: ServerFactory) -> Server:
    """Debian's etcd with a little of everything."""
    server = make_server(Kind.ETCD34).start()
    put(server, "/z", "value=first")
    put(server, "/a/b/c", "value=a+%E2%82%AC%0A")
    put(server, "/a/empty", "value=")
    put(server, "/dir", "dir=true")
    put(server, "/leased", "value=l&ttl=500")
    put(server, "/leases", "dir=true&ttl=600")
    put(server, "/leases/x", "value=1")
    put(server, "/_hidden/deep", "value=h")
    put(server, "/_hidden/_more", "value=m")
    for _ in range(3):
        assert server.request("POST", "/v2/keys/queue", b"value=job").status == 201
    return server


def test_everything_that_can_be_seen_is_taken_over(source: Server, make_server: ServerFactory) -> None:
    target = make_server().start()
    done = take_over(source, target)
    assert done.returncode == 0, done.stderr
    assert tree(target) == tree(source)
    assert done.stdout.splitlines()[0] == "taken over: 8 keys, 5 folders, 2 of them with a time to live"
    assert "names that begin with _ are hidden: what is below them was not seen (see --hidden)" in done.stdout
    for key in ("/leased", "/leases"):
        left_s, here_s = node(source, key)["ttl"], node(target, key)["ttl"]
        # Asked later than the source, it must still show no less; nor much more.
        assert left_s <= here_s <= left_s + 30
    assert target.request("GET", "/v2/keys/_hidden/deep").status == 404
    assert "ttl" not in node(target, "/z")
    created = [node(target, key)["createdIndex"] for key in ("/z", "/a/b/c", "/dir", "/leases/x")]
    assert created == sorted(created)

    again = take_over(source, target)
    assert again.returncode == 0
    lines = again.stdout.splitlines()
    assert lines[:2] == [
        "taken over: 1 keys, 1 folders, 2 of them with a time to live",
        "there already: 11",
    ]
    assert tree(target) == tree(source)


def test_hidden_keys_are_taken_over_by_name(source: Server, make_server: ServerFactory) -> None:
    target = make_server().start()
    done = take_over(
        source, target, "--hidden", "/_hidden", "--hidden", "/_hidden/_more", "--prefix", "/old/"
    )
    assert done.returncode == 0, done.stderr
    assert "was not seen except /_hidden, /_hidden/_more\n" in done.stdout
    assert target.request("GET", "/v2/keys/old/_hidden/deep").json()["node"]["value"] == "h"
    assert target.request("GET", "/v2/keys/old/_hidden/_more").json()["node"]["value"] == "m"
    assert tree(target, "/old") == {"/old" + key.rstrip("/"): value for key, value in tree(source).items()}
    missing = take_over(source, target, "--hidden", "/_none")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "100: Key not found (/_none)" in missing.stderr


def test_in_order_names_beyond_the_target_s_index_are_pointed_out(
    source: Server, make_server: ServerFactory
) -> None:
    assert "in-order" not in take_over(source, make_server().start()).stdout
    put(source, f"/queue/{10**6:020}", "value=job")
    done = take_over(source, make_server().start())
    assert done.returncode == 0
    assert f"note: in-order names reach {10**6}, the target's index is " in done.stdout


def test_a_target_in_use_is_refused(source: Server, make_server: ServerFactory) -> None:
    target = make_server().start()
    put(target, "/mine", "value=1")
    put(target, "/z", "value=other")
    before = target.request("GET", "/v2/keys/?recursive=true").header("X-Etcd-Index")
    done = take_over(source, target)
    assert (done.returncode, done.stdout) == (1, "")
    assert "coreos: the target is in use" in done.stderr
    assert "  /mine\n  /z\n" in done.stderr
    assert target.request("GET", "/v2/keys/?recursive=true").header("X-Etcd-Index") == before

    apart = take_over(source, target, "--prefix", "/from/old")
    assert apart.returncode == 0
    assert target.request("GET", "/v2/keys/from/old/z").json()["node"]["value"] == "first"
    assert target.request("GET", "/v2/keys/z").json()["node"]["value"] == "other"

    forced = take_over(source, target, "--force")
    assert forced.returncode == 0, forced.stderr
    assert target.request("GET", "/v2/keys/z").json()["node"]["value"] == "first"
    assert target.request("GET", "/v2/keys/mine").json()["node"]["value"] == "1"


def test_what_cannot_be_written_is_named_and_counts(source: Server, make_server: ServerFactory) -> None:
    target = make_server().start()
    put(target, "/z", "dir=true")
    put(target, "/dir", "value=a+file")
    done = take_over(source, target, "--force")
    assert done.returncode == 1
    assert "NOT taken over: 1\n" in done.stdout
    assert "  /z: 102: Not a file (/z) [" in done.stdout
    assert target.request("GET", "/v2/keys/dir").json()["node"]["dir"] is True
    assert target.request("GET", "/v2/keys/a/b/c").status == 200


def event(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"action": "get", "node": {"dir": True, "nodes": nodes}}


def test_a_target_that_goes_away_can_be_gone_on_with(make_server: ServerFactory) -> None:
    """The connection ends in the middle; the same call then writes the rest and nothing twice."""
    nodes = [
        {"key": f"/k{n}", "value": str(n), "modifiedIndex": n + 4, "createdIndex": n + 4} for n in range(9)
    ]
    there: dict[str, str] = {}
    notes: dict[str, str] = {}
    breaks_after = 4

    def noted(asked: Asked) -> Answer:
        key = unquote(asked.target.removeprefix("/v2/keys").partition("?")[0])
        if asked.method == "PUT":
            notes[key] = parse_qs(asked.body)["value"][0]
        if asked.method == "DELETE":
            del notes[key]
        return reply(event([{"key": key, "value": value} for key, value in notes.items()]))

    def target(asked: Asked) -> Answer:
        if "/_coreos-import" in asked.target:
            return noted(asked)
        if asked.method == "GET":
            shown = [file for file in nodes if file["key"] in there]
            return reply(event(shown))
        if len(there) == breaks_after:
            return reply({"errorCode": 300, "message": "Raft Internal Error", "cause": "", "index": 0}, 500)
        key = asked.target.removeprefix("/v2/keys")
        assert key not in there
        there[key] = asked.body
        return reply({"action": "set", "node": {"key": key, "value": "x"}}, 201)

    with FakeServer(lambda asked: reply(event(nodes))) as source, FakeServer(target) as server:
        done = run_coreos("etcd", "import", source.url, "--endpoints", server.url)
        assert done.returncode == 1
        assert "NOT taken over: 5" in done.stdout
        breaks_after = 100
        done = run_coreos("etcd", "import", source.url, "--endpoints", server.url)
        assert done.returncode == 0, done.stderr
        assert "taken over: 5 keys, 0 folders" in done.stdout
        assert "there already: 4" in done.stdout
        assert "the source has changed" not in done.stdout
    assert sorted(there) == [f"/k{n}" for n in range(9)]


def test_nobody_there(make_server: ServerFactory) -> None:
    target = make_server().start()
    done = take_over("http://127.0.0.1:1", target)
    assert (done.returncode, done.stdout) == (1, "")
    assert "connection refused" in done.stderr
    with FakeServer(lambda asked: reply(event([]))) as source:
        done = run_coreos("etcd", "import", source.url, "--endpoints", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert run_coreos("etcd", "import").returncode == 2


def test_a_source_that_changes_is_noticed(make_server: ServerFactory) -> None:
    target = make_server().start()
    indexes = iter([b"7", b"9"])

    def answer(asked: Asked) -> Answer:
        return reply(event([]), headers=f"X-Etcd-Index: {next(indexes).decode()}\r\n")

    with FakeServer(answer) as source:
        done = take_over(source.url, target)
    assert done.returncode == 0
    assert "note: the source has changed meanwhile (index 7 to 9): run this again\n" in done.stdout


@pytest.mark.parametrize(("at_the_end_s", "ttl_s"), [(5.0, 5), (9.5, 1), (10.0, None)])
def test_a_folder_that_ends_during_the_import_does_not_stay(
    make_server: ServerFactory, monkeypatch: pytest.MonkeyPatch, at_the_end_s: float, ttl_s: int | None
) -> None:
    """Its time counts when its keys have been written: it gets what is left, or goes with all in it."""
    target = make_server().start()
    file = {"key": "/d/x", "value": "v", "modifiedIndex": 5, "createdIndex": 5}
    folder = {"key": "/d", "dir": True, "ttl": 10, "modifiedIndex": 4, "createdIndex": 4, "nodes": [file]}
    # Looked at when the source has been read, before each item, and at the end for the folder.
    times = iter([0.0, 1.0, 2.0, at_the_end_s])
    with (
        FakeServer(lambda asked: reply(event([folder]))) as source,
        BlockingClient(parse_endpoints(source.url)) as old,
        BlockingClient(parse_endpoints(client_url(target))) as new,
    ):
        monkeypatch.setattr(takeover, "time", SimpleNamespace(monotonic=lambda: next(times)))
        work = takeover.Takeover(old, new)
        work.read()
        work.write(lambda done, total: None)
    assert work.count.failures == []
    if ttl_s is None:
        assert "/d" not in tree(target)
        assert work.count.expired == 1
    else:
        assert tree(target)["/d/x"] == "v"
        assert node(target, "/d")["ttl"] == ttl_s


@pytest.mark.parametrize("ttl", [{}, {"ttl": 0}, {"ttl": -1}])
def test_what_is_overdue_is_not_made_permanent(make_server: ServerFactory, ttl: dict[str, int]) -> None:
    """etcd shows a key whose end has come until it has swept it: with `expiration`, without `ttl`."""
    target = make_server().start()
    numbers = {"modifiedIndex": 5, "createdIndex": 5}
    end = {"expiration": "2026-01-01T00:00:00.1Z", **ttl}
    inside = {"key": "/d/x", "value": "v", **numbers}
    nodes = [
        {"key": "/over", "value": "v", **numbers, **end},
        {"key": "/d", "dir": True, "nodes": [inside], **numbers, **end},
        {"key": "/stays", "value": "v", **numbers},
    ]
    with FakeServer(lambda asked: reply(event(nodes))) as source:
        done = take_over(source.url, target)
    assert done.returncode == 0, done.stderr
    assert tree(target) == {"/": None, "/stays": "v"}
    assert "ended meanwhile: 3\n" in done.stdout


@given(ttl_s=st.integers(1, 10**6), fraction=st.floats(0, 1, exclude_max=True), elapsed_s=st.floats(0, 10**6))
def test_never_shorter_than_what_is_left(ttl_s: int, fraction: float, elapsed_s: float) -> None:
    """What is really left lies up to a second below what a server shows."""
    left_s = ttl_s - fraction - elapsed_s
    written = ttl_left_s(Item("/k", False, "", ttl_s, 1), elapsed_s)
    if written is None:
        assert left_s <= 0
    else:
        assert left_s <= written < left_s + 2
        assert written > 0


def test_no_time_stays_no_time() -> None:
    assert ttl_left_s(Item("/k", False, "", 0, 1), 1e9) == 0


def test_items_come_in_the_order_of_creation() -> None:
    def file(key: str, index: int) -> Node:
        return Node(key, False, "v", None, index, index, "", 0)

    inner = Node("/b/d", True, "", [file("/b/d/x", 5)], 5, 5, "", 0)
    root = Node(
        "",
        True,
        "",
        [file("/z", 4), Node("/b", True, "", [inner, file("/b/a", 9)], 5, 5, "", 0)],
        0,
        0,
        "",
        0,
    )
    assert [item.key for item in items_of(root)] == ["/z", "/b", "/b/d", "/b/d/x", "/b/a"]
    assert json.dumps([item.is_dir for item in items_of(root)]) == "[false, true, true, false, false]"

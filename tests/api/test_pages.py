"""Listings in pages, without values and counted (docs/v2-extensions.md)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model import gojson
from tests.model.pages import Look, Order, as_text, depth_first, listing
from tests.model.store import Params, Store
from tests.support.server import Kind, Server
from tests.support.wire import Connection, form, request_bytes

Servers = Callable[[Kind], Server]
ALL = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
_NUMBERS = itertools.count(1)
names = st.sampled_from(["a", "b", "a-", "ab", "_h", "d e", "é<&>", "Z", "%41"])
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "".join("/" + part for part in parts))


@pytest.fixture
def conn(module_servers: Servers) -> Iterator[Connection]:
    with module_servers(Kind.OURS).connect() as conn:
        yield conn


def query(look: Look, more: dict[str, str]) -> str:
    """A listing's parameters."""
    fields = dict(more)
    for name, is_set in (("recursive", look.recursive), ("keysOnly", look.keys_only), ("count", look.count)):
        if is_set:
            fields[name] = "true"
    if look.limit is not None:
        fields["limit"] = str(look.limit)
    if look.after is not None:
        fields["after"] = look.after
    return f"?{urlencode(fields)}" if fields else ""


class Ground:
    """A fresh directory of the server and the model with the same in it."""

    def __init__(self, conn: Connection, keys: list[str]) -> None:
        self.conn = conn
        self.top = f"/pages{next(_NUMBERS)}"
        self.store = Store(conn.get("/_none").etcd_index)
        self.put("/first", "dir=true")
        for number, key in enumerate(keys):
            self.put(key, f"value={number}")

    def put(self, key: str, body: str) -> None:
        name, _, value = body.partition("=")
        params = Params(dir=True) if name == "dir" else Params(value)
        result = self.store.request("PUT", self.top + key, params)
        reply = self.conn.request("PUT", f"/v2/keys{quote(self.top + key)}", body.encode())
        assert reply.status == result.status

    def compare(
        self, below: str, look: Look, more: dict[str, str] | None = None, order: Order = depth_first
    ) -> dict[str, Any]:
        """One listing, byte for byte."""
        top = self.top + below
        reply = self.conn.get(quote(top), query(look, more or {}))
        assert (reply.status, reply.etcd_index) == (200, self.store.index)
        assert reply.body.decode() == gojson.dump(listing(self.store, top, look, order)) + "\n"
        answer: dict[str, Any] = reply.json()
        return answer

    def directories(self) -> list[str]:
        return [key[len(self.top) :] for key, node in self.store.nodes.items()
                if node.is_dir and key.startswith(self.top)]  # fmt: skip


def follow(ground: Ground, below: str, look: Look, more: dict[str, str]) -> list[dict[str, Any]]:
    """Every page from the start on; the nodes of all."""
    nodes: list[dict[str, Any]] = []
    while True:
        answer = ground.compare(below, look, more)
        nodes += answer["node"].get("nodes", [])
        if not answer["more"]:
            return nodes
        look = Look(look.recursive, look.keys_only, look.count, look.limit, answer["next"])


@given(
    keys=st.lists(paths, max_size=15),
    place=st.integers(0, 99),
    recursive=st.booleans(),
    keys_only=st.booleans(),
    limit=st.integers(1, 6),
    after=st.one_of(st.none(), paths),
    quorum=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_listing_is_the_models_and_the_pages_make_the_whole(
    conn: Connection,
    keys: list[str],
    place: int,
    recursive: bool,
    keys_only: bool,
    limit: int,
    after: str | None,
    quorum: bool,
) -> None:
    ground = Ground(conn, keys)
    directories = ground.directories()
    below = directories[place % len(directories)]
    more = {"quorum": "true"} if quorum else {}
    model = listing(ground.store, ground.top + below, Look(recursive, keys_only))
    everything = model["node"].get("nodes", [])
    assert follow(ground, below, Look(recursive, keys_only, limit=limit), more) == everything
    assert ground.compare(below, Look(recursive, count=True), more)["count"] == len(everything)
    start = None if after is None else ground.top + below + after
    ground.compare(below, Look(recursive, keys_only, limit=limit, after=start), more)
    ground.compare(below, Look(recursive, keys_only, count=True, limit=limit, after=start), more)


def test_control_a_model_with_another_order_is_found_out(conn: Connection) -> None:
    ground = Ground(conn, ["/a/b", "/a-"])
    ground.compare("", Look(recursive=True, limit=9))
    with pytest.raises(AssertionError):
        ground.compare("", Look(recursive=True, limit=9), order=as_text)


def test_the_root_can_be_paged_too(module_servers: Servers) -> None:
    with module_servers(Kind.OURS).connect() as conn:
        conn.put("/root-a", "1")
        conn.put("/root-b", "1")
        reply = conn.get("/", "?limit=1&after=/root-a&keysOnly=true").json()
        assert [node["key"] for node in reply["node"]["nodes"]] == ["/root-b"]
        assert set(reply["node"]) == {"dir", "nodes"}


def test_keys_only_keeps_the_shape_of_a_listing(conn: Connection) -> None:
    ground = Ground(conn, ["/a/b", "/c"])
    plain = conn.get(ground.top, "?recursive=true&sorted=true").body.decode()
    without = plain.replace(',"value":"0"', "").replace(',"value":"1"', "")
    assert conn.get(ground.top, "?recursive=true&keysOnly=true").body.decode() == without
    one = conn.get(f"{ground.top}/c", "?keysOnly=true").json()["node"]
    assert one.keys() == {"key", "modifiedIndex", "createdIndex"}


def test_a_watch_from_the_first_pages_index_sees_what_happened_meanwhile(conn: Connection) -> None:
    ground = Ground(conn, ["/a", "/b", "/c"])
    first = conn.get(ground.top, "?limit=2")
    conn.put(f"{ground.top}/a", "changed behind the reader")
    conn.delete(f"{ground.top}/first", "?dir=true")
    after = quote(first.json()["next"])
    second = conn.get(ground.top, f"?limit=2&after={after}")
    assert [node["key"][-1] for node in second.json()["node"]["nodes"]] == ["c"]
    watch = f"?wait=true&recursive=true&waitIndex={first.etcd_index + 1}"
    assert conn.get(ground.top, watch).json()["node"]["value"] == "changed behind the reader"


def test_big_pages_and_big_counts(conn: Connection) -> None:
    """More than what is read under the store's lock: another thread does it, with the same result."""
    top, count = f"/big{next(_NUMBERS)}", 600
    conn.send(b"".join(request_bytes("PUT", f"/v2/keys{top}/{n:04}", form(value=n)) for n in range(count)))
    assert {conn.read_reply().status for _ in range(count)} == {201}
    reply = conn.get(top, "?limit=500")
    assert reply.header("Transfer-Encoding") == "chunked"
    assert (len(reply.json()["node"]["nodes"]), reply.json()["next"]) == (500, f"{top}/0499")
    rest = conn.get(top, f"?limit=500&after={top}/0499").json()
    assert (len(rest["node"]["nodes"]), rest["more"]) == (100, False)
    assert conn.get(top, "?count=true").json()["count"] == count
    assert conn.get(top, "?count=true&limit=500").json() | {"node": None} == {
        "action": "get", "node": None, "count": 500, "more": True, "next": f"{top}/0499",
    }  # fmt: skip
    head = conn.request("HEAD", f"/v2/keys{top}?limit=500")
    assert (head.status, head.header("X-Etcd-Index")) == (200, reply.header("X-Etcd-Index"))


def test_keys_that_are_not_text_do_not_hold_a_reader_up(conn: Connection) -> None:
    top = f"/bytes{next(_NUMBERS)}"
    for name in ("%FE", "%FF"):
        assert conn.put(f"{top}/{name}", "1").status == 201
    first = conn.get(top, "?limit=1").json()
    assert first["next"] == f"hex:{top.encode().hex()}2ffe"
    second = conn.get(top, f"?limit=1&after={first['next']}").json()
    assert (len(first["node"]["nodes"]), len(second["node"]["nodes"]), second["more"]) == (1, 1, False)


NOT_A_KEY = (
    'invalid value for "after": it is a key, which begins with a slash, or the "next" of an earlier reply'
)
NOT_BELOW = 'invalid value for "after": it does not lie below the key that is read'


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ("limit=", 'invalid value for "limit"'),
        ("limit=x", 'invalid value for "limit"'),
        ("limit=-1", 'invalid value for "limit"'),
        ("limit=1.5", 'invalid value for "limit"'),
        ("limit=99999999999999999999", 'invalid value for "limit"'),
        ("limit=0", 'invalid value for "limit": it must be at least 1'),
        ("after=", NOT_A_KEY),
        ("after=bad/x", NOT_A_KEY),
        ("after=hex:zz", NOT_A_KEY),
        ("after=/", NOT_BELOW),
        ("after=/bad2/x", NOT_BELOW),
        ("after=/bad/../x", NOT_BELOW),
        ("keysOnly=yes", 'invalid value for "keysOnly"'),
        ("count=", 'invalid value for "count"'),
        ("progress=5", '"progress" can only be used with "wait"'),
        ("wait=true&limit=5", '"limit" cannot be used with "wait"'),
        ("wait=true&after=/bad/x", '"after" cannot be used with "wait"'),
        ("wait=true&keysOnly=true", '"keysOnly" cannot be used with "wait"'),
        ("wait=true&count=true&quorum=true", '"count" cannot be used with "wait"'),
        ("limit=x&ttl=x", None),
    ],
)
def test_bad_values(conn: Connection, parameters: str, cause: str | None) -> None:
    """Refused before anything is looked up, and after the mistakes that the original knows."""
    reply = conn.get("/bad", f"?{parameters}")
    if cause is None:
        assert (reply.status, reply.json()["errorCode"]) == (400, 202)
        return
    expected = {"errorCode": 209, "message": "Invalid field", "cause": cause, "index": 0}
    assert (reply.status, reply.json()) == (400, expected)


def test_good_values_at_the_edges(conn: Connection) -> None:
    ground = Ground(conn, ["/a", "/b"])
    for parameters in (
        f"limit={2**64 - 1}",
        f"after={ground.top}",
        f"after={ground.top}/",
        f"after=hex:{ground.top.encode().hex()}",
        "limit=9&keysOnly=false&count=0&sorted=false",
    ):
        answer = conn.get(ground.top, f"?{parameters}").json()
        assert ([node["key"][-1] for node in answer["node"]["nodes"]], answer["more"]) == (
            ["a", "b", "t"],
            False,
        )


def test_errors_of_the_store_are_the_usual_ones(conn: Connection) -> None:
    ground = Ground(conn, ["/a"])
    for key, code in ((f"{ground.top}/none", 100), (f"{ground.top}/a/b", 104)):
        for parameters in ("limit=1", "count=true", f"after={key}/x"):
            reply = conn.get(key, f"?{parameters}")
            assert (reply.json()["errorCode"], reply.etcd_index) == (code, ground.store.index)


@ALL
def test_what_an_old_server_does_with_them(module_servers: Servers, kind: Kind) -> None:
    """It ignores them, whatever they say; so does `--compat upstream`, and everything but GET."""
    with module_servers(kind).connect() as conn:
        conn.put("/old/a", "1")
        conn.put("/old/b", "2")
        plain = conn.get("/old", "?sorted=true")
        for parameters in ("limit=1", "after=/old/a", "keysOnly=true", "count=true", "limit=x", "progress=x"):
            reply = conn.get("/old", f"?sorted=true&{parameters}")
            assert (reply.body == plain.body) == (not kind.has_fixes), parameters
        for method in ("PUT", "POST", "DELETE"):
            body = None if method == "DELETE" else b"value=3&limit=x"
            reply = conn.request(
                method, f"/v2/keys/old{'/a' if method != 'POST' else ''}?count=x&after=x", body
            )
            assert reply.status in (200, 201), reply

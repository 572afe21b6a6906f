"""The model against the behaviour written down in the reference: it must be right before it may judge."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.model import gojson
from tests.model.store import NS, Params, Store


def put(store: Store, path: str, value: str = "1", **more: object) -> dict[str, object]:
    result = store.request("PUT", path, Params(value=value, **more))  # type: ignore[arg-type]
    assert result.status in (200, 201), result
    return result.answer


def code(store: Store, method: str, path: str, **more: object) -> tuple[int, int, str]:
    result = store.request(method, path, Params(**more))  # type: ignore[arg-type]
    return result.status, result.answer["errorCode"], result.answer.get("cause", "")


def test_the_worked_table() -> None:
    """The reference's table of what each action returns, from the first user index on."""
    store = Store(3)
    expected = [
        (
            "PUT",
            "/a",
            Params("1"),
            201,
            '"node":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}',
        ),
        (
            "PUT",
            "/a",
            Params("2"),
            200,
            '"prevNode":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}',
        ),
        ("PUT", "/a", Params("3", prev_exist=True), 200, '"value":"3","modifiedIndex":6,"createdIndex":5}'),
        ("PUT", "/a", Params("4", prev_value="3"), 200, '"value":"4","modifiedIndex":7,"createdIndex":5}'),
        (
            "PUT",
            "/d",
            Params(dir=True),
            201,
            '"node":{"key":"/d","dir":true,"modifiedIndex":8,"createdIndex":8}}',
        ),
        (
            "PUT",
            "/d",
            Params(dir=True, prev_exist=True, ttl_s=60),
            200,
            '{"key":"/d","dir":true,"expiration":"\\u003cT\\u003e","ttl":60,"modifiedIndex":9,"createdIndex":8}',
        ),
        ("POST", "/q", Params("j"), 201, '{"key":"/q/00000000000000000010","value":"j","modifiedIndex":10'),
        (
            "DELETE",
            "/q",
            Params(recursive=True),
            200,
            '"node":{"key":"/q","dir":true,"modifiedIndex":11,"createdIndex":10},"prevNode":{"key":"/q","dir"',
        ),
        (
            "DELETE",
            "/a",
            Params(prev_value="4"),
            200,
            '{"action":"compareAndDelete","node":{"key":"/a","modifiedIndex":12,"createdIndex":5},',
        ),
    ]
    for method, path, params, status, part in expected:
        result = store.request(method, path, params)
        assert result.status == status
        assert part in gojson.dump(result.answer)
    assert store.nodes["/d"].modified == 8, "a directory keeps its index"


def test_refusals() -> None:
    store = Store()
    put(store, "/b/f", "v")
    assert code(store, "GET", "/x/a/b") == (404, 100, "/x")
    assert code(store, "GET", "/b/f/x/y") == (400, 104, "/b/f")
    assert code(store, "PUT", "/b") == (403, 102, "/b")
    assert code(store, "PUT", "/b", dir=True) == (403, 102, "/b")
    assert code(store, "PUT", "/b", value="x", prev_exist=True) == (403, 102, "/b")
    assert code(store, "PUT", "/b/f", prev_exist=False) == (412, 105, "/b/f")
    assert code(store, "PUT", "/b/f", prev_value="zz", prev_index=9) == (412, 101, "[zz != v] [9 != 1]")
    assert code(store, "PUT", "/b/f", prev_value="") == (412, 101, "[ != v]")
    assert code(store, "PUT", "/") == (400, 107, "/")
    assert code(store, "DELETE", "/b") == (403, 102, "/b")
    assert code(store, "DELETE", "/b", dir=True) == (403, 108, "/b")
    assert code(store, "DELETE", "/b", prev_index=1) == (403, 102, "/b")
    assert code(store, "PUT", "/no/n", refresh=True, ttl_s=1) == (404, 100, "/no")
    assert store.index == 1, "refusals move nothing"


def test_expiry_and_who_is_told() -> None:
    store = Store()
    put(store, "/d/_h/x")
    store.request("PUT", "/d", Params(dir=True, prev_exist=True, ttl_s=2))
    put(store, "/other", ttl_s=1)
    store.now_ns = 2 * NS
    assert [event.key for event in store.expire()] == ["/other", "/d"]
    assert "/d/_h" not in store.nodes
    since = store.index
    for watched in ("/d", "/d/_h/x"):
        assert store.first_event(watched, recursive=False, since=since) is not None
    assert store.first_event("/d/never", recursive=True, since=since) is None
    assert store.first_event("/dd", recursive=True, since=since) is None
    assert store.first_event("/", recursive=True, since=since) is not None


def test_hidden_and_silent_events() -> None:
    store = Store()
    put(store, "/w/_h/x")
    assert store.first_event("/w", recursive=True, since=1) is None
    assert store.first_event("/w/_h", recursive=True, since=1) is not None
    put(store, "/w/f", "keep")
    put(store, "/w/f", "", refresh=True, ttl_s=5)
    put(store, "/w/f", "", refresh=True, ttl_s=5, dir=True)
    assert store.nodes["/w/f"].value == "keep"
    assert store.first_event("/w/f", recursive=False, since=3) is None
    listing = store.request("GET", "/w", Params(recursive=True)).answer["node"]
    assert [node["key"] for node in listing["nodes"]] == ["/w/f"]


names = st.sampled_from(["a", "b", "_h"])
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
writes = st.tuples(
    st.sampled_from(["PUT", "POST", "DELETE"]),
    paths,
    st.builds(
        Params,
        value=st.sampled_from(["", "1", "2"]),
        dir=st.booleans(),
        prev_exist=st.sampled_from([None, True, False]),
        prev_value=st.sampled_from([None, "", "1"]),
        recursive=st.booleans(),
    ),
)


@given(st.lists(writes, max_size=30))
def test_invariants(steps: list[tuple[str, str, Params]]) -> None:
    """A node's parents are directories, indexes only grow by one, and an event follows each success."""
    store = Store()
    for method, path, params in steps:
        before = store.index
        result = store.request(method, path, params)
        assert store.index == before + (result.status < 300)
        assert len(store.events) == store.index
        for known in store.nodes:
            parent = known.rpartition("/")[0] or "/"
            assert known == "/" or store.nodes[parent].is_dir


def test_go_escapes() -> None:
    assert (
        gojson.dump('<a&b>"\\\n\x01\x7f\u2028é') == '"\\u003ca\\u0026b\\u003e\\"\\\\\\n\\u0001\x7f\\u2028é"'
    )

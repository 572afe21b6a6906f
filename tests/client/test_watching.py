"""Watches without I/O: exactly once, in order, and honest about losses, against the model."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreos_py.client import (
    EventsLostError,
    HistoryClearedError,
    IndexResetError,
    Mirror,
    Result,
    ServerError,
    Snapshot,
    UnavailableError,
    requests,
)
from coreos_py.client._wire import Head, Reply
from coreos_py.client.errors import server_error
from coreos_py.client.keys import Event, Node, decode_event
from coreos_py.client.steps import Fetch, More, Open, Pause, Setting, Steps, Target, Told
from coreos_py.client.watching import following, watching
from tests.client.model import TOLD, TOP, Store, Watched

seeds = st.integers(0, 2**32)


def target(*, stream: bool = False) -> Target:
    """All below TOP."""
    return Target(TOP, recursive=True, stream=stream)


def indexes(items: list[Any]) -> list[int]:
    """The indexes of events."""
    return [item.node.modified_index for item in items]


@settings(deadline=None)
@given(seeds, st.booleans())
def test_every_event_once_and_in_order(seed: int, stream: bool) -> None:
    server = Watched(Store(random.Random(seed), history=10**6), stream=stream, trouble=0.4)
    steps = watching(target(stream=stream), 0, Setting(lambda: server.now, None))
    told = indexes(server.items(steps, 20))
    assert told == server.store.told(server.started_at, told[-1])


@settings(deadline=None)
@given(seeds, st.integers(1, 10))
def test_from_an_index_of_the_past(seed: int, wait_index: int) -> None:
    store = Store(random.Random(seed), history=10**6)
    for _ in range(10):
        store.change()
    server = Watched(store, stream=False, trouble=0.3)
    told = indexes(server.items(watching(target(), wait_index, Setting(lambda: server.now, None)), 20))
    assert told == store.told(wait_index - 1, told[-1])


def naive() -> Steps[Any]:
    """A watcher that asks for what comes from now on, each time."""
    while True:
        try:
            yield Open(requests.wait(TOP, wait_index=0, recursive=True))
        except (UnavailableError, ServerError):
            continue
        while (line := (yield More())) is not None:
            event = decode_event(line)
            if target().concerns(event):
                yield Told(Result(event, 0))


def test_control_a_watcher_without_an_index_loses_events() -> None:
    losers = 0
    for seed in range(50):
        server = Watched(Store(random.Random(seed), history=10**6), stream=False, trouble=0.4)
        told = indexes(server.items(naive(), 20))
        losers += told != server.store.told(server.started_at, told[-1])
    assert losers > 25


@settings(deadline=None)
@given(seeds, st.booleans())
def test_cleared_history_is_an_error_and_never_a_gap(seed: int, stream: bool) -> None:
    server = Watched(Store(random.Random(seed), history=4), stream=stream, trouble=0.5)
    steps = watching(target(stream=stream), 0, Setting(lambda: server.now, None))
    told: list[Any] = []
    with pytest.raises(HistoryClearedError):
        server.collect(steps, 10**6, told)
    last = told[-1].node.modified_index if told else server.started_at
    assert indexes(told) == server.store.told(server.started_at, last)
    assert list(steps) == []


@settings(deadline=None)
@given(seeds, st.booleans())
def test_following_is_never_wrong(seed: int, stream: bool) -> None:
    server = Watched(Store(random.Random(seed), history=6), stream=stream, trouble=0.5)
    steps = following(target(stream=stream), Setting(lambda: server.now, None))
    items = server.items(steps, 40)
    assert isinstance(items[0], Snapshot)
    mirror, at = Mirror(), 0
    for item in items:
        index = item.etcd_index if isinstance(item, Snapshot) else item.node.modified_index
        # Nothing is left out between two items but where a snapshot says so, and none goes back.
        assert server.store.told(at, index) == [index] or isinstance(item, Snapshot)
        assert index >= at
        at = index
        mirror.apply(item)
        wanted = {key: value for key, value in server.store.files(at).items() if key in TOLD}
        assert {key: node.value for key, node in mirror.files.items()} == wanted
    assert mirror.etcd_index == at


def test_history_is_lost_often_enough_to_count() -> None:
    snapshots = 0
    for seed in range(50):
        server = Watched(Store(random.Random(seed), history=6), stream=False, trouble=0.5)
        items = server.items(following(target(), Setting(lambda: 0.0, None)), 40)
        snapshots += sum(isinstance(item, Snapshot) for item in items)
    assert snapshots > 150


AWAY = UnavailableError(["connection refused"], reached=False)


def test_who_was_never_there_is_not_waited_for() -> None:
    steps = watching(target(), 0, Setting(lambda: 0.0, 10.0))
    assert isinstance(next(steps), Open)
    with pytest.raises(UnavailableError):
        steps.throw(AWAY)


def test_an_outage_ends_when_patience_does() -> None:
    now = 0.0
    steps = watching(target(), 0, Setting(lambda: now, 10.0))
    next(steps)
    steps.send(Head(200, {"x-etcd-index": "5"}))

    def never_there(step: Any) -> None:
        nonlocal now
        while True:
            now += step.seconds if isinstance(step, Pause) else 0
            step = steps.send(None) if isinstance(step, Pause) else steps.throw(AWAY)

    with pytest.raises(UnavailableError):
        never_there(steps.send(None))
    assert 10.0 <= now < 11.5


def opened(step: Any, steps: Steps[Any], index: int, cluster: str = "c") -> Any:
    """Let a watch be accepted at an index."""
    assert isinstance(step, Open)
    return steps.send(Head(200, {"x-etcd-index": str(index), "x-etcd-cluster-id": cluster}))


def after_one_event(index: int) -> tuple[Any, Steps[Any]]:
    """A watch that has told an event with this index and is about to ask for the next one."""
    steps = watching(target(), index, Setting(lambda: 0.0, None))
    assert isinstance(opened(next(steps), steps, index), More)
    line = b'{"action":"set","node":{"key":"/w/a","value":"1","modifiedIndex":%d,"createdIndex":1}}' % index
    assert isinstance(steps.send(line), Told)
    assert isinstance(steps.send(None), More)
    return steps.send(None), steps


def quorum_read(index: int) -> Reply:
    """The cluster's answer to a read through consensus."""
    return Reply(Head(200, {"x-etcd-index": str(index)}), b'{"action":"get","node":{"key":"/w","dir":true}}')


def ends_with(code: int) -> bytes:
    """What stands in the place of an event when a server ends a watch that it had accepted."""
    return b'{"errorCode":%d,"message":"m","cause":"history has been cleared [9/6]","index":9}' % code


def test_a_gap_that_a_server_tells_of_is_an_error() -> None:
    steps = watching(target(), 6, Setting(lambda: 0.0, None))
    opened(next(steps), steps, 5)
    with pytest.raises(HistoryClearedError) as caught:
        steps.send(ends_with(401))
    assert (caught.value.code, caught.value.index) == (401, 9)


def test_who_follows_reads_anew_after_such_a_gap() -> None:
    steps = following(target(), Setting(lambda: 0.0, None))
    assert isinstance(next(steps), Fetch)
    assert isinstance(steps.send(quorum_read(5)), Told)
    opened(steps.send(None), steps, 5)
    assert isinstance(steps.send(ends_with(401)), Pause)
    assert isinstance(steps.send(None), Fetch)


def test_who_was_too_slow_goes_on_from_what_it_has_seen() -> None:
    steps = watching(target(stream=True), 6, Setting(lambda: 0.0, None))
    opened(next(steps), steps, 5)
    assert isinstance(steps.send(ends_with(400)), More)
    step = steps.send(None)
    assert isinstance(step, Pause)
    step = steps.send(None)
    assert isinstance(step, Open)
    assert "waitIndex=6" in step.request.target


def test_a_cluster_that_was_set_up_anew_is_noticed() -> None:
    step, steps = after_one_event(100)
    step = opened(step, steps, 7)
    assert isinstance(step, Fetch)
    with pytest.raises(IndexResetError):
        steps.send(quorum_read(7))


def test_a_member_that_lags_is_none() -> None:
    step, steps = after_one_event(100)
    step = opened(step, steps, 95)
    assert isinstance(step, Fetch)
    assert isinstance(steps.send(quorum_read(100)), More)


def test_another_cluster_is_noticed() -> None:
    step, steps = after_one_event(100)
    with pytest.raises(EventsLostError, match="another cluster"):
        opened(step, steps, 200, cluster="d")


def test_a_reply_that_does_not_say_which_cluster_is_none() -> None:
    step, steps = after_one_event(100)
    assert isinstance(opened(step, steps, 200, cluster=""), More)


def test_a_refusal_ends_a_watch() -> None:
    step, steps = after_one_event(100)
    assert isinstance(step, Open)
    with pytest.raises(ServerError):
        steps.throw(server_error(401, 110, "The request requires user authentication", "", 0))


@pytest.mark.parametrize(
    ("watched", "key", "recursive", "is_told"),
    [
        ("/a", "/a", False, True),
        ("/a", "/a/b", False, False),
        ("/a", "/a/b", True, True),
        ("/a", "/a/_b", True, False),
        ("/a", "/a/b/_c/d", True, False),
        ("/_a", "/_a/b", True, True),
        ("/a/b", "/a", False, True),
        ("/foobar", "/foo", True, False),
        ("/", "/a", True, True),
        ("/", "/_a", True, False),
        ("/a/b_c", "/a/b_c/d_e", True, True),
    ],
)
def test_what_concerns_a_watch(watched: str, key: str, recursive: bool, is_told: bool) -> None:
    node = Node(key, True, "", None, 1, 2, "", 0)
    assert Target(watched, recursive, False).concerns(Event("delete", node, None)) == is_told

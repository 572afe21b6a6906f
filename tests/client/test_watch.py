"""Watches of both clients on real servers: cuts, restarts, a history that is too short, cancellation."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from coreos_py.client import BlockingClient, Client, EventsLostError, Mirror, Snapshot, UnavailableError
from tests.client.faces import PATIENT, SHELLS, play_watch
from tests.client.proxy import CuttingProxy
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.wire import form, request_bytes

COUNT = 30


def url_of(server: Server) -> str:
    """Where it listens for clients."""
    return f"http://127.0.0.1:{server.client_port}"


def put(server: Server, key: str, value: str) -> int:
    """Write a key; the event's index."""
    index: int = server.request("PUT", f"/v2/keys{key}", form(value=value)).json()["node"]["modifiedIndex"]
    return index


def watchers(server: Server) -> int:
    """How many watches the server holds."""
    count: int = server.request("GET", "/v2/stats/store").json()["watchers"]
    return count


def write(server: Server, top: str, count: int) -> list[int]:
    """Write so many values one after the other and remove some; the indexes of what was done below `top`."""
    done = []
    with server.connect() as wire:
        for number in range(count):
            key = f"{top}/{number % 5}"
            reply = wire.delete(key) if number % 7 == 6 else wire.put(key, str(number))
            if reply.status < 300:
                done.append(reply.json()["node"]["modifiedIndex"])
            if number % 4 == 0:
                # What happens elsewhere and in secret is not told.
                wire.put(f"{top}/_hidden/x", str(number))
                wire.put(f"{top}x", str(number))
    return done


def indexes(items: list[Any]) -> list[int]:
    """The indexes of events."""
    return [item.node.modified_index for item in items]


class Writing:
    """`write` in a thread beside the watch; `done` is what it did, `join` waits for the end."""

    def __init__(self, server: Server, top: str, count: int) -> None:
        self.done: list[int] = []
        self._thread = threading.Thread(target=lambda: self.done.extend(write(server, top, count)))

    def __enter__(self) -> Writing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


@pytest.mark.parametrize("recursive", [True, False], ids=["recursive", "one key"])
def test_events_of_the_past(server: Server, url: str, shell: str, top: str, recursive: bool) -> None:
    first = put(server, f"{top}/0", "first")
    done = [first, *write(server, top, 20)]
    key = top if recursive else f"{top}/0"
    if not recursive:
        done = [first, *[index for number, index in enumerate(done[1:]) if number % 5 == 0]][:3]

    def start(etcd: Any) -> Any:
        return etcd.watch(key, wait_index=first, recursive=recursive)

    assert indexes(play_watch(shell, url, start, len(done))) == done


def test_everything_after_the_start_is_told(server: Server, url: str, shell: str, top: str) -> None:
    """Entering the `with` is the start, even when nothing is asked for before the events have happened."""

    async def on_trio() -> list[Any]:
        async with Client(url, PATIENT) as etcd, etcd.watch(top, recursive=True) as watch:
            done.extend(write(server, top, 10))
            return [await anext(watch) for _ in done]

    def on_blocking() -> list[Any]:
        with BlockingClient(url, PATIENT) as etcd, etcd.watch(top, recursive=True) as watch:
            done.extend(write(server, top, 10))
            return [next(watch) for _ in done]

    done: list[int] = []
    assert indexes(trio.run(on_trio) if shell == "trio" else on_blocking()) == done


def naive(url: str, top: str, end: str) -> list[int]:
    """What a watcher is told that always asks for what comes from now on, until the key `end` is written."""
    told: list[int] = []
    while True:
        try:
            with BlockingClient(url, PATIENT) as etcd, etcd.watch(top, recursive=True) as watch:
                event = next(watch)
        except UnavailableError:
            continue
        if event.node.key == end:
            return told
        told.append(event.node.modified_index)


@pytest.mark.parametrize("stream", [False, True], ids=["polls", "stream"])
def test_cuts(server: Server, shell: str, top: str, stream: bool, request: pytest.FixtureRequest) -> None:
    if stream and server.kind is Kind.ETCD34:
        pytest.skip("etcd's own streams lose events: reference 3.10")
    chance = random.Random(request.node.nodeid)
    with CuttingProxy(server.client_port, chance, bytes_max=1500) as proxy:

        def start(etcd: Any) -> Any:
            return etcd.watch(top, wait_index=first, recursive=True, stream=stream)

        first = put(server, f"{top}/0", "first")
        with Writing(server, top, COUNT) as writing:
            told = play_watch(shell, proxy.url, start, 1 + events_of(COUNT))
        assert indexes(told) == [first, *writing.done]
        assert proxy.cuts >= 3


def events_of(count: int) -> int:
    """How many events `write` makes: every seventh step removes a key, which is there by then."""
    present: set[int] = {0}
    events = 0
    for number in range(count):
        if number % 7 == 6:
            events += number % 5 in present
            present.discard(number % 5)
        else:
            present.add(number % 5)
            events += 1
    return events


def test_control_a_watcher_without_an_index_loses_events_by_the_same_cuts(
    server: Server, top: str, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(request.node.nodeid)
    with CuttingProxy(server.client_port, chance, bytes_max=1500) as proxy:
        told: list[int] = []
        watching = threading.Thread(target=lambda: told.extend(naive(proxy.url, top, f"{top}/end")))
        watching.start()
        wait_until(lambda: watchers(server) > 0)
        first = put(server, f"{top}/0", "first")
        done = write(server, top, COUNT)
        proxy.calm()
        while watching.is_alive():
            # Again and again: it may be between two of its watches.
            put(server, f"{top}/end", "x")
            watching.join(0.01)
    assert set(told) <= {first, *done}
    assert set(done) - set(told)


@pytest.fixture(params=[Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def own_server(request: pytest.FixtureRequest, make_server: Callable[[Kind], Server]) -> Server:
    """A member that the test may restart."""
    return make_server(request.param).start()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_restart(own_server: Server, shell: str) -> None:
    server, top = own_server, "/top"
    done = write(server, top, 10)

    def restart_and_write() -> None:
        wait_until(lambda: watchers(server) > 0)
        server.kill()
        server.start()
        done.extend(write(server, top, 10))

    def start(etcd: Any) -> Any:
        return etcd.watch(top, wait_index=done[0], recursive=True)

    between = threading.Thread(target=restart_and_write)
    between.start()
    options = PATIENT._replace(timeout_s=5.0)
    told = play_watch(shell, url_of(server), start, 10 + events_of(10), options)
    between.join()
    assert indexes(told) == done


@pytest.fixture(params=[Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def forgetful(request: pytest.FixtureRequest, make_server: Callable[..., Server]) -> Server:
    """A member that keeps a thousand events, as etcd does; ours never keeps fewer."""
    flags = ["--history-bytes", "1"] if request.param is Kind.OURS else []
    return make_server(request.param, flags=flags).start()


def flood(server: Server, key: str, count: int) -> None:
    """So many writes, many at a time."""
    with server.connect(timeout_s=60.0) as wire:
        for begin in range(0, count, 200):
            size = min(200, count - begin)
            wire.send(b"".join(request_bytes("PUT", f"/v2/keys{key}", b"value=x") for _ in range(size)))
            for _ in range(size):
                wire.read_reply()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_history_that_is_too_short(forgetful: Server, shell: str, top: str) -> None:
    """More than a thousand events while nobody watches: an error for `watch`, a new snapshot for `follow`."""
    server, url = forgetful, url_of(forgetful)
    first = put(server, f"{top}/a", "1")

    async def on_trio() -> list[Any]:
        items: list[Any] = []
        async with Client(url, PATIENT) as etcd:
            with pytest.raises(EventsLostError):
                await anext(etcd.watch(top, wait_index=first, recursive=True))
            async with etcd.follow(top) as watch:
                items.append(await anext(watch))
                # The next request of this watch will find its index gone.
                watch._drop()
                await trio.to_thread.run_sync(flood, server, f"{top}/b", 1100)
                put(server, f"{top}/c", "2")
                while not isinstance(item := await anext(watch), Snapshot):
                    items.append(item)
                items.append(item)
                server.request("DELETE", f"/v2/keys{top}/a")
                items.append(await anext(watch))
        return items

    def on_blocking() -> list[Any]:
        items: list[Any] = []
        with BlockingClient(url, PATIENT) as etcd:
            with pytest.raises(EventsLostError):
                next(etcd.watch(top, wait_index=first, recursive=True))
            with etcd.follow(top) as watch:
                items.append(next(watch))
                watch._held.close()
                flood(server, f"{top}/b", 1100)
                put(server, f"{top}/c", "2")
                while not isinstance(item := next(watch), Snapshot):
                    items.append(item)
                items.append(item)
                server.request("DELETE", f"/v2/keys{top}/a")
                items.append(next(watch))
        return items

    flood(server, f"{top}/b", 1100)
    items = trio.run(on_trio) if shell == "trio" else on_blocking()
    mirror = Mirror()
    for item in items:
        mirror.apply(item)
    assert {key: node.value for key, node in mirror.files.items()} == {f"{top}/b": "x", f"{top}/c": "2"}
    assert sum(isinstance(item, Snapshot) for item in items) == 2


def test_asking_for_the_next_event_can_be_cancelled(server: Server, url: str, top: str) -> None:
    async def main() -> list[Any]:
        items: list[Any] = []
        async with Client(url, PATIENT) as etcd, etcd.watch(top, recursive=True) as watch:
            for number in range(5):
                with trio.move_on_after(0.02):
                    items.append(await anext(watch))
                await etcd.set(f"{top}/{number}", "v")
                done.append((await etcd.get(f"{top}/{number}")).node.modified_index)
            items += [await anext(watch) for _ in range(5 - len(items))]
        return items

    done: list[int] = []
    assert indexes(trio.run(main)) == done


def test_following_what_is_not_there_yet(server: Server, url: str, shell: str, top: str) -> None:
    """Nothing, or a file where a directory would have to be: a snapshot of nothing, and then what comes."""
    first = put(server, f"{top}/file", "v")

    def start(etcd: Any) -> Any:
        return etcd.follow(f"{top}/file/below")

    def write_there() -> None:
        wait_until(lambda: watchers(server) > before)
        server.request("DELETE", f"/v2/keys{top}/file")
        put(server, f"{top}/file/below", "w")

    before = watchers(server)
    writing = threading.Thread(target=write_there)
    writing.start()
    snapshot, *events = play_watch(shell, url, start, lambda item: getattr(item, "action", "") == "set")
    writing.join()
    assert snapshot == Snapshot(None, first)
    assert [event.value for event in events if event.action == "set"] == ["w"]


def test_a_key_that_is_not_utf_8(server: Server, url: str, shell: str, top: str) -> None:
    """Replies show it otherwise than it was asked for."""
    first = server.request("PUT", f"/v2/keys{top}/%E2%82%FF/a", form(value="v")).json()["node"][
        "modifiedIndex"
    ]

    def start(etcd: Any) -> Any:
        return etcd.watch(f"{top}/\udce2\udc82\udcff", wait_index=first, recursive=True)

    event = play_watch(shell, url, start, 1, PATIENT)[0]
    assert (event.node.key, event.value) == (f"{top}/\ufffd\ufffd\ufffd/a", "v")


def test_two_tasks_cannot_share_a_watch(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd, etcd.watch(top) as watch, trio.open_nursery() as nursery:
            nursery.start_soon(anext, watch)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await anext(watch)
            nursery.cancel_scope.cancel()

    trio.run(main)

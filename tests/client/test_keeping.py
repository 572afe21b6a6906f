"""Keys that are kept alive while single requests go wrong: leases and locks behind a gate."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import pytest
import trio

from coreos_py.client import (
    Client,
    KeyNotFoundError,
    Leader,
    LeaseLostError,
    NotAFileError,
    OutcomeUnknownError,
    WriteInDoubtError,
)
from coreos_py.client.recipes import election
from tests.client.faces import PATIENT
from tests.client.gate import REFUSED, gate, is_put_of, is_refresh, passed_on
from tests.etcdctl.fake import CLOSE, HANG, Answer, Asked, FakeServer, reply
from tests.support.server import Kind, Server
from tests.support.wire import form

ERROR_500 = reply({"errorCode": 300, "message": "Raft Internal Error", "cause": "timed out", "index": 0}, 500)


#: What takes some refreshes is not done with every server; locks and leases on etcd's are tested elsewhere.
only_ours = pytest.mark.parametrize("server", [Kind.OURS], indirect=True)


def value_at(server: Server, key: str) -> str | None:
    """What is stored at a key."""
    found = server.request("GET", f"/v2/keys{key}?quorum=true")
    value: str | None = found.json()["node"]["value"] if found.status == 200 else None
    return value


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for it beside other tasks."""
    with trio.fail_after(30):
        while not is_so():  # noqa: ASYNC110 - it comes true in another thread
            await trio.sleep(0.01)


async def refreshed(way: FakeServer, count: int) -> None:
    """Wait until so many more refreshes were asked for."""
    wanted = sum(map(is_refresh, way.asked)) + count
    await until(lambda: sum(map(is_refresh, way.asked)) >= wanted)


def test_keys_of_a_lease_are_removed_at_the_same_time(server: Server, top: str) -> None:
    """No removal is answered before all have been asked for."""
    together = threading.Barrier(5)

    def rule(asked: Asked) -> Answer | None:
        if asked.method == "DELETE":
            together.wait(30)
        return None

    async def main(url: str) -> None:
        async with Client(url, PATIENT) as etcd, etcd.lease(ttl_s=60) as lease:
            for number in range(5):
                await lease.put(f"{top}/{number}", "v")

    with gate(server, rule) as way:
        trio.run(main, way.url)
    assert not together.broken
    assert [value_at(server, f"{top}/{number}") for number in range(5)] == [None] * 5


def test_a_loss_is_told_though_the_key_is_dropped(server: Server, url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:

            async def robbed() -> None:
                async with etcd.lease(ttl_s=2) as lease:
                    await lease.put(top, "mine")
                    await etcd.set(top, "theirs")
                    try:
                        await trio.sleep_forever()
                    finally:
                        await lease.drop(top)

            with pytest.raises(LeaseLostError, match="Compare failed"):
                await robbed()

    trio.run(main)
    assert value_at(server, top) == "theirs"


async def refused(put: Callable[[], Awaitable[object]]) -> None:
    """It is certain that nothing was written."""
    with pytest.raises(NotAFileError):
        await put()


async def in_doubt(put: Callable[[], Awaitable[object]]) -> None:
    """Nobody knows whether it was written."""
    with pytest.raises(OutcomeUnknownError):
        await put()


async def cancelled(put: Callable[[], Awaitable[object]]) -> None:
    """It is given up."""
    with trio.move_on_after(0.2) as scope:
        await put()
    assert scope.cancelled_caught


@only_ours
@pytest.mark.parametrize(
    ("answer", "fails", "is_done"),
    [
        (REFUSED, refused, False),
        (CLOSE, in_doubt, False),
        (CLOSE, in_doubt, True),
        (HANG, cancelled, False),
        (HANG, cancelled, True),
    ],
    ids=["refused", "cut", "cut and done", "hung", "hung and done"],
)
def test_a_put_that_fails_leaves_the_key_kept(
    server: Server,
    top: str,
    answer: Answer,
    fails: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]],
    is_done: bool,
) -> None:
    def rule(asked: Asked) -> Answer | None:
        if not is_put_of(asked, "new"):
            return None
        if is_done:
            passed_on(server, asked)
        return answer

    async def main() -> None:
        async with Client(way.url, PATIENT) as etcd:
            async with etcd.lease(ttl_s=2) as lease:
                await lease.put(top, "old")
                await fails(lambda: lease.put(top, "new"))
                await refreshed(way, 1 + is_done)
                assert lease.keys == [top]
                assert value_at(server, top) == ("new" if is_done else "old")
                # It is still ours to write, and to keep.
                await lease.put(top, "last")
                await refreshed(way, 1)
                assert value_at(server, top) == "last"
            with pytest.raises(KeyNotFoundError):
                await etcd.get(top)

    with gate(server, rule) as way:
        trio.run(main)


def test_a_successor_with_the_same_value_keeps_its_key(server: Server, url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            async with etcd.lease(ttl_s=60) as lease:
                await lease.put(top, "10.0.0.1:80")
                successor = await etcd.set(top, "10.0.0.1:80")
            assert (await etcd.get(top)).node.created_index == successor.node.created_index

    trio.run(main)


def test_a_waiter_finds_out_though_its_watch_says_nothing(server: Server, top: str) -> None:
    async def main() -> None:
        async with Client(way.url, PATIENT) as etcd, trio.open_nursery() as nursery:

            async def remove() -> None:
                await until(lambda: any("wait=true" in asked.target for asked in way.asked))
                server.request("DELETE", f"/v2/keys{top}")

            server.request("PUT", f"/v2/keys{top}", form(value="somebody 0123"))
            nursery.start_soon(remove)
            with trio.fail_after(30):
                async with etcd.lock(top, ttl_s=1) as held:
                    held.check()

    with gate(server, lambda _: None) as way:
        trio.run(main)


def test_an_observer_finds_out_though_its_watch_says_nothing(
    server: Server, top: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(election, "LOOK_S", 0.1)
    monkeypatch.setattr(election, "GRACE_S", 0.1)

    async def main() -> list[Leader | None]:
        async with Client(way.url, PATIENT) as etcd, etcd.observe(top) as leaders:
            seen = [await anext(leaders)]
            made = server.request("PUT", f"/v2/keys{top}", form(value="next 0123")).json()["node"]
            with trio.fail_after(30):
                seen.append(await anext(leaders))
            server.request("DELETE", f"/v2/keys{top}")
            with trio.fail_after(30):
                seen.append(await anext(leaders))
        assert seen[1] == Leader("next", made["createdIndex"])
        return seen

    with gate(server, lambda _: None) as way:
        assert trio.run(main)[::2] == [None, None]


def test_a_create_that_comes_late_is_found_and_removed(server: Server, top: str) -> None:
    """The create is answered with 500, not there when it is looked for, and carried out after that."""
    late: list[Asked] = []
    reads = 0

    def rule(asked: Asked) -> Answer | None:
        nonlocal reads
        if "prevExist=false" in asked.target:
            late.append(asked)
            return ERROR_500
        if asked.method == "GET":
            reads += 1
            answer = passed_on(server, asked)
            if reads == 2:
                assert passed_on(server, late[0]).data.startswith(b"HTTP/1.1 201 ")
            return answer
        return None

    async def main() -> None:
        async with Client(way.url, PATIENT) as etcd:
            with trio.fail_after(30), pytest.raises(WriteInDoubtError):
                async with etcd.lock(top, ttl_s=60, wait_s=0):
                    pass

    with gate(server, rule) as way:
        trio.run(main)
    assert len(late) == 1
    assert value_at(server, top) is None


def test_a_create_with_an_unreadable_answer_is_in_doubt(server: Server, top: str) -> None:
    def rule(asked: Asked) -> Answer | None:
        if "prevExist=false" in asked.target:
            passed_on(server, asked)
            return reply(b"<html>")
        return None

    async def main() -> str:
        async with Client(way.url, PATIENT) as etcd, etcd.lock(top, ttl_s=60, value="me") as held:
            held.check()
            return value_at(server, top) or ""

    with gate(server, rule) as way:
        assert trio.run(main).startswith("me ")
    assert value_at(server, top) is None


@only_ours
def test_a_lock_is_kept_though_one_endpoint_hangs(server: Server, top: str) -> None:
    """The endpoint that is asked first for a refresh never answers one; the time for a try is long."""
    hung: list[str] = []

    def rule_of(name: str) -> Callable[[Asked], Answer | None]:
        def rule(asked: Asked) -> Answer | None:
            if not is_refresh(asked):
                return None
            hung[:] = hung or [name]
            return HANG if hung == [name] else None

        return rule

    async def main() -> None:
        async with Client([first.url, second.url], PATIENT) as etcd, etcd.lock(top, ttl_s=3):
            await until(lambda: len(hung) > 0)
            answering = second if hung == ["first"] else first
            await until(lambda: sum(map(is_refresh, answering.asked)) >= 2)

    with gate(server, rule_of("first")) as first, gate(server, rule_of("second")) as second:
        trio.run(main)
    assert value_at(server, top) is None

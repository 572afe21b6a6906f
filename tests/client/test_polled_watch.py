"""A Trio watch that is asked for a moment each, and one that another task closes."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from coreos_py.client import Client
from coreos_py.client.steps import Pause, Steps, Told
from coreos_py.client.trio_watch import Watch
from tests.client.faces import PATIENT
from tests.etcdctl.fake import Answer, FakeServer, always

#: A watch that is accepted, and then nothing.
SILENT = Answer(b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n", "hang")


def test_asking_for_a_moment_each_needs_one_request_and_misses_nothing(url: str, top: str) -> None:
    asked: list[str] = []
    options = PATIENT._replace(trace=lambda method, target, _: asked.append(f"{method} {target}"))

    async def main() -> Any:
        async with Client(url, options) as etcd, etcd.watch(top) as watch:
            for _ in range(6):
                with trio.move_on_after(0.1) as scope:
                    await anext(watch)
                assert scope.cancelled_caught
            waits = [one for one in asked if "wait=true" in one]
            await etcd.set(top, "v")
            return waits, (await anext(watch)).value

    waits, value = trio.run(main)
    assert (len(waits), value) == (1, "v")


def test_asking_for_a_moment_each_does_not_prolong_a_pause() -> None:
    def steps() -> Steps[str]:
        yield Pause(1.0)
        yield Told("after the pause")
        yield Pause(1.0)

    async def main() -> int:
        watch: Watch[str] = Watch(None, steps())  # type: ignore[arg-type]
        for count in range(1, 100):
            with trio.move_on_after(0.3):
                assert await anext(watch) == "after the pause"
                return count
        return 0

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == 4


async def told_the_end(watch: Watch[Any]) -> bool:
    """Whether a task that waits for the next event is told that there is none, as is who comes later."""
    is_over = False

    async def ask() -> None:
        nonlocal is_over
        with pytest.raises(StopAsyncIteration):
            await anext(watch)
        is_over = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        watch.close()
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    return is_over


def test_closing_it_from_another_task_ends_the_wait_for_an_event() -> None:
    async def main(url: str) -> None:
        async with Client([url, url], PATIENT) as etcd, etcd.watch("/k") as watch:
            before = etcd.endpoints
            assert await told_the_end(watch)
            assert etcd.endpoints == before

    with FakeServer(always(SILENT)) as server:
        trio.run(main, server.url)


def test_closing_it_from_another_task_ends_a_pause() -> None:
    def steps() -> Steps[str]:
        yield Pause(1000.0)
        yield Told("never")

    async def main() -> bool:
        watch: Watch[str] = Watch(None, steps())  # type: ignore[arg-type]
        return await told_the_end(watch)

    assert trio.run(main)


def test_a_closed_watch_cannot_be_entered() -> None:
    async def main(url: str) -> None:
        async with Client(url, PATIENT) as etcd:
            watch = etcd.watch("/k")
            watch.close()
            with pytest.raises(trio.ClosedResourceError):
                async with watch:
                    pass

    with FakeServer(always(SILENT)) as server:
        trio.run(main, server.url)

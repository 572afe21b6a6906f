"""Locks: one holder at a time, whatever dies, is cut off or cancelled."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest
import trio

from coreos_py.client import Client, EtcdError, Held, LockLostError, NotAFileError, TakenError
from tests.client.faces import PATIENT
from tests.client.proxy import CuttingProxy
from tests.support.server import Kind, Server


def keys(server: Server, key: str) -> list[str]:
    """What is stored at a key: its value, or nothing."""
    reply = server.request("GET", f"/v2/keys{key}")
    return [reply.json()["node"]["value"]] if reply.status == 200 else []


class Section:
    """Code that must never be run twice at a time; `overlaps` counts how often it was."""

    def __init__(self) -> None:
        self.overlaps = 0
        self.fences: list[int] = []
        self._inside = 0

    async def run(self, fence: int) -> None:
        """Be inside for a moment."""
        self._inside += 1
        self.overlaps += self._inside > 1
        self.fences.append(fence)
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        self._inside -= 1


async def crowd(section: Section, enter: Callable[[int], AbstractAsyncContextManager[Any]]) -> None:
    """Four tasks that enter five times each."""

    async def one(number: int) -> None:
        for _ in range(5):
            async with enter(number) as held:
                await section.run(held.fence if held else 0)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(one, number)


def test_one_at_a_time(url: str, top: str) -> None:
    async def main() -> Section:
        section = Section()
        # Two clients, as two processes would have.
        async with Client(url, PATIENT) as first, Client(url, PATIENT) as second:
            clients = [first, second]
            await crowd(section, lambda number: clients[number % 2].lock(top, ttl_s=60))
            assert await first.ls("/", recursive=False) is not None
        return section

    section = trio.run(main)
    assert (section.overlaps, len(section.fences)) == (0, 20)
    assert section.fences == sorted(set(section.fences))


def test_control_without_a_lock_the_section_overlaps() -> None:
    section = Section()

    async def main() -> None:
        await crowd(section, lambda _: nullcontext())

    trio.run(main)
    assert section.overlaps > 0


def test_a_holder_that_died_is_outlived(server: Server, url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            dead = await etcd.create(top, "somebody 0123", ttl_s=1)
            with pytest.raises(TakenError, match="held by somebody"):
                async with etcd.lock(top, wait_s=0):
                    pass
            async with etcd.lock(top, ttl_s=60, value="next") as held:
                assert held.fence > dead.node.created_index
                assert keys(server, top)[0].startswith("next ")
                assert held.is_held
            assert keys(server, top) == []

    trio.run(main)


def test_a_lock_that_is_taken_away_stops_its_holder(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:

            async def robbed() -> None:
                async with etcd.lock(top, ttl_s=2) as held:
                    holders.append(held)
                    await etcd.delete(top)
                    await trio.sleep_forever()

            holders: list[Held] = []
            with pytest.raises(LockLostError, match="Key not found"):
                await robbed()
            assert not holders[0].is_held
            with pytest.raises(LockLostError):
                holders[0].check()

    trio.run(main)


def test_what_is_kept_outlives_its_time_limit(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd, etcd.lock(top, ttl_s=2) as held:
            # An event of the key is what must not happen; a key of the same limit shows that it would have.
            await etcd.set(f"{top}-control", "v", ttl_s=2)
            async with etcd.watch("/", recursive=True) as events:
                async for event in events:
                    assert event.node.key == f"{top}-control"
                    if event.action == "expire":
                        break
            held.check()
            assert (await etcd.get(top)).node.created_index == held.fence

    trio.run(main)


def test_a_holder_without_a_server_stops(make_server: Callable[[Kind], Server]) -> None:
    server = make_server(Kind.OURS).start()

    async def main() -> None:
        async with Client(f"http://127.0.0.1:{server.client_port}", PATIENT) as etcd:

            async def cut_off() -> None:
                async with etcd.lock("/lock", ttl_s=1) as held:
                    holders.append(held)
                    server.kill()
                    await trio.sleep_forever()

            holders: list[Held] = []
            with pytest.raises(LockLostError, match="could not be refreshed within its 1 s"):
                await cut_off()
            assert not holders[0].is_held

    trio.run(main)


def test_a_create_whose_answer_is_lost_is_found(server: Server, top: str) -> None:
    """The first answer is cut: the lock is there, ours, and made once."""
    start = server.request("GET", "/v2/keys/").etcd_index
    with CuttingProxy(server.client_port, random.Random(1), bytes_max=2, cuts_max=1) as proxy:

        async def main() -> None:
            async with Client(proxy.url, PATIENT) as etcd, etcd.lock(top, ttl_s=60, value="me") as held:
                assert proxy.cuts == 1
                made = await etcd.get(top)
                assert (made.node.created_index, made.value.split()[0]) == (held.fence, "me")
                assert held.fence == start + 1

        trio.run(main)
    assert keys(server, top) == []


def test_waiting_can_be_cancelled_and_leaves_nothing(server: Server, url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            async with etcd.lock(top, ttl_s=60, value="holder"):
                with trio.move_on_after(0.05) as scope:
                    async with etcd.lock(top, ttl_s=60, value="waiter"):
                        pass
                assert scope.cancelled_caught
                assert keys(server, top)[0].startswith("holder ")
            assert keys(server, top) == []

    trio.run(main)


def test_errors_of_the_body_come_out_as_they_are(server: Server, url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            with pytest.raises(ZeroDivisionError) as raised:
                async with etcd.lock(top, ttl_s=60):
                    raise ZeroDivisionError from KeyError("why")
            assert repr(raised.value.__cause__) == "KeyError('why')"
            assert keys(server, top) == []
            with trio.CancelScope() as scope:
                async with etcd.lock(top, ttl_s=60):
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
            assert scope.cancelled_caught
            assert keys(server, top) == []

    trio.run(main)


def test_a_directory_is_no_lock(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            await etcd.mkdir(top)
            with trio.fail_after(30), pytest.raises(NotAFileError, match=top):
                async with etcd.lock(top):
                    pass

    trio.run(main)


def test_released_before_the_end(server: Server, url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            async with etcd.lock(top, ttl_s=60) as first:
                await first.release()
                assert not first.is_held
                async with etcd.lock(top, ttl_s=60, wait_s=0) as second:
                    assert second.fence > first.fence
            with pytest.raises(EtcdError, match="at least 1"):
                async with etcd.lock(top, ttl_s=0):
                    pass

    trio.run(main)

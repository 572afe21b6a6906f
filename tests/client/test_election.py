"""Elections and leases."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from coreos_py.client import (
    Client,
    ConfigurationError,
    KeyNotFoundError,
    Leader,
    LeadershipLostError,
    LeaseLostError,
)
from tests.client.faces import PATIENT


def test_leadership_is_handed_over(url: str, top: str) -> None:
    """Three candidates lead in turn; an observer sees each of them once, with rising fences."""

    async def main() -> list[Leader | None]:
        seen: list[Leader | None] = []
        async with Client(url, PATIENT) as etcd, etcd.observe(top) as leaders:

            async def candidate(name: str) -> None:
                async with etcd.campaign(top, name, ttl_s=60) as term:
                    led.append((name, term.fence))
                    await may_resign[name].wait()

            seen.append(await anext(leaders))
            async with trio.open_nursery() as nursery:
                for name in may_resign:
                    nursery.start_soon(candidate, name)
                for _ in may_resign:
                    seen.append(leader := await anext(leaders))
                    assert leader is not None
                    may_resign[leader.value].set()
                    seen.append(await anext(leaders))
        return seen

    led: list[tuple[str, int]] = []
    may_resign: dict[str, Any] = {name: trio.Event() for name in "abc"}
    seen = trio.run(main)
    assert seen[0::2] == [None] * 4
    assert seen[1::2] == led
    assert sorted(name for name, _ in led) == ["a", "b", "c"]
    assert [fence for _, fence in led] == sorted({fence for _, fence in led})


def test_resigning_and_being_deposed(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd, etcd.observe(top) as leaders:
            assert await anext(leaders) is None
            async with etcd.campaign(top, "the first", ttl_s=60) as term:
                assert await anext(leaders) == Leader("the first", term.fence)
                term.check()
                await term.resign()
                assert await anext(leaders) is None
                with pytest.raises(LeadershipLostError):
                    term.check()

            async def deposed() -> None:
                async with etcd.campaign(top, "second", ttl_s=1):
                    await etcd.delete(top)
                    await trio.sleep_forever()

            with pytest.raises(LeadershipLostError):
                await deposed()

    trio.run(main)


def test_a_leader_that_died_is_followed_by_another(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd, etcd.observe(top) as leaders:
            dead = await etcd.create(top, "dead 0123", ttl_s=1)
            async with etcd.campaign(top, "alive", ttl_s=60) as term:
                seen = [await anext(leaders) for _ in range(4)]
        assert seen == [None, Leader("dead", dead.node.created_index), None, Leader("alive", term.fence)]

    trio.run(main)


def test_a_lease_keeps_its_keys(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:
            async with etcd.lease(ttl_s=2) as lease:
                await lease.put(f"{top}/a", "1")
                await lease.put(f"{top}/b", "1")
                await lease.put(f"{top}/a", "2")
                await lease.put(f"{top}/c", "1")
                await lease.drop(f"{top}/c")
                # It ends after what is never refreshed, and after what is only once, a third of its time on.
                async with etcd.watch(f"{top}/control") as events:
                    await etcd.set(f"{top}/control", "v", ttl_s=3)
                    assert [(await anext(events)).action for _ in range(2)] == ["set", "expire"]
                found = {node.key: node.value for node in await etcd.ls(top)}
                assert found == {f"{top}/a": "2", f"{top}/b": "1"}
            assert await etcd.ls(top) == []
            with pytest.raises(ConfigurationError):
                async with etcd.lease() as lease:
                    await lease.put(f"{top}/a", "")

    trio.run(main)


def test_a_lease_whose_key_was_changed_is_lost(url: str, top: str) -> None:
    async def main() -> None:
        async with Client(url, PATIENT) as etcd:

            async def overwritten() -> None:
                async with etcd.lease(ttl_s=2) as lease:
                    await lease.put(f"{top}/a", "mine")
                    await lease.put(f"{top}/b", "mine")
                    await etcd.set(f"{top}/a", "theirs")
                    await trio.sleep_forever()

            with pytest.raises(LeaseLostError, match="Compare failed"):
                await overwritten()
            # Theirs stays, ours goes.
            assert (await etcd.get(f"{top}/a")).value == "theirs"
            with pytest.raises(KeyNotFoundError):
                await etcd.get(f"{top}/b")

    trio.run(main)

"""The turn loop over a front that does as it is told."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, cast

import pytest
import trio
import trio.testing

from coreos_py._core import Engine, EngineError, Front, Request
from coreos_py.etcd.driver import Driver
from tests.etcd.fakes import FakeMember, FakeRequest, fake_context

Reply = tuple[int, int, list[tuple[str, str]], bytes]


class Ended(Exception):
    """The process would be gone now."""


class FakeEngine:
    """Has one line to say."""

    def __init__(self) -> None:
        self.lines = ["a line"]

    def take_log_lines(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def status(self) -> dict[str, Any]:
        return {"is_removed": False}


class FakeFront:
    """Turns as scripted; a pipe stands for the epoll descriptor."""

    def __init__(self) -> None:
        self.script: list[tuple[list[Any], list[int], int] | EngineError] = []
        self.turns = 0
        self.replies: list[Reply] = []
        self.open = 0
        self.drains = 0
        self.at_script_end = trio.Event()
        self.readable, self.writable = os.pipe()

    def fileno(self) -> int:
        return self.readable

    def turn(self, max_events: int = 256) -> tuple[list[Any], list[int], int]:
        self.turns += 1
        step = self.script.pop(0) if self.script else ([], [], 1_000)
        if not self.script:
            self.at_script_end.set()
        if isinstance(step, EngineError):
            raise step
        return step

    def respond(self, token: int, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.replies.append((token, status, headers, body))

    def connections(self) -> int:
        return self.open

    def drain(self) -> None:
        self.drains += 1

    def close(self) -> None:
        os.close(self.readable)
        os.close(self.writable)


class FakeFed:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class TokenRequest(FakeRequest):
    token = 77
    remote = "127.0.0.1:1"


def gone(reason: str) -> NoReturn:
    raise Ended(reason)


def drive(
    test: Callable[[Driver, FakeFront], Awaitable[None]], member: FakeMember | None = None
) -> FakeFront:
    """Run a test with a driver over a fake front; nothing runs but what the test starts."""
    front = FakeFront()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            engine = cast(Engine, FakeEngine())
            driver = Driver(engine, cast(Front, front), fake_context(member), nursery, end=gone)
            with trio.fail_after(20):
                await test(driver, front)
            nursery.cancel_scope.cancel()

    try:
        trio.run(main)
    finally:
        front.close()
    return front


def asked(path: str) -> Request:
    return cast(Request, TokenRequest(path=path))


def test_requests_are_answered_in_the_turn_that_brought_them() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.script = [([asked("/health"), asked("/nothing")], [], 1_000)]
        driver.turn()
        assert [(token, status) for token, status, _, _ in front.replies] == [(77, 200), (77, 404)]

    drive(test)


def test_slow_requests_do_not_hold_up_the_turn() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.script = [([asked("/metrics"), asked("/health")], [], 1_000)]
        driver.turn()
        assert len(front.replies) == 1
        while len(front.replies) < 2:
            await trio.lowlevel.checkpoint()
        assert b"etcd_store_reads_total" in front.replies[1][3]

    drive(test)


def test_a_broken_endpoint_costs_its_request_only() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.script = [([asked("/health"), asked("/nothing")], [], 1_000)]
        driver.turn()
        assert [status for _, status, _, _ in front.replies] == [500, 404]
        assert front.replies[0][3] == b'{"message":"Internal Server Error"}'

    drive(test, FakeMember(fails=True))


def test_only_ready_connections_are_woken() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        ready, other = FakeFed(), FakeFed()
        driver.fed = {3: ready, 4: other}
        front.script = [([], [3, 9], 1_000)]
        driver.turn()
        assert (ready.woken, other.woken) == (1, 0)

    drive(test)


def test_turns_follow_the_descriptor_and_its_haste() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.script = [([], [], 0), ([], [], 0), ([], [], 1_000)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.run)
            while front.turns < 3:
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert front.turns == 3, "at rest without events"
            os.write(front.writable, b"x")
            while front.turns < 4:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    drive(test)


def test_time_limits_get_turns_without_events() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.script = [([], [], 1), ([], [], 1)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.tick)
            await front.at_script_end.wait()
            nursery.cancel_scope.cancel()

    drive(test)


def test_draining_ends_with_the_last_connection() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.open = 1
        driver.drain()
        assert front.drains == 1
        assert not driver.drained.is_set()
        front.open = 0
        driver.turn()
        assert driver.drained.is_set()

    drive(test)


def test_without_drain_no_connection_is_no_end() -> None:
    async def test(driver: Driver, _front: FakeFront) -> None:
        driver.turn()
        assert not driver.drained.is_set()

    drive(test)


def test_a_poisoned_engine_ends_the_process() -> None:
    async def test(driver: Driver, front: FakeFront) -> None:
        front.script = [EngineError("fsync failed: Input/output error")]
        with pytest.raises(Ended, match="fsync failed"):
            driver.turn()

    drive(test)

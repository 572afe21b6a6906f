"""The two clients behind one face, so that each test is written once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from coreos_py.client import BlockingClient, Client, Options

#: A busy machine is no failure; tests of time limits have their own.
PATIENT = Options(timeout_s=30.0, total_timeout_s=40.0)
SHELLS = ["trio", "blocking"]
Scenario = Callable[[Any], Awaitable[None]]


class Face:
    """A blocking client, or a group of it, whose methods are awaited like those of the Trio client."""

    def __init__(self, face: Any) -> None:
        self._face = face

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._face, name)
        if not callable(found):
            return Face(found) if type(found).__module__.startswith("coreos_py.") else found

        async def call(*words: Any, **named: Any) -> Any:
            return found(*words, **named)

        return call


def play(shell: str, endpoints: Any, scenario: Scenario, options: Options = PATIENT) -> None:
    """Run a scenario with one of the clients."""

    async def on_trio() -> None:
        async with Client(endpoints, options) as etcd:
            await scenario(etcd)

    async def on_blocking() -> None:
        with BlockingClient(endpoints, options) as etcd:
            await scenario(Face(etcd))

    trio.run(on_trio if shell == "trio" else on_blocking)


def play_watch(
    shell: str,
    endpoints: Any,
    start: Callable[[Any], Any],
    enough: int | Callable[[Any], bool],
    options: Options = PATIENT,
) -> list[Any]:
    """The items of a watch that `start` makes of a client: so many, or up to one for which `enough` holds."""

    def is_enough(items: list[Any]) -> bool:
        if isinstance(enough, int):
            return len(items) >= enough
        return bool(items) and enough(items[-1])

    async def on_trio() -> list[Any]:
        items: list[Any] = []
        async with Client(endpoints, options) as etcd, start(etcd) as watch:
            while not is_enough(items):
                items.append(await anext(watch))
        return items

    def on_blocking() -> list[Any]:
        items: list[Any] = []
        with BlockingClient(endpoints, options) as etcd, start(etcd) as watch:
            while not is_enough(items):
                items.append(next(watch))
        return items

    return trio.run(on_trio) if shell == "trio" else on_blocking()

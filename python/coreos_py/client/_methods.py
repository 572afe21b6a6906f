"""From an operation's definition to a client's method, blocking or with `await`: one line for each name.

A method has the parameters, the result and the documentation of the function that defines its operation.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from coreos_py.client.operation import Operation

P = ParamSpec("P")
T = TypeVar("T")


class Runs(Protocol):
    """What carries out operations while its caller is blocked."""

    def run(self, operation: Operation[T], /) -> T:
        """Carry out one operation."""
        ...


class RunsAsync(Protocol):
    """What carries out operations while other tasks go on."""

    async def run(self, operation: Operation[T], /) -> T:
        """Carry out one operation."""
        ...


class Blocking(Generic[P, T]):
    """A method that returns the operation's result."""

    def __init__(self, build: Callable[P, Operation[T]]) -> None:
        self.build = build

    def __get__(self, instance: Runs, owner: type) -> Callable[P, T]:
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return instance.run(self.build(*args, **kwargs))

        return update_wrapper(call, self.build)


class Awaited(Generic[P, T]):
    """A method whose result is awaited."""

    def __init__(self, build: Callable[P, Operation[T]]) -> None:
        self.build = build

    def __get__(self, instance: RunsAsync, owner: type) -> Callable[P, Coroutine[Any, Any, T]]:
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return await instance.run(self.build(*args, **kwargs))

        return update_wrapper(call, self.build)

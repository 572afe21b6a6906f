"""A watch on Trio: carries out the steps of `watching`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from coreos_py.client._connection import Connection
from coreos_py.client._wire import Head, Reply
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import AttemptError, EtcdError
from coreos_py.client.steps import Fetch, More, Open, Pause, Step, Steps, Told
from coreos_py.client.watching import accepted

if TYPE_CHECKING:
    from coreos_py.client.trio_client import Client

T = TypeVar("T")


class Watch(Generic[T]):
    """Events, or snapshots and events, as an async iterator without an end; an error ends it.

    One task at a time may ask for the next one. That may be cancelled: nothing is lost, the next time the
    watch goes on where it was. There is no task behind it. Use it in an `async with`, or `close` it.
    """

    def __init__(self, client: Client, steps: Steps[T]) -> None:
        self._client = client
        self._steps = steps
        self._step: Step[T] | None = None
        self._connection: Connection | None = None
        self._endpoint: Endpoint | None = None
        self._pause_end: float | None = None
        self._doing: trio.CancelScope | None = None
        self._is_closed = False

    async def __aenter__(self) -> Watch[T]:
        """Start: what happens from here on will be told."""
        try:
            while not isinstance(self._current(), (More, Told)):
                await self._go_on()
        except StopAsyncIteration:
            raise trio.ClosedResourceError("this watch was closed") from None
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Watch[T]:
        return self

    async def __anext__(self) -> T:
        step = self._current()
        if isinstance(step, Told):
            await trio.lowlevel.checkpoint()
        while not isinstance(step, Told):
            await self._go_on()
            step = self._current()
        self._step = self._steps.send(None)
        item: T = step.item
        return item

    def close(self) -> None:
        """End it. A task that is waiting for the next event is told that there is none."""
        self._is_closed = True
        if self._doing is not None:
            self._doing.cancel()
        self._steps.close()
        self._step = None
        self._drop()

    def _current(self) -> Step[T]:
        if self._is_closed:
            raise StopAsyncIteration
        if self._step is None:
            self._step = next(self._steps)
        return self._step

    async def _go_on(self) -> None:
        """Do what is to be done next. If that is cancelled, it is gone on with the next time."""
        if self._doing is not None:
            raise trio.BusyResourceError("another task is waiting for the next event of this watch")
        failure: EtcdError | None = None
        outcome: Head | Reply | bytes | None = None
        try:
            with trio.CancelScope() as self._doing:
                outcome = await self._do(self._current())
        except EtcdError as error:
            failure = error
        finally:
            self._doing = None
        if self._is_closed:
            # By another task, meanwhile. What that one did not see, such as a new connection, goes now.
            self._drop()
            raise StopAsyncIteration
        if failure is not None:
            self._advance(partial(self._steps.throw, failure))
        else:
            self._advance(partial(self._steps.send, outcome))

    def _advance(self, go_on: Callable[[], Step[T]]) -> None:
        try:
            self._step = go_on()
        except BaseException:
            # It is over: the steps have raised what the caller is to be told.
            self.close()
            raise

    async def _do(self, step: Step[T]) -> Head | Reply | bytes | None:
        if isinstance(step, Pause):
            # A point in time: asking again and again for a moment each must not begin it anew.
            self._pause_end = self._pause_end or trio.current_time() + step.seconds
            await trio.sleep_until(self._pause_end)
            self._pause_end = None
        elif isinstance(step, Fetch):
            return await self._client.fetch(step.request)
        elif isinstance(step, Open):
            return await self._open(step)
        elif isinstance(step, More):
            return await self._line()
        return None

    async def _open(self, step: Open) -> Head:
        self._drop()
        answer, connection = await self._client.open(step.request)
        if answer.reply.head.status != 200:
            self._client.give_back(connection)
        else:
            self._connection, self._endpoint = connection, answer.endpoint
        return accepted(answer.reply)

    async def _line(self) -> bytes | None:
        connection = self._connection
        if connection is None or not connection.alive:
            # An exception from outside has closed it, such as a keyboard interrupt.
            return None
        try:
            line = await connection.next_line()
        except AttemptError:
            self._drop()
            if self._endpoint is not None:
                self._client.suspect(self._endpoint)
            return None
        if line is None:
            self._connection = None
            self._client.give_back(connection)
        return line

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

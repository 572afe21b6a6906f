"""A blocking watch: carries out the steps of `watching`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from coreos_py.client._http import Deadline, Held
from coreos_py.client._wire import Head, Reply
from coreos_py.client.errors import AttemptError, DeadlineExceededError, EtcdError
from coreos_py.client.failover import Answer
from coreos_py.client.steps import Fetch, More, Open, Pause, Step, Steps, Told
from coreos_py.client.watching import accepted

if TYPE_CHECKING:
    from coreos_py.client.engine import Engine

T = TypeVar("T")


class BlockingWatch(Iterator[T]):
    """Events, or snapshots and events, as an iterator without an end; an error ends it.

    It has a connection of its own, so that the client can be used in between. Close it, or use it in a
    `with`.
    """

    def __init__(self, client: Engine, steps: Steps[T]) -> None:
        self._client = client
        self._steps = steps
        self._held = Held()
        self._answer: Answer | None = None
        self._step: Step[T] | None = None
        self._pause: Deadline | None = None

    def __enter__(self) -> BlockingWatch[T]:
        """Start: what happens from here on will be told."""
        try:
            while not isinstance(self._current(), (More, Told)):
                self._go_on()
        except StopIteration:
            raise ValueError("this watch was closed") from None
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> T:
        while not isinstance(step := self._current(), Told):
            self._go_on()
        self._step = self._steps.send(None)
        item: T = step.item
        return item

    def close(self) -> None:
        """End it."""
        self._steps.close()
        self._step = None
        self._held.close()

    def _current(self) -> Step[T]:
        if self._step is None:
            self._step = next(self._steps)
        return self._step

    def _go_on(self) -> None:
        """Do what is to be done next."""
        step = self._current()
        try:
            outcome = self._do(step)
        except EtcdError as error:
            if isinstance(error, DeadlineExceededError) and self._client.watch_limit.left_s() == 0:
                # The caller's time is over, not the watch: the next time it goes on here.
                raise
            self._advance(partial(self._steps.throw, error))
        else:
            self._advance(partial(self._steps.send, outcome))

    def _advance(self, go_on: Callable[[], Step[T]]) -> None:
        try:
            self._step = go_on()
        except BaseException:
            # It is over: the steps have raised what the caller is to be told.
            self.close()
            raise

    def _sleep(self, seconds: float) -> None:
        # A point in time: asking again and again for a moment each must not begin it anew.
        self._pause = self._pause or Deadline(seconds)
        pause_s = self._pause.left_s() or 0.0
        time.sleep(self._client.watch_limit.limit_s(pause_s) or 0.0)
        if self._pause.left_s():
            raise DeadlineExceededError(connected=False, sent=False)
        self._pause = None

    def _do(self, step: Step[T]) -> Head | Reply | bytes | None:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
        elif isinstance(step, Fetch):
            return self._client.fetch(step.request)
        elif isinstance(step, Open):
            self._answer = self._client.send_on(step.request, self._held, self._client.watch_limit)
            return accepted(self._answer.reply)
        elif isinstance(step, More):
            return self._line()
        return None

    def _line(self) -> bytes | None:
        assert self._answer is not None
        connection = self._held.connection
        if connection is None or not connection.is_open():
            # An exception from outside has closed it, such as a keyboard interrupt, or this is a fork.
            return None
        try:
            with self._held:
                return connection.next_line(self._client.watch_limit)
        except DeadlineExceededError:
            raise
        except AttemptError:
            self._client.suspect(self._answer.endpoint)
            return None

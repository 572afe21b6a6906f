"""The heart of the daemon: one Trio task that waits on the front's descriptor and gives it its turns."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol

import trio

from coreos_py import logs
from coreos_py._core import EngineError
from coreos_py.etcd.endpoints import router
from coreos_py.etcd.endpoints.context import Context
from coreos_py.etcd.endpoints.reply import Reply, as_json

if TYPE_CHECKING:
    from coreos_py._core import Engine, Front, Request

_LOG = logs.Log("etcd")
POISONED_STATUS = 1
TELLING_S = 0.2


class Fed(Protocol):
    """A connection whose bytes a task carries (TLS)."""

    def wake(self) -> None:
        """There is output to take."""


def end_process(reason: str) -> NoReturn:
    """End at once, running nothing that could write: after a failed sync nobody knows what is on the disk."""
    _LOG.fatal("the member cannot go on", reason=reason)
    sys.stderr.flush()
    os._exit(POISONED_STATUS)


class Driver:
    """Turns of the front, and what comes out of them: requests to answer and connections to wake. `drained`
    and `removed` are set when the last connection has gone, and when the cluster has removed this member.

    `end` is called with the reason when the engine is poisoned, after TLS clients had 0.2 s to be told. All
    methods run on the Trio thread.
    """

    def __init__(
        self,
        engine: "Engine",
        front: "Front",
        context: Context,
        nursery: trio.Nursery,
        end: Callable[[str], NoReturn] = end_process,
    ) -> None:
        self.front = front
        self.fed: dict[int, Fed] = {}
        self.drained = trio.Event()
        self.removed = trio.Event()
        self._engine = engine
        self._context = context
        self._nursery = nursery
        self._end = end
        self._next_ms = 0
        self._is_draining = False
        self._has_failed = False

    async def run(self) -> None:
        """Give turns as long as the engine can go on."""
        descriptor = self.front.fileno()
        while True:
            self.turn()
            if self._has_failed:
                return
            if self._next_ms == 0:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(descriptor)

    async def tick(self) -> None:
        """Turns that no event asks for: time limits. A task of its own is cheaper than a deadline a turn."""
        while True:
            await trio.sleep(max(self._next_ms, 1) / 1000)
            self.turn()
            self.log_lines()
            if self._engine.status()["is_removed"]:
                self.removed.set()

    def turn(self) -> None:
        """One turn; also called by whoever has just fed a connection."""
        if self._has_failed:
            return
        try:
            requests, ready, self._next_ms = self.front.turn()
        except EngineError as error:
            self._fail(str(error))
            return
        for request in requests:
            self._dispatch(request)
        for connection in ready:
            fed = self.fed.get(connection)
            if fed is not None:
                fed.wake()
        if self._is_draining and self.front.connections() == 0:
            self.drained.set()

    def _fail(self, reason: str) -> None:
        if not self.fed:
            self._end(reason)
        # The turn before has woken the tasks of those who wait. Each needs a few steps to tell them.
        self._has_failed = True
        self._nursery.start_soon(self._end_when_told, reason)

    async def _end_when_told(self, reason: str) -> None:
        await trio.sleep(TELLING_S)
        self._end(reason)

    def drain(self) -> None:
        """Take no more requests; `drained` is set when the last connection has gone."""
        self._is_draining = True
        self.front.drain()
        self.turn()

    def log_lines(self) -> None:
        """Log what the engine's threads had to say."""
        for line in self._engine.take_log_lines():
            _LOG.info(line)

    def _dispatch(self, request: "Request") -> None:
        if router.is_slow(request):
            self._nursery.start_soon(self._answer_slowly, request)
        else:
            self._respond(request, self._answer(request, self._context))

    async def _answer_slowly(self, request: "Request") -> None:
        reply = await trio.to_thread.run_sync(self._answer, request, self._context.for_a_worker())
        self._respond(request, reply)
        self.turn()

    def _answer(self, request: "Request", context: Context) -> Reply:
        try:
            return router.answer(request, context)
        except Exception as error:  # noqa: BLE001 - one endpoint's flaw must not end the member
            _LOG.error("an endpoint failed", cause=error, method=request.method, path=request.path)
            return as_json(500, {"message": "Internal Server Error"})

    def _respond(self, request: "Request", reply: Reply) -> None:
        # Before the client can have the reply: what it did is in the log by then.
        _LOG.debug(
            "request", method=request.method, path=request.path, remote=request.remote, status=reply.status
        )
        self.front.respond(request.token, reply.status, list(reply.headers), reply.body)

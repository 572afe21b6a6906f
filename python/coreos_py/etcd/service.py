"""The running member: its tasks, and how they end."""

import gc
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import trio

from coreos_py import logs
from coreos_py.etcd.accepting import accept_forever
from coreos_py.etcd.descriptors import Limits
from coreos_py.etcd.driver import Driver
from coreos_py.etcd.end_signals import EndSignals
from coreos_py.etcd.ending import DRAIN_S, guard, received, stop_at_signal
from coreos_py.etcd.endpoints.context import Context
from coreos_py.etcd.listeners import Listener, close_all
from coreos_py.etcd.notify import notify
from coreos_py.etcd.settings import Settings
from coreos_py.etcd.tls import ReloadingContext
from coreos_py.etcd.tls_connection import TlsLimits, serve_tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coreos_py._core import Engine, Front

_LOG = logs.Log("etcd")

Take = Callable[[socket.socket, str], None]


class Service:
    """Serves an open engine on bound listeners until SIGTERM, SIGINT or SIGHUP."""

    def __init__(
        self,
        settings: Settings,
        engine: "Engine",
        front: "Front",
        tls: ReloadingContext | None,
        limits: Limits,
        argv: Sequence[str],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._front = front
        self._tls = tls
        self._limits = limits
        self._context = Context(
            member=engine,
            front_counters=front.counters,
            connections=front.connections,
            now_ns=time.time_ns,
            cmdline=("etcd", *argv),
            descriptor_limit=limits.descriptors,
            request_timeout_ms=settings.request_timeout_ms,
            upstream=settings.upstream,
            is_strict=settings.strict_reconfig_check,
        )

    def run(self, clients: Sequence[Listener], environ: Mapping[str, str], signals: EndSignals) -> None:
        """Serve; returns when the member has been told to end and has answered what was running."""
        signals.keep()
        # What exists now stays: the collector need not look at it again.
        gc.freeze()
        trio.run(self._main, clients, environ, signals, strict_exception_groups=True)

    async def _main(
        self,
        clients: Sequence[Listener],
        environ: Mapping[str, str],
        end_signals: EndSignals,
    ) -> None:
        with received(end_signals) as signals:
            async with trio.open_nursery() as nursery:
                driver = Driver(self._engine, self._front, self._context, nursery)
                nursery.start_soon(driver.run)
                nursery.start_soon(driver.tick)
                accepting = trio.CancelScope()
                nursery.start_soon(self._accept, clients, driver, nursery, accepting)
                notify(environ, "READY=1\nSTATUS=serving clients")
                number = await self._end(driver, signals)
                if number:
                    _LOG.info("stopping", signal=signal.Signals(number).name)
                notify(environ, "STOPPING=1")
                accepting.cancel()
                await trio.lowlevel.checkpoint()
                close_all(clients)
                await self._hand_over(signals)
                await self._drain(driver, signals)
                nursery.cancel_scope.cancel()
        driver.log_lines()

    async def _hand_over(self, signals: "AsyncIterator[int]") -> None:
        """Nobody is to wait for an election because this member ends. A second signal cuts it short."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_at_signal, signals, nursery.cancel_scope)
            await trio.to_thread.run_sync(self._engine.hand_over, abandon_on_cancel=True)
            nursery.cancel_scope.cancel()

    async def _end(self, driver: Driver, signals: "AsyncIterator[int]") -> int:
        """Wait for a signal, or (0) for the cluster to remove this member."""
        number = 0

        async def wait_for_signal(scope: trio.CancelScope) -> None:
            nonlocal number
            number = await anext(signals)
            scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_signal, nursery.cancel_scope)
            await driver.removed.wait()
            nursery.cancel_scope.cancel()
        if not number:
            _LOG.error("the member has been permanently removed from the cluster")
            _LOG.error("the data-dir used by this member must be removed.", data_dir=self._settings.data_dir)
        return number

    async def _accept(
        self,
        clients: Sequence[Listener],
        driver: Driver,
        nursery: trio.Nursery,
        scope: trio.CancelScope,
    ) -> None:
        handshakes = trio.Semaphore(self._limits.handshakes, max_value=self._limits.handshakes)

        for listener in clients:
            self._front.yield_to(listener.socket.fileno())
        with scope:
            async with trio.open_nursery() as accepting:
                for listener in clients:
                    if listener.url.scheme == "https":
                        take_tls = self._take_tls(driver, nursery, handshakes)
                        accepting.start_soon(accept_forever, listener, take_tls, handshakes)
                    else:
                        accepting.start_soon(accept_forever, listener, self._take_plain)

    def _take_plain(self, connection: socket.socket, remote: str) -> None:
        try:
            self._front.adopt(connection.detach(), remote)
        except OSError as error:
            _LOG.debug("connection lost before it was served", remote=remote, reason=error)

    def _take_tls(self, driver: Driver, nursery: trio.Nursery, handshakes: trio.Semaphore) -> Take:
        tls = self._tls
        assert tls is not None, "https URLs are refused without certificates"
        settings = self._settings
        limits = TlsLimits(
            handshakes,
            send_s=settings.idle_timeout_ms / 1000,
            connections=self._limits.connections,
        )

        async def serve(connection: socket.socket, remote: str) -> None:
            await serve_tls(driver, connection, remote, tls.current(), limits)

        return lambda connection, remote: nursery.start_soon(guard, serve, connection, remote)

    async def _drain(self, driver: Driver, signals: "AsyncIterator[int]") -> None:
        """Answer what runs, for a while; a second signal cuts it short."""
        driver.drain()
        with trio.move_on_after(DRAIN_S) as limit:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stop_at_signal, signals, nursery.cancel_scope)
                await driver.drained.wait()
                nursery.cancel_scope.cancel()
        if limit.cancelled_caught or not driver.drained.is_set():
            _LOG.warn("connections cut off", connections=self._front.connections())

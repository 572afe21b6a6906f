"""How a serving process ends: by which signals, after how long, and not by one bad connection."""

import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import trio

from coreos_py import logs

_LOG = logs.Log("etcd")
# Longer than a write may take by default; then whoever is still there is cut off.
DRAIN_S = 8.0

Serve = Callable[[socket.socket, str], Awaitable[None]]


async def guard(serve: Serve, connection: socket.socket, remote: str) -> None:
    """Serve a connection; a flaw that shows in one of them must not end the member."""
    try:
        await serve(connection, remote)
    except Exception as error:  # noqa: BLE001 - see above
        _LOG.error("a connection failed", cause=error, remote=remote)


def end_signals() -> tuple[signal.Signals, ...]:
    """What ends the member. A hang-up does not when it is ignored already: that is what `nohup` is for."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return (signal.SIGTERM, signal.SIGINT)
    return (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def stop_at_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """Not at another hang-up: when a terminal goes, shell and kernel both send one."""
    async for number in signals:
        if number != signal.SIGHUP:
            scope.cancel()
            return

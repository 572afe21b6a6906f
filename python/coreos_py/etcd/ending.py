"""How a serving process ends: when it is told to, after how long, and not by one bad connection."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import trio

from coreos_py import logs
from coreos_py.etcd.end_signals import EndSignals

_LOG = logs.Log("etcd")
# Longer than a write may take by default; then whoever is still there is cut off.
DRAIN_S = 8.0
# The first one ends the process, another cuts that short: what comes beyond says nothing new.
_SIGNALS_MAX = 16

Serve = Callable[[socket.socket, str], Awaitable[None]]


async def guard(serve: Serve, connection: socket.socket, remote: str) -> None:
    """Serve a connection; a flaw that shows in one of them must not end the member."""
    try:
        await serve(connection, remote)
    except Exception as error:  # noqa: BLE001 - see above
        _LOG.error("a connection failed", cause=error, remote=remote)


@contextlib.contextmanager
def received(signals: EndSignals) -> Iterator[AsyncIterator[int]]:
    """The numbers, in Trio, while the context lasts; afterwards they are kept."""
    send, receive = trio.open_memory_channel[int](_SIGNALS_MAX)
    token = trio.lowlevel.current_trio_token()

    def pass_on(number: int) -> None:
        with contextlib.suppress(trio.WouldBlock):
            send.send_nowait(number)

    signals.pass_to(lambda number: token.run_sync_soon(pass_on, number))
    try:
        yield receive
    finally:
        signals.keep()


async def stop_at_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """Not at another hang-up: when a terminal goes, shell and kernel both send one."""
    async for number in signals:
        if number != signal.SIGHUP:
            scope.cancel()
            return

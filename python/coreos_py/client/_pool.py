"""Opening connections on Trio, and keeping the few that are at rest."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable

import trio

from coreos_py.client._connection import Connection, Limits, system_text
from coreos_py.client._tls import handshake_failure
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import AttemptError, DeadlineExceededError

_REST_MAX = 8
"""Connections at rest to one endpoint; more are closed when they have done their work."""


async def connect(endpoint: Endpoint, tls: Callable[[], ssl.SSLContext], limits: Limits) -> Connection:
    """Open a connection. Raises `AttemptError`."""
    raw: trio.SocketStream | None = None
    where = f"dial tcp {endpoint.authority}"
    try:
        with trio.CancelScope(deadline=limits.try_end()):
            raw = await trio.open_tcp_stream(endpoint.host, endpoint.port)
    except socket.gaierror as error:
        reason = f"dial tcp: lookup {endpoint.host}: no such host"
        raise AttemptError(reason, connected=False, sent=False) from error
    except UnicodeError as error:
        reason = f"dial tcp: lookup {endpoint.host}: no such host"
        raise AttemptError(reason, connected=False, sent=False) from error
    except OSError as error:
        reason = f"{where}: connect: {_refusal(error)}"
        raise AttemptError(reason, connected=False, sent=False) from error
    if raw is None:
        if limits.is_over():
            raise DeadlineExceededError(connected=False, sent=False)
        raise AttemptError(f"{where}: i/o timeout", connected=False, sent=False)
    try:
        _keep_alive(raw)
        if endpoint.scheme == "http":
            return Connection(endpoint, raw, raw)
        return Connection(endpoint, raw, await _secure(raw, endpoint, tls, limits))
    except BaseException:
        raw.socket.close()
        raise


async def _secure(
    raw: trio.SocketStream, endpoint: Endpoint, tls: Callable[[], ssl.SSLContext], limits: Limits
) -> trio.SSLStream[trio.SocketStream]:
    # Without a farewell at the end, as all HTTP goes: the length of a body says whether it is whole.
    stream = trio.SSLStream(raw, tls(), server_hostname=endpoint.host, https_compatible=True)
    try:
        with trio.CancelScope(deadline=limits.try_end()) as scope:
            await stream.do_handshake()
    except (trio.BrokenResourceError, OSError) as error:
        cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
        reason = handshake_failure(cause) if isinstance(cause, OSError) else "EOF"
        raise AttemptError(reason, connected=True, sent=False) from error
    if scope.cancelled_caught:
        if limits.is_over():
            raise DeadlineExceededError(connected=True, sent=False)
        raise AttemptError("net/http: TLS handshake timeout", connected=True, sent=False)
    return stream


def _keep_alive(raw: trio.SocketStream) -> None:
    """A watch may be silent for days: a server that lost its power is noticed after about a minute."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def _refusal(error: OSError) -> str:
    """The reason of the last address: Trio tries all, and puts what went wrong into a group."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[-1]
    found = cause if isinstance(cause, OSError) else error
    # Trio's own text has the address once more.
    return os.strerror(found.errno).lower() if found.errno else system_text(found)


class Pool:
    """Connections at rest, to be used again, the one that rested last first."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._resting: dict[Endpoint, list[Connection]] = {}
        self._is_closed = False

    async def take(self, endpoint: Endpoint, limits: Limits, *, is_fresh: bool) -> Connection:
        """A connection that nobody else uses. Raises `AttemptError`."""
        resting = self._resting.get(endpoint, [])
        while resting and not is_fresh:
            connection = resting.pop()
            if connection.is_fit():
                return connection
            connection.close()
        return await connect(endpoint, self._tls, limits)

    def give_back(self, connection: Connection) -> None:
        """Done with it: it rests, or is closed when it cannot be used again."""
        resting = self._resting.setdefault(connection.endpoint, [])
        if connection.alive and not self._is_closed and len(resting) < _REST_MAX:
            resting.append(connection)
        else:
            connection.close()

    def open(self) -> None:
        """Let connections rest from now on; so it is at first."""
        self._is_closed = False

    def close(self) -> None:
        """Close all that rest, and every other one when it is given back."""
        self._is_closed = True
        for connections in self._resting.values():
            for connection in connections:
                connection.close()
        self._resting.clear()

"""One HTTP/1.1 connection on Trio, and the few that a client keeps."""

from __future__ import annotations

import math
import os
import select
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

import trio

from coreos_py.client._tls import handshake_failure
from coreos_py.client._wire import Reply, ReplyReader, encode_request
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import (
    AttemptError,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidReplyError,
)
from coreos_py.client.requests import Request

_RECEIVE_BYTES = 256 * 1024
_REST_MAX = 8
"""Connections at rest to one endpoint; more are closed when they have done their work."""


class Limits(NamedTuple):
    """`try_s` for each of connecting and waiting for headers; `end` of everything on Trio's clock."""

    try_s: float
    end: float

    def try_end(self) -> float:
        """When a try that begins now is over."""
        return min(self.end, trio.current_time() + self.try_s)

    def is_over(self) -> bool:
        """Whether there is no time left at all."""
        return trio.current_time() >= self.end


class Connection:
    """An open connection; at rest it can carry another request while `alive`."""

    def __init__(self, endpoint: Endpoint, raw: trio.SocketStream, stream: trio.abc.Stream) -> None:
        self.endpoint = endpoint
        self.alive = True
        self._reused = False
        self._reader = ReplyReader()
        self._raw = raw
        self._stream = stream

    def close(self) -> None:
        """Close it at once, without a farewell; closing twice is fine."""
        self.alive = False
        self._raw.socket.close()

    def is_fit(self) -> bool:
        """Whether it can carry another request, as far as can be seen: an end at rest makes it readable."""
        if not self.alive:
            return False
        poll = select.poll()
        poll.register(self._raw.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    async def exchange(self, request: Request, headers: dict[str, str], limits: Limits) -> Reply:
        """Send one request and wait for its whole reply, or for the headers only of a watch that is accepted.

        Raises `AttemptError`; after that, or when it is cancelled, the connection is closed.
        """
        path = self.endpoint.base + request.target
        data = encode_request(
            request.method, path, self.endpoint.authority, headers, request.form, request.content_type
        )
        self._reader = reader = ReplyReader()
        is_whole = False
        refused: OSError | None = None
        try:
            with trio.CancelScope(deadline=limits.end if request.is_wait else limits.try_end()) as scope:
                refused = await self._send(data)
                while not reader.done:
                    received = await self._stream.receive_some(_RECEIVE_BYTES)
                    if not received and refused is not None and not reader.started:
                        raise refused
                    reader.feed(bytes(received))
                    if reader.head is not None:
                        scope.deadline = limits.end
                        if request.is_wait and reader.head.status == 200:
                            break
                is_whole = True
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError, InvalidReplyError) as error:
            raise self._lost(error, refused) from error
        finally:
            if not is_whole:
                self.close()
        if not is_whole:
            raise self._late(limits)
        assert reader.head is not None
        self._reused = True
        if reader.done:
            self._rest()
        return Reply(reader.head, b"" if request.is_wait and reader.head.status == 200 else reader.body)

    async def next_line(self) -> bytes | None:
        """The next line of a watch's body; None when it has ended as it should.

        Raises `AttemptError`; after that, or when it is cancelled, the connection is closed.
        """
        is_read = False
        try:
            while (line := self._reader.take_line()) is None and not self._reader.done:
                self._reader.feed(bytes(await self._stream.receive_some(_RECEIVE_BYTES)))
            is_read = True
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError, InvalidReplyError) as error:
            raise self._lost(error) from error
        finally:
            if not is_read:
                self.close()
        if line is None:
            self._rest()
        return line

    def _rest(self) -> None:
        if not self._reader.keeps_alive:
            self.close()

    async def _send(self, data: bytes) -> OSError | None:
        """Send everything. The failure of one that is refused early is returned: its answer may be there."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, (BrokenPipeError, ConnectionResetError)):
                return error.__cause__
            raise
        return None

    def _late(self, limits: Limits) -> AttemptError:
        if limits.is_over():
            return DeadlineExceededError(connected=True, sent=True)
        reason = f"client: endpoint {self.endpoint.url} exceeded header timeout"
        return AttemptError(reason, connected=True, sent=True, answered=self._reader.head is not None)

    def _lost(self, error: Exception, refused: OSError | None = None) -> AttemptError:
        reader = self._reader
        # A TLS stream on which sending failed says nothing more than that when it is read.
        cause = (error.__cause__ or refused) if isinstance(error, trio.BrokenResourceError) else error
        if isinstance(cause, OSError):
            # A server that refuses our certificate tells so, with TLS 1.3, only at the first read.
            reason = handshake_failure(cause) if self.endpoint.scheme == "https" else system_text(cause)
        else:
            reason = str(cause or error) or "the connection broke"
        if reader.started:
            return AttemptError(reason, connected=True, sent=True, answered=reader.head is not None)
        return ConnectionLostError(reason, reused=self._reused)


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


def system_text(error: OSError) -> str:
    """The system's words for an error."""
    return (error.strerror or str(error)).lower()


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

    def close(self) -> None:
        """Close all that rest, and every other one when it is given back."""
        self._is_closed = True
        for connections in self._resting.values():
            for connection in connections:
                connection.close()
        self._resting.clear()


def limits_of(timeout_s: float | None, total_s: float | None) -> Limits:
    """Limits that begin now; None for none."""
    end = math.inf if total_s is None else trio.current_time() + total_s
    return Limits(math.inf if timeout_s is None else timeout_s, end)

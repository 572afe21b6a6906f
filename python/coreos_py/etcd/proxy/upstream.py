"""Connections to members, and one exchange on them."""

import math
import os
import select
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import h11
import trio

from coreos_py.client.endpoints import Endpoint
from coreos_py.etcd.proxy.headers import Headers

_RECEIVE_BYTES = 64 * 1024
# At rest to one member; more are closed when they have done their work.
_REST_MAX = 64

Stream = trio.abc.Stream


class MemberError(Exception):
    """A member gave no answer. `was_sent`: it may have got the request, and may carry it out."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class CutError(Exception):
    """A reply ended in the middle."""


class _Connection:
    def __init__(self, endpoint: Endpoint, raw: trio.SocketStream, stream: Stream) -> None:
        self.endpoint = endpoint
        self.wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        self.raw = raw
        self.stream = stream

    def is_fit(self) -> bool:
        """Whether it can carry another request, as far as can be seen: an end at rest makes it readable."""
        poll = select.poll()
        poll.register(self.raw.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self.raw.socket.close()


class Answer:
    """A member's reply; the body is read piece by piece, as it comes."""

    def __init__(self, connection: _Connection, head: h11.Response, read_s: float) -> None:
        self.status = head.status_code
        self.reason = bytes(head.reason)
        self.headers: Headers = list(head.headers.raw_items())
        self._connection = connection
        self._read_s = read_s

    async def next_piece(self) -> bytes | None:
        """The next piece of the body, None at its end. Raises CutError."""
        while True:
            try:
                event = await _next_event(self._connection, self._read_s)
            except _BROKEN as error:
                raise CutError(_text(error)) from error
            if isinstance(event, h11.EndOfMessage):
                return None
            if isinstance(event, h11.Data):
                return bytes(event.data)
            raise CutError("the connection ended")


_BROKEN = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
    h11.RemoteProtocolError,
    OSError,
)


class Upstream:
    """Connections to members, kept for further requests. Times in seconds, infinity for no limit."""

    def __init__(self, tls: ssl.SSLContext, *, dial_s: float, write_s: float, read_s: float) -> None:
        self._tls = tls
        self._dial_s = dial_s
        self._write_s = write_s
        self._read_s = read_s
        self._resting: dict[Endpoint, list[_Connection]] = {}

    @asynccontextmanager
    async def exchange(
        self, endpoint: Endpoint, method: bytes, target: bytes, headers: Headers, body: bytes
    ) -> AsyncIterator[Answer]:
        """Send a request; the reply's head has come when this is entered. Raises MemberError.

        Whatever happens before the body has been read to its end closes the connection to the member.
        """
        connection = self._take(endpoint) or await self._connect(endpoint)
        is_whole = False
        try:
            yield await self._ask(connection, method, target, headers, body)
            is_whole = connection.wire.our_state is h11.DONE and connection.wire.their_state is h11.DONE
        finally:
            if is_whole:
                self._rest(connection)
            else:
                connection.close()

    def keep_only(self, endpoints: Collection[Endpoint]) -> None:
        """Close those at rest to anybody else."""
        for endpoint in [one for one in self._resting if one not in endpoints]:
            for connection in self._resting.pop(endpoint):
                connection.close()

    def close(self) -> None:
        """Close those at rest."""
        self.keep_only(())

    def _take(self, endpoint: Endpoint) -> _Connection | None:
        resting = self._resting.get(endpoint, [])
        while resting:
            connection = resting.pop()
            if connection.is_fit():
                return connection
            connection.close()
        return None

    def _rest(self, connection: _Connection) -> None:
        connection.wire.start_next_cycle()
        resting = self._resting.setdefault(connection.endpoint, [])
        if len(resting) < _REST_MAX:
            resting.append(connection)
        else:
            connection.close()

    async def _connect(self, endpoint: Endpoint) -> _Connection:
        raw: trio.SocketStream | None = None
        try:
            with trio.fail_after(self._dial_s):
                raw = await trio.open_tcp_stream(endpoint.host, endpoint.port)
                if endpoint.scheme == "http":
                    return _Connection(endpoint, raw, raw)
                secure = trio.SSLStream(raw, self._tls, server_hostname=endpoint.host, https_compatible=True)
                await secure.do_handshake()
                return _Connection(endpoint, raw, secure)
        except BaseException as error:
            if raw is not None:
                raw.socket.close()
            if isinstance(error, (*_BROKEN, UnicodeError)):
                raise MemberError(_text(error), was_sent=False) from error
            raise

    async def _ask(
        self, connection: _Connection, method: bytes, target: bytes, headers: Headers, body: bytes
    ) -> Answer:
        wire = connection.wire
        data = wire.send(h11.Request(method=method, target=target, headers=headers)) or b""
        if body:
            data += wire.send(h11.Data(data=body)) or b""
        data += wire.send(h11.EndOfMessage()) or b""
        try:
            with trio.fail_after(self._write_s):
                await connection.stream.send_all(data)
            while True:
                event = await _next_event(connection, self._read_s)
                if isinstance(event, h11.Response):
                    return Answer(connection, event, self._read_s)
                if not isinstance(event, h11.InformationalResponse):
                    raise MemberError("it closed the connection without an answer", was_sent=True)
        except _BROKEN as error:
            raise MemberError(_text(error), was_sent=True) from error


async def _next_event(connection: _Connection, read_s: float) -> object:
    while (event := connection.wire.next_event()) is h11.NEED_DATA:
        with trio.fail_after(read_s):
            data = await connection.stream.receive_some(_RECEIVE_BYTES)
        connection.wire.receive_data(bytes(data))
    return event


def seconds(milliseconds: int) -> float:
    """A limit of a flag: 0 is none."""
    return milliseconds / 1000 if milliseconds else math.inf


def _text(error: BaseException) -> str:
    """What the system or the TLS library says, which Trio puts below an error or a group of its own."""
    if isinstance(error, trio.TooSlowError):
        return "no answer in time"
    cause = error
    while inner := cause.exceptions[-1] if isinstance(cause, BaseExceptionGroup) else cause.__cause__:
        cause = inner
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
        return os.strerror(cause.errno)
    return str(cause) or type(cause).__name__

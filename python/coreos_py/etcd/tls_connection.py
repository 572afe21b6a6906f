"""One TLS client: a Trio task that carries bytes between the encrypted stream and the front."""

import socket
import ssl
from dataclasses import dataclass

import trio

from coreos_py import logs
from coreos_py.etcd.driver import Driver
from coreos_py.etcd.tls_transport import TlsTransport

_LOG = logs.Log("etcd")
HANDSHAKE_S = 10.0
_LINGER_S = 2.0
_CHUNK_BYTES = 64 * 1024
# What Go's library answers, without headers.
_PLAIN_TEXT = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

TlsStream = trio.SSLStream[TlsTransport]


@dataclass(frozen=True, slots=True)
class TlsLimits:
    """What a client may cost.

    `handshakes` are places of connections that are no client's yet. A client that takes nothing for `send_s`
    is dropped. `connections` is the front's limit, for the refusal's text.
    """

    handshakes: trio.Semaphore
    send_s: float
    connections: int


async def serve_tls(
    driver: Driver, connection: socket.socket, remote: str, context: ssl.SSLContext, limits: TlsLimits
) -> None:
    """Serve an accepted connection until either side ends it. Takes ownership of the socket and its place."""
    transport = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
    try:
        try:
            client = await _admit(driver, transport, remote, context, limits)
        finally:
            limits.handshakes.release()
        if client is not None:
            await client.run()
    except* (trio.BrokenResourceError, trio.ClosedResourceError) as lost:
        _LOG.debug("TLS connection lost", remote=remote, reason=[e.__cause__ or e for e in lost.exceptions])
    finally:
        await trio.aclose_forcefully(transport)


async def _admit(
    driver: Driver, transport: trio.SocketStream, remote: str, context: ssl.SSLContext, limits: TlsLimits
) -> "_Connection | None":
    """From an accepted socket to a connection of the front, or to a refusal."""
    stream = await handshake(transport, remote, context)
    if stream is None:
        return None
    try:
        number = driver.front.open_fed(remote, _common_name(stream))
    except OSError as error:
        _LOG.debug("connection refused", remote=remote, reason=error)
        with trio.move_on_after(_LINGER_S):
            await stream.send_all(_refusal(limits.connections))
        await _say_goodbye(stream, remote)
        return None
    return _Connection(driver, stream, remote, number, limits)


def _common_name(stream: TlsStream) -> str | None:
    """The client's name in its certificate, of several the last as in Go; None without a verified one."""
    subject = (stream.getpeercert() or {}).get("subject", ())
    names = [text for part in subject for key, text in part if key == "commonName"]
    return names[-1] if names else None


def _refusal(connections: int) -> bytes:
    text = f"too many connections: the limit is {connections} (--max-connections)\n"
    return (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}"
    ).encode()


async def handshake(transport: trio.SocketStream, remote: str, context: ssl.SSLContext) -> TlsStream | None:
    """A session with a client that speaks TLS in time; any other is told what is wrong, if it can be."""
    with trio.move_on_after(HANDSHAKE_S):
        try:
            first = await transport.socket.recv(1, socket.MSG_PEEK)
        except OSError as error:
            raise trio.BrokenResourceError from error
        if first.isalpha():
            # A TLS record begins with a small number, a method with a letter.
            await transport.send_all(_PLAIN_TEXT)
            await _linger(transport)
            return None
        stream = trio.SSLStream(TlsTransport(transport), context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as error:
            _LOG.debug("TLS handshake failed", remote=remote, reason=error.__cause__)
            return None
        return stream
    _LOG.debug("TLS handshake took too long", remote=remote, limit_s=HANDSHAKE_S)
    return None


async def _say_goodbye(stream: TlsStream, remote: str) -> None:
    # A session whose client answers the goodbye gives its transport up.
    transport = stream.transport_stream.stream
    with trio.move_on_after(_LINGER_S):
        try:
            await stream.unwrap()
        except trio.BrokenResourceError as error:
            # Usual: it has more to say, or is gone.
            _LOG.debug("TLS client did not say goodbye", remote=remote, reason=error.__cause__)
        await _linger(transport)


async def _linger(transport: trio.SocketStream) -> None:
    """Wait until the client has seen our end: closing with its bytes unread would take the reply back."""
    with trio.move_on_after(_LINGER_S):
        await transport.send_eof()
        while await transport.receive_some(_CHUNK_BYTES):
            pass


class _Connection:
    def __init__(
        self, driver: Driver, stream: TlsStream, remote: str, number: int, limits: TlsLimits
    ) -> None:
        self._driver = driver
        self._front = driver.front
        self._stream = stream
        self._remote = remote
        self._send_s = limits.send_s
        self._id = number
        self._has_output = trio.Event()
        self._has_answered = trio.Event()

    def wake(self) -> None:
        """The front has output."""
        self._has_output.set()

    async def run(self) -> None:
        self._driver.fed[self._id] = self
        try:
            transport = self._stream.transport_stream
            transport.keeps_end = True
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive)
                nursery.start_soon(self._notice_end, transport)
                await self._send()
                nursery.cancel_scope.cancel()
            transport.keeps_end = False
            await _say_goodbye(self._stream, self._remote)
        finally:
            del self._driver.fed[self._id]
            self._front.close_fed(self._id)
            self._driver.turn()

    async def _receive(self) -> None:
        while True:
            data = await self._stream.receive_some(_CHUNK_BYTES)
            self._feed(data)
            if not data:
                return
            while not self._front.takes_input(self._id):
                self._has_answered = trio.Event()
                await self._has_answered.wait()

    async def _notice_end(self, transport: TlsTransport) -> None:
        # The session asks its transport for more only when everything before has been read out of it.
        await transport.ended.wait()
        self._feed(b"")

    def _feed(self, data: bytes | bytearray) -> None:
        self._front.feed(self._id, bytes(data))
        self._driver.turn()

    async def _send(self) -> None:
        while True:
            data, is_last = self._front.take_output(self._id)
            if data:
                with trio.move_on_after(self._send_s) as limit:
                    await self._stream.send_all(data)
                if limit.cancelled_caught:
                    raise trio.BrokenResourceError(f"the client took nothing for {self._send_s} s")
                self._has_answered.set()
            if is_last:
                return
            if not data:
                await self._has_output.wait()
                self._has_output = trio.Event()

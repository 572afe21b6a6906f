"""One TLS client: a Trio task that carries bytes between the encrypted stream and the front."""

import socket
import ssl

import trio

from coreos_py import logs
from coreos_py.etcd.driver import Driver

_LOG = logs.Log("etcd")
HANDSHAKE_S = 10.0
_LINGER_S = 2.0
_CHUNK_BYTES = 64 * 1024
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
# What Go's library answers, without headers.
_PLAIN_TEXT = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

TlsStream = trio.SSLStream[trio.SocketStream]


async def serve_tls(
    driver: Driver,
    connection: socket.socket,
    remote: str,
    context: ssl.SSLContext,
    *,
    unanswered_bytes_max: int,
    send_s: float,
) -> None:
    """Serve an accepted connection until either side ends it. Takes ownership of the socket.

    Reading pauses while `unanswered_bytes_max` have come in without any output; a client that takes nothing
    for `send_s` is dropped.
    """
    transport = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
    try:
        stream = await _handshake(transport, remote, context)
        if stream is not None:
            await _Connection(driver, stream, remote, unanswered_bytes_max, send_s).run()
    except* (trio.BrokenResourceError, trio.ClosedResourceError) as lost:
        _LOG.debug("TLS connection lost", remote=remote, reason=[e.__cause__ or e for e in lost.exceptions])
    finally:
        await trio.aclose_forcefully(transport)


async def _handshake(transport: trio.SocketStream, remote: str, context: ssl.SSLContext) -> TlsStream | None:
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
        stream = trio.SSLStream(transport, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as error:
            _LOG.debug("TLS handshake failed", remote=remote, reason=error.__cause__)
            return None
        return stream
    _LOG.debug("TLS handshake took too long", remote=remote, limit_s=HANDSHAKE_S)
    return None


async def _linger(transport: trio.SocketStream) -> None:
    """Wait until the client has seen our end: closing with its bytes unread would take the reply back."""
    with trio.move_on_after(_LINGER_S):
        await transport.send_eof()
        while await transport.receive_some(_CHUNK_BYTES):
            pass


class _Connection:
    def __init__(
        self, driver: Driver, stream: TlsStream, remote: str, unanswered_bytes_max: int, send_s: float
    ) -> None:
        self._driver = driver
        self._front = driver.front
        self._stream = stream
        self._remote = remote
        self._unanswered_bytes_max = unanswered_bytes_max
        self._send_s = send_s
        self._id = -1
        self._has_output = trio.Event()
        self._has_answered = trio.Event()
        self._unanswered_bytes = 0

    def wake(self) -> None:
        """The front has output."""
        self._has_output.set()

    async def run(self) -> None:
        try:
            self._id = self._front.open_fed(self._remote)
        except OSError as error:
            _LOG.debug("connection refused", remote=self._remote, reason=error)
            await self._stream.send_all(_FULL)
            await _linger(self._stream.transport_stream)
            return
        self._driver.fed[self._id] = self
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive)
                await self._send()
                nursery.cancel_scope.cancel()
            await self._say_goodbye()
        finally:
            del self._driver.fed[self._id]
            self._front.close_fed(self._id)
            self._driver.turn()

    async def _receive(self) -> None:
        while True:
            data = await self._stream.receive_some(_CHUNK_BYTES)
            self._unanswered_bytes += len(data)
            self._front.feed(self._id, bytes(data))
            self._driver.turn()
            if not data:
                return
            while self._unanswered_bytes > self._unanswered_bytes_max:
                self._has_answered = trio.Event()
                await self._has_answered.wait()

    async def _send(self) -> None:
        while True:
            data, is_last = self._front.take_output(self._id)
            if data:
                with trio.move_on_after(self._send_s) as limit:
                    await self._stream.send_all(data)
                if limit.cancelled_caught:
                    raise trio.BrokenResourceError(f"the client took nothing for {self._send_s} s")
                self._unanswered_bytes = 0
                self._has_answered.set()
            if is_last:
                return
            if not data:
                await self._has_output.wait()
                self._has_output = trio.Event()

    async def _say_goodbye(self) -> None:
        with trio.move_on_after(_LINGER_S):
            try:
                await self._stream.unwrap()
            except trio.BrokenResourceError as error:
                # Usual: it has more to say, or is gone.
                _LOG.debug("TLS client did not say goodbye", remote=self._remote, reason=error.__cause__)
            await _linger(self._stream.transport_stream)

"""What a TLS session of the server runs on: a TCP stream whose end can be kept from the session."""

import trio


class TlsTransport(trio.abc.HalfCloseableStream):
    """A socket stream that, once told so, does not end for its reader when the client stops sending.

    A client may end its half of the connection without the farewell of TLS, and still read. Trio's session
    takes that for broken and sends no more: replies would be lost. So the end is kept from it: `ended` is set
    instead, and whoever reads waits until it is cancelled.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.ended = trio.Event()
        self.keeps_end = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See Trio; never returns the end while `keeps_end`."""
        data = await self.stream.receive_some(max_bytes)
        if self.keeps_end and not data:
            self.ended.set()
            await trio.sleep_forever()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See Trio."""
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See Trio."""
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """See Trio."""
        await self.stream.send_eof()

    async def aclose(self) -> None:
        """See Trio."""
        await self.stream.aclose()

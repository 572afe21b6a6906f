"""One HTTP/1.1 connection on Trio."""

from __future__ import annotations

import math
import select
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
        if request.is_wait and reader.head.status == 200:
            # All of it may have come together; `next_line` gives it, and lets the connection rest after it.
            return Reply(reader.head, b"")
        self._rest()
        return Reply(reader.head, reader.body)

    async def next_line(self) -> bytes | None:
        """The next line of a watch's body; None when it has ended as it should.

        Raises `AttemptError`; after that the connection is closed. It may be cancelled and called again:
        receiving is either done or has taken nothing, and what came before waits in the reader.
        """
        try:
            while (line := self._reader.take_line()) is None and not self._reader.done:
                self._reader.feed(bytes(await self._stream.receive_some(_RECEIVE_BYTES)))
        except trio.Cancelled:
            raise
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError, InvalidReplyError) as error:
            self.close()
            raise self._lost(error) from error
        except BaseException:
            self.close()
            raise
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


def system_text(error: OSError) -> str:
    """The system's words for an error."""
    return (error.strerror or str(error)).lower()


def limits_of(timeout_s: float | None, total_s: float | None) -> Limits:
    """Limits that begin now; None for none."""
    end = math.inf if total_s is None else trio.current_time() + total_s
    return Limits(math.inf if timeout_s is None else timeout_s, end)

"""One client's connection: requests in, replies out, one at a time."""

import re
from dataclasses import dataclass
from email.utils import formatdate

import h11
import trio

from coreos_py import logs
from coreos_py.etcd.endpoints.reply import Reply, as_text
from coreos_py.etcd.proxy.forwarding import Answer, Incoming
from coreos_py.etcd.proxy.headers import Headers
from coreos_py.etcd.proxy.upstream import CutError

_LOG = logs.Log("etcd")
_RECEIVE_BYTES = 64 * 1024
_LINGER_S = 2.0
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_CLIENT_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What a client may cost: bytes, and seconds. `send_s` is how long it may take nothing."""

    head_bytes: int
    body_bytes: int
    idle_s: float
    request_s: float
    send_s: float


class _Refused(Exception):
    """The request cannot be read further; the one argument is the reply, after which the connection ends."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Downstream:
    """A connection from its first request to its end. `remote` is the address without the port."""

    def __init__(self, stream: trio.abc.Stream, remote: str, limits: ClientLimits, answer: Answer) -> None:
        self._stream = stream
        self._remote = remote
        self._limits = limits
        self._answer = answer
        self._wire = self._new_wire()
        # Bytes of a request's first line, until it is whole and h11 has it.
        self._line = bytearray()
        self._has_line = False
        self._has_ended = False
        self._is_head = False
        self._waiting: trio.CancelScope | None = None
        self._is_draining = False

    def drain(self) -> None:
        """End as soon as the reply that is due has been sent; what only waits ends now."""
        self._is_draining = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def run(self) -> None:
        """Serve until either side ends it. Raises trio.BrokenResourceError."""
        while not self._is_draining:
            try:
                request = await self._next_request()
            except _Refused as refused:
                await self.reply(refused.reply, [(b"Connection", b"close")])
                await self._linger()
                return
            if request is None or not await self._serve(request):
                return
            if self._wire.our_state is not h11.DONE or self._wire.their_state is not h11.DONE:
                await self._linger()
                return
            self._begin_anew()

    async def _next_request(self) -> Incoming | None:
        """The next request with its body; None when there is none any more, or not in time."""
        head: h11.Request | None = None
        body: list[bytes] = []
        size = 0
        self._is_head = False
        # One that has begun has to be here soon.
        limit_s = self._limits.request_s if self._has_begun else self._limits.idle_s
        with trio.CancelScope(deadline=trio.current_time() + limit_s) as scope:
            self._waiting = scope
            try:
                while True:
                    event = await self._event(scope)
                    if isinstance(event, h11.Request):
                        head = event
                    elif isinstance(event, h11.Data):
                        size += len(event.data)
                        if size > self._limits.body_bytes:
                            raise _Refused(self._too_long())
                        body.append(bytes(event.data))
                    elif isinstance(event, h11.EndOfMessage):
                        assert head is not None, "h11 gives the head first"
                        return self._incoming(head, b"".join(body))
                    else:
                        return None
            finally:
                self._waiting = None
        return None

    async def _event(self, scope: trio.CancelScope) -> object:
        try:
            while (event := self._wire.next_event()) is h11.NEED_DATA:
                if self._wire.they_are_waiting_for_100_continue:
                    await self._send(
                        h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                    )
                if self._has_ended:
                    return None
                data = await self._stream.receive_some(_RECEIVE_BYTES)
                if data and not self._has_begun:
                    scope.deadline = min(scope.deadline, trio.current_time() + self._limits.request_s)
                self._take(bytes(data))
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            text = f"{str(error) or 'not an HTTP request'}\n"
            if status == 431:
                text = (
                    f"the headers are too long: the limit is {self._limits.head_bytes} (--max-head-bytes)\n"
                )
            raise _Refused(as_text(status, text)) from error
        if isinstance(event, h11.Request):
            length = next((int(v) for n, v in event.headers if n == b"content-length"), 0)
            if length > self._limits.body_bytes:
                raise _Refused(self._too_long())
        return event

    @property
    def _has_begun(self) -> bool:
        return self._has_line or bool(self._line)

    def _new_wire(self) -> h11.Connection:
        return h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head_bytes)

    def _begin_anew(self) -> None:
        """For the next request. What has come of it already is looked at as its beginning."""
        come = self._wire.trailing_data[0]
        self._wire = self._new_wire()
        self._has_line = False
        if come:
            self._take(bytes(come))
        if self._has_ended:
            self._take(b"")

    def _take(self, data: bytes) -> None:
        """Give h11 what was received, none for the end.

        It takes nothing but ASCII in a request line. Servers of etcd do, and people type such keys.
        """
        self._has_ended = self._has_ended or not data
        if not self._has_line:
            self._line += data
            end = self._line.find(b"\n") + 1
            if not end and data and len(self._line) <= self._limits.head_bytes:
                return
            self._has_line = True
            line = _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], bytes(self._line[:end]))
            self._wire.receive_data(line + bytes(self._line[end:]))
            self._line.clear()
            if data:
                return
        self._wire.receive_data(data)

    def _too_long(self) -> Reply:
        limit = self._limits.body_bytes
        return as_text(413, f"the body is too long: the limit is {limit} bytes (--max-body-bytes)\n")

    def _incoming(self, head: h11.Request, body: bytes) -> Incoming:
        self._is_head = head.method == b"HEAD"
        names = {name for name, _ in head.headers}
        has_body = bool({b"content-length", b"transfer-encoding"} & names)
        target = bytes(head.target)
        if target.lower().startswith(b"http://"):
            # The form for proxies of another kind; the place is ours in any case.
            target = b"/" + target[len("http://") :].partition(b"/")[2]
        return Incoming(
            bytes(head.method),
            target,
            list(head.headers.raw_items()),
            body if has_body else None,
            self._remote,
        )

    async def _serve(self, request: Incoming) -> bool:
        """Answer one request; whether the connection can go on."""
        is_answered = False
        async with trio.open_nursery() as nursery:
            if request.is_wait:
                self._waiting = nursery.cancel_scope
            nursery.start_soon(self._notice_end, request.is_wait, nursery.cancel_scope)
            try:
                await self._answer(request, self)
                is_answered = True
            except CutError:
                # What has been sent of the reply cannot be finished: the end of the connection says so.
                _LOG.debug("reply cut off", remote=self._remote)
            nursery.cancel_scope.cancel()
        self._waiting = None
        return is_answered

    async def _notice_end(self, is_wait: bool, scope: trio.CancelScope) -> None:
        """End a request whose client is gone. What it sends meanwhile is kept, to a point."""
        kept = 0
        while not self._has_ended and kept <= _RECEIVE_BYTES:
            try:
                data = await self._stream.receive_some(_RECEIVE_BYTES)
            except _CLIENT_GONE:
                scope.cancel()
                return
            kept += len(data)
            self._take(bytes(data))
        if self._has_ended and is_wait:
            scope.cancel()

    async def reply(self, reply: Reply, headers: Headers) -> None:
        """See Outgoing."""
        own = [(name.encode(), value.encode()) for name, value in reply.headers]
        own += [*headers, (b"Date", formatdate(usegmt=True).encode())]
        own.append((b"Content-Length", b"%d" % len(reply.body)))
        await self.begin(reply.status, b"", own)
        if not self._is_head and reply.body:
            await self.piece(reply.body)
        await self.end()

    async def begin(self, status: int, reason: bytes, headers: Headers) -> None:
        """See Outgoing."""
        if self._is_draining and not any(name.lower() == b"connection" for name, _ in headers):
            headers = [*headers, (b"Connection", b"close")]
        await self._send(h11.Response(status_code=status, headers=headers, reason=reason or _reason(status)))

    async def piece(self, data: bytes) -> None:
        """See Outgoing."""
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """See Outgoing."""
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        data = self._wire.send(event)
        if data:
            with trio.move_on_after(self._limits.send_s) as limit:
                await self._stream.send_all(data)
            if limit.cancelled_caught:
                raise trio.BrokenResourceError(f"the client took nothing for {self._limits.send_s:g} s")

    async def _linger(self) -> None:
        """Wait until the client has seen our end: closing with its bytes unread would take the reply back."""
        if self._has_ended or not isinstance(self._stream, trio.SocketStream):
            return
        with trio.move_on_after(_LINGER_S):
            await self._stream.send_eof()
            while await self._stream.receive_some(_RECEIVE_BYTES):
                pass


def _reason(status: int) -> bytes:
    from http import HTTPStatus

    return HTTPStatus(status).phrase.encode()

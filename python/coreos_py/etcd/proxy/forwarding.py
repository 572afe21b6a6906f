"""What becomes of one request: an own path, a refusal, or what a member answers."""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import trio

from coreos_py import logs
from coreos_py.client.endpoints import Endpoint
from coreos_py.etcd.endpoints.reply import TEXT, Reply, as_json, as_text, go_json, method_not_allowed
from coreos_py.etcd.proxy.counters import Counters
from coreos_py.etcd.proxy.director import Director
from coreos_py.etcd.proxy.guard import Guard
from coreos_py.etcd.proxy.headers import Headers, for_client, for_member, value_of
from coreos_py.etcd.proxy.upstream import CutError, MemberError, Upstream

_LOG = logs.Log("etcd")
# From the root, and every percent sign begins an escape.
_WELL_FORMED = re.compile(rb"/(?:[^%]|%[0-9a-fA-F]{2})*", re.DOTALL)
_OWN_PATH = b"/v2/config/local/proxy"
# Doing them twice is the same as doing them once, so another member may be asked when one has said nothing.
_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Incoming(NamedTuple):
    """A whole request. `remote` is the client's address without its port; `body` None for none at all."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes | None
    remote: str

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    @property
    def is_wait(self) -> bool:
        """Whether it may be answered much later: a client that ends its side does not wait any more."""
        return b"wait=true" in self.target.partition(b"?")[2]

    def text(self) -> str:
        """The method for people."""
        return self.method.decode("latin-1")


class Outgoing(Protocol):
    """Where a reply goes. Raises what the client's connection raises."""

    async def reply(self, reply: Reply, headers: Headers) -> None:
        """A whole one of the proxy's own."""

    async def begin(self, status: int, reason: bytes, headers: Headers) -> None:
        """The head of a member's."""

    async def piece(self, data: bytes) -> None:
        """Some of its body."""

    async def end(self) -> None:
        """The end of it."""


class Forwarder:
    """Answers requests, on any number of connections."""

    def __init__(
        self, director: Director, upstream: Upstream, guard: Guard, counters: Counters, *, is_readonly: bool
    ) -> None:
        self._director = director
        self._upstream = upstream
        self._guard = guard
        self._counters = counters
        self._is_readonly = is_readonly

    async def answer(self, request: Incoming, out: Outgoing) -> None:
        """Answer it. Raises CutError when a member's reply has ended too early."""
        own = await self._own_reply(request)
        cors: Headers = []
        # Own numbers and refusals to write are outside of what pages may read, as in etcd.
        if own is None or own.status not in (403, 501):
            cors = self._guard.cors(value_of(request.headers, b"origin"))
        if own is not None:
            await out.reply(own, cors)
        else:
            await self._forward(request, out, cors)

    async def _own_reply(self, request: Incoming) -> Reply | None:
        if not self._guard.serves(value_of(request.headers, b"host")):
            return as_text(403, "the Host header names no host of this server (--host-whitelist)\n")
        if request.method == b"CONNECT" or not _WELL_FORMED.fullmatch(request.path):
            return as_text(400, "malformed path in the request line\n")
        if request.path == b"/metrics":
            if request.method not in (b"GET", b"HEAD"):
                return method_not_allowed("GET", "HEAD")
            return await trio.to_thread.run_sync(self._counters.render)
        if self._is_readonly and request.method != b"GET":
            return Reply(501)
        if request.method == b"OPTIONS":
            return Reply(200)
        if request.path == _OWN_PATH:
            if request.method != b"GET":
                return method_not_allowed("GET")
            shown = {"endpoints": [endpoint.url for endpoint in self._director.usable()]}
            return Reply(200, (("Content-Type", TEXT),), go_json(shown) + b"\n")
        return None

    async def _forward(self, request: Incoming, out: Outgoing, cors: Headers) -> None:
        method = request.text()
        self._counters.requested(method)
        endpoints = self._director.usable()
        if not endpoints:
            self._counters.dropped(method, "zero_endpoints")
            await out.reply(_failure(503, "zero endpoints currently available"), cors)
            return
        for endpoint in endpoints:
            try:
                await self._ask(endpoint, request, out, cors)
            except MemberError as error:
                self._director.failed(endpoint, error)
                if error.was_sent and request.method not in _SAFE:
                    # It may have been carried out: whether to try again is for the client to say.
                    break
                continue
            return
        self._counters.dropped(method, "failed_getting_response")
        text = f"unable to get response from {len(endpoints)} endpoint(s)"
        await out.reply(_failure(502, text), cors)

    async def _ask(self, endpoint: Endpoint, request: Incoming, out: Outgoing, cors: Headers) -> None:
        headers = for_member(
            request.headers, authority=endpoint.authority, remote=request.remote, body=request.body
        )
        async with self._upstream.exchange(
            endpoint, request.method, request.target, headers, request.body or b""
        ) as answer:
            self._counters.handled(request.text(), answer.status)
            await out.begin(answer.status, answer.reason, for_client(answer.headers, cors))
            try:
                while (piece := await answer.next_piece()) is not None:
                    await out.piece(piece)
            except CutError:
                _LOG.debug("a member broke off a reply", endpoint=endpoint.url)
                raise
            await out.end()


def _failure(status: int, text: str) -> Reply:
    return as_json(status, {"message": f"proxy: {text}"})


Answer = Callable[[Incoming, Outgoing], Awaitable[None]]

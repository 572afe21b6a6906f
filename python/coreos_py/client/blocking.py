"""A blocking client: endpoints in turn, time limits, redirects, watches."""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from coreos_py.client import endpoints as endpoint_order
from coreos_py.client import keys, requests
from coreos_py.client._http import Connection, Deadline, Reply
from coreos_py.client._text import to_bytes
from coreos_py.client._tls import TlsFiles
from coreos_py.client._wire import Head
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import (
    AttemptError,
    ConfigurationError,
    ConnectionLostError,
    InvalidReplyError,
    ServerError,
)
from coreos_py.client.failover import Attempts
from coreos_py.client.requests import Request

if TYPE_CHECKING:
    import ssl

_MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_RETRY_PAUSE_S = 0.05
_RETRY_PAUSE_MAX_S = 1.0
"""Between two tries of a watch that is ended at once and without an event; doubled each time."""


class Options(NamedTuple):
    """How to talk. Times in seconds, None for no limit.

    `timeout_s` limits connecting and the wait for headers, for each try; `total_timeout_s` everything since
    the client was made, except watches. `trace` is told each request (method, URL, form) before it is sent.
    """

    timeout_s: float | None = 2.0
    total_timeout_s: float | None = 5.0
    tls: TlsFiles = TlsFiles()
    username: str = ""
    password: str = ""
    trace: Callable[[str, str, str | None], None] | None = None


class BlockingClient:
    """One cluster, one request at a time. Raises `EtcdError`s. Close it, or use it in a `with`."""

    def __init__(self, endpoints: Sequence[Endpoint], options: Options | None = None) -> None:
        options = options or Options()
        options.tls.check()
        self.endpoints = endpoint_order.shuffled(endpoints)
        self._options = options
        self._connection: Connection | None = None
        self._context: ssl.SSLContext | None = None
        self._deadline = Deadline(options.total_timeout_s)
        self._headers: dict[str, str] = {}
        if options.username:
            pair = to_bytes(f"{options.username}:{options.password}")
            encoded = binascii.b2a_base64(pair, newline=False).decode("ascii")
            self._headers["Authorization"] = f"Basic {encoded}"

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def sync(self) -> None:
        """Replace the endpoints by what the members advertise.

        A server that has no member list (0.4) or an unreadable one leaves the endpoints as they are.
        """
        reply, answered = self._send(requests.members(), self._deadline)
        try:
            advertised = keys.decode_client_urls(reply.body) if reply.head.status == 200 else []
        except InvalidReplyError:
            # Not fatal by itself: if this is no etcd at all, the request that follows says so.
            advertised = []
        self.endpoints = endpoint_order.after_sync(self.endpoints, answered, advertised)

    def call(self, request: Request) -> keys.Result:
        """Carry out one request on the key space."""
        reply, _ = self._send(request, self._deadline)
        return _result(reply, _decoded(reply))

    def send(self, request: Request) -> Reply:
        """Carry out one request of another part of the API; its own module decodes the reply."""
        reply, _ = self._send(request, self._deadline)
        return reply

    def ask_only(self, endpoint: Endpoint, request: Request) -> Reply:
        """Ask this one endpoint; its reply counts whatever its status is. Raises `AttemptError`."""
        return self._follow(endpoint, request, self._deadline, None)

    def watch(self, key: str, *, wait_index: int, recursive: bool) -> Iterator[keys.Result]:
        """Events of `key`, in order and without an end, beginning at `wait_index` (0: from now on).

        A connection that is lost is replaced and the watch goes on behind the last event, or, before the
        first one, behind the index at which the server accepted the watch. Ends with `ServerError` 401 when
        the events in between are no longer in the server's history.
        """

        def accepted(head: Head) -> None:
            nonlocal wait_index
            if not wait_index and head.status == 200 and head.etcd_index:
                wait_index = head.etcd_index + 1

        pause_s = 0.0
        while True:
            time.sleep(pause_s)
            began = time.monotonic()
            reply = self._wait_once(requests.wait(key, wait_index=wait_index, recursive=recursive), accepted)
            if reply is None:
                # Asked again without a pause, a server that ends every watch at once would be asked for ever.
                at_once = time.monotonic() - began < _RETRY_PAUSE_MAX_S
                pause_s = min(_RETRY_PAUSE_MAX_S, max(_RETRY_PAUSE_S, pause_s * 2)) if at_once else 0.0
                continue
            pause_s = 0.0
            event = _decoded(reply)
            wait_index = event.node.modified_index + 1
            yield _result(reply, event)

    def _wait_once(self, request: Request, accepted: Callable[[Head], None]) -> Reply | None:
        """One watch request; None when it ended without an event."""
        try:
            reply, _ = self._send(request, Deadline(None), accepted)
        except AttemptError as failure:
            if not failure.answered:
                raise
            return None
        return reply if reply.head.status != 200 or reply.body.strip() else None

    def _send(
        self, request: Request, deadline: Deadline, on_head: Callable[[Head], None] | None = None
    ) -> tuple[Reply, Endpoint]:
        """Ask the endpoints in turn; the one that answered goes to the front of the list.

        Replies below 500 are returned, whatever they say.
        """
        attempts = Attempts(request)
        for endpoint in list(self.endpoints):
            try:
                reply = self._follow(endpoint, request, deadline, on_head)
            except AttemptError as failure:
                if request.is_wait and failure.answered:
                    # It may be about to stop: the watch goes on at the next one, if there is one.
                    self._move(endpoint, len(self.endpoints))
                    raise
                attempts.note(failure)
                continue
            if reply.head.status >= 500:
                attempts.note_server_error(_error_of(reply), endpoint.url)
                continue
            self._move(endpoint, 0)
            return reply, endpoint
        raise attempts.exhausted()

    def _move(self, endpoint: Endpoint, place: int) -> None:
        self.endpoints.remove(endpoint)
        self.endpoints.insert(place, endpoint)

    def _follow(
        self, endpoint: Endpoint, request: Request, deadline: Deadline, on_head: Callable[[Head], None] | None
    ) -> Reply:
        """One request to one endpoint, and to where that one sends us (a 0.4 follower names its leader)."""
        for _ in range(_MAX_REDIRECTS + 1):
            reply = self._exchange(endpoint, request, deadline, on_head)
            location = reply.head.headers.get("location", "")
            if reply.head.status not in _REDIRECTS or not location:
                return reply
            endpoint, target = _redirected(endpoint, location)
            request = request._replace(target=target)
        raise InvalidReplyError("client: too many redirects")

    def _exchange(
        self, endpoint: Endpoint, request: Request, deadline: Deadline, on_head: Callable[[Head], None] | None
    ) -> Reply:
        if self._options.trace is not None:
            shown = request.form if request.shown_form is None else request.shown_form
            self._options.trace(request.method, endpoint.url + request.target, shown)
        held = self._connection
        if held is not None and held.alive and held.endpoint == endpoint and request.repeatable:
            try:
                return held.exchange(request, self._headers, self._options.timeout_s, deadline, on_head)
            except ConnectionLostError:
                # A server may close a connection at rest at any time; a new one tells whether it is there.
                self._connection = None
        # What must not be repeated goes out on a new connection only, or such an end would leave it in doubt.
        self.close()
        connection = Connection(endpoint, self._tls_context, self._options.timeout_s, deadline)
        self._connection = connection
        return connection.exchange(request, self._headers, self._options.timeout_s, deadline, on_head)

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._options.tls.context()
        return self._context


def _result(reply: Reply, event: keys.Event) -> keys.Result:
    return keys.Result(event, reply.head.etcd_index, reply.head.raft_index, reply.head.raft_term)


def _decoded(reply: Reply) -> keys.Event:
    if not reply.body.strip():
        raise InvalidReplyError("client: response body is empty")
    if 200 <= reply.head.status < 300:
        return keys.decode_event(reply.body)
    raise keys.decode_error(reply.head.status, reply.body)


def _error_of(reply: Reply) -> ServerError:
    """The error of a 5xx reply, also when a proxy in between made it."""
    try:
        return keys.decode_error(reply.head.status, reply.body)
    except InvalidReplyError:
        status = reply.head.status
        return ServerError(status, 0, f"client: server error, HTTP status {status}", "", 0)


def _redirected(origin: Endpoint, location: str) -> tuple[Endpoint, str]:
    if location.startswith("/"):
        return origin._replace(base=""), location
    scheme, _, rest = location.partition("://")
    authority, _, path = rest.partition("/")
    try:
        endpoint = endpoint_order.parse_endpoint(f"{scheme}://{authority}")
    except ConfigurationError as error:
        raise InvalidReplyError(f'client: redirected to "{location}", which cannot be followed') from error
    if origin.scheme == "https" and endpoint.scheme != "https":
        raise InvalidReplyError(f'client: redirected from https to "{location}", which is not followed')
    return endpoint, "/" + path

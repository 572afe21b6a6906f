"""How one request goes over the endpoints: what may be tried again elsewhere, and what is left in the end.

No I/O: `plan` is a generator that says what to send where and is told what came back. Both clients follow it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from coreos_py.client import keys
from coreos_py.client._wire import Reply
from coreos_py.client.endpoints import Cluster, Endpoint, parse_endpoint
from coreos_py.client.errors import (
    AttemptError,
    ConfigurationError,
    ConnectionLostError,
    DeadlineExceededError,
    EtcdError,
    InvalidReplyError,
    OutcomeUnknownError,
    ServerError,
    UnavailableError,
    WriteInDoubtError,
)
from coreos_py.client.requests import Request

_MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


class Ask(NamedTuple):
    """One exchange to make. `is_fresh`: on a new connection. `has_credentials`: with name and password."""

    endpoint: Endpoint
    request: Request
    is_fresh: bool
    has_credentials: bool


class Answer(NamedTuple):
    """A reply below 500, and the endpoint of the list that led to it."""

    reply: Reply
    endpoint: Endpoint


Plan = Generator[Ask, Reply, Answer]


def plan(request: Request, cluster: Cluster) -> Plan:
    """Ask the endpoints in turn; the one that answered goes to the front of the list.

    Yields what to send; wants the reply sent back, or an `AttemptError` thrown in. Returns replies below 500,
    whatever they say. Raises what the caller should see.
    """
    attempts = Attempts(request)
    for endpoint in cluster.in_turn():
        try:
            reply, answering = yield from _follow(endpoint, request, cluster, attempts)
        except AttemptError as failure:
            attempts.note(failure)
            continue
        if reply.head.status >= 500 and not (request.takes_503 and reply.head.status == 503):
            attempts.note_server_error(reply, endpoint.url)
            continue
        attempts.check(reply)
        cluster.put_first(endpoint)
        # Where a redirect led is the leader: the way there is shorter next time, if it is in the list.
        cluster.put_first(answering)
        return Answer(reply, endpoint)
    raise attempts.exhausted()


def _follow(
    endpoint: Endpoint, request: Request, cluster: Cluster, attempts: Attempts
) -> Generator[Ask, Reply, tuple[Reply, Endpoint]]:
    """One request to one endpoint, and to where that one sends us (a 0.4 follower names its leader)."""
    for _ in range(_MAX_REDIRECTS + 1):
        # Whoever is not of the cluster does not get the password, whatever a redirect says.
        ask = Ask(endpoint, request, not request.repeatable, cluster.knows(endpoint))
        try:
            reply = yield ask
        except ConnectionLostError as failure:
            if not failure.reused:
                raise
            # A server may close a connection at rest at any time; a new one tells whether it is there.
            attempts.note_lost(failure)
            reply = yield ask._replace(is_fresh=True)
        location = reply.head.headers.get("location", "")
        if reply.head.status not in _REDIRECTS or not location:
            return reply, endpoint
        endpoint, target = redirected(endpoint, location)
        request = request._replace(target=target)
    raise InvalidReplyError("client: too many redirects")


class Attempts:
    """The failures of one request so far.

    `note` takes a failure and returns when the next endpoint may be asked; otherwise it raises what the
    caller should see. `exhausted` is what to raise when there is no further endpoint.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._reasons: list[str] = []
        self._reached = False
        self._sent_reason: str | None = None
        self._last_server_error: ServerError | None = None

    def note(self, failure: AttemptError) -> None:
        """A connection or exchange failed."""
        self._reached = self._reached or failure.connected
        if failure.sent:
            self.note_lost(failure)
            if self._sent_reason is not None and not self._request.repeatable:
                raise OutcomeUnknownError(failure.reason) from failure
        if isinstance(failure, DeadlineExceededError):
            over = DeadlineExceededError(connected=self._reached, sent=failure.sent, reasons=self._reasons)
            raise self._final(over) from failure
        self._reasons.append(failure.reason)

    def note_lost(self, failure: AttemptError) -> None:
        """A request was sent and not answered: from now on nobody can say that a write was not done."""
        if self._request.method != "GET":
            self._sent_reason = failure.reason

    def note_server_error(self, reply: Reply, endpoint_url: str) -> None:
        """The server answered 5xx: another member may do better, but never for what must not be repeated."""
        error = _error_of(reply)
        if self._request.method != "GET":
            error = WriteInDoubtError(error.status, error.code, error.message, error.cause, error.index)
            self._sent_reason = str(error)
        if not self._request.repeatable:
            raise error
        self._reached = True
        self._last_server_error = error
        self._reasons.append(f"client: etcd member {endpoint_url} answers {error}")

    def check(self, reply: Reply) -> None:
        """An answer has come. A refusal says nothing about a try before it that may have been carried out."""
        if self._sent_reason is not None and reply.head.status >= 400:
            raise OutcomeUnknownError(f"{self._sent_reason}; sent again: {_error_of(reply)}")

    def exhausted(self) -> EtcdError:
        """What to raise now that every endpoint has been tried."""
        if self._last_server_error is not None:
            return self._last_server_error
        return self._final(UnavailableError(self._reasons, reached=self._reached))

    def _final(self, error: EtcdError) -> EtcdError:
        return OutcomeUnknownError(str(error).rstrip("\n")) if self._sent_reason is not None else error


def _error_of(reply: Reply) -> ServerError:
    """The error of a reply, also when a proxy in between made it."""
    try:
        return keys.decode_error(reply.head.status, reply.body)
    except InvalidReplyError:
        status = reply.head.status
        return ServerError(status, 0, f"client: server error, HTTP status {status}", "", 0)


def redirected(origin: Endpoint, location: str) -> tuple[Endpoint, str]:
    """Where a Location leads. Raises `InvalidReplyError` when it is not to be followed."""
    if location.startswith("/"):
        return origin._replace(base=""), location
    scheme, _, rest = location.partition("://")
    authority, _, path = rest.partition("/")
    try:
        endpoint = parse_endpoint(f"{scheme}://{authority}")
    except ConfigurationError as error:
        raise InvalidReplyError(f'client: redirected to "{location}", which cannot be followed') from error
    if origin.scheme == "https" and endpoint.scheme != "https":
        raise InvalidReplyError(f'client: redirected from https to "{location}", which is not followed')
    return endpoint, "/" + path

"""What the blocking client consists of, without its names: requests and watches. `etcdctl` needs no more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TypeVar

from coreos_py.client import keys, requests
from coreos_py.client._http import Connection, Deadline, Held
from coreos_py.client._wire import Reply
from coreos_py.client.endpoints import Cluster, Endpoint
from coreos_py.client.errors import AttemptError, DeadlineExceededError, InvalidReplyError
from coreos_py.client.failover import Answer, Ask, plan
from coreos_py.client.operation import Operation, decode_result
from coreos_py.client.options import Endpoints, Options, read_endpoints
from coreos_py.client.requests import Request

if TYPE_CHECKING:
    import ssl

    from coreos_py.client.blocking_watch import BlockingWatch
    from coreos_py.client.steps import Setting, Snapshot

T = TypeVar("T")


class Engine:
    """One cluster, one request at a time, in one thread. Raises `EtcdError`s. Close it at the end.

    `http_proxy`: an HTTP proxy to go through.
    """

    def __init__(
        self, endpoints: Endpoints, options: Options | None = None, *, http_proxy: Endpoint | None = None
    ) -> None:
        self._http_proxy = http_proxy
        self._options = options or Options()
        self._options.check()
        self._cluster = Cluster(read_endpoints(endpoints))
        self._credentials = self._options.credentials()
        self._held = Held()
        self._context: ssl.SSLContext | None = None
        self._limit: Deadline | None = None
        self._watch_limit = Deadline(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[endpoint.url for endpoint in self.endpoints]})"

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints, the one that is asked first in front."""
        return self._cluster.in_turn()

    def close(self) -> None:
        """Close the connection."""
        self._held.close()

    def limit(self, seconds: float | None) -> None:
        """All operations from now on, watches apart, together have this long: not `total_timeout_s` each."""
        self._limit = Deadline(seconds)

    def sync(self) -> None:
        """Replace the endpoints by what the members advertise; those that were given stay, behind them.

        A server that has no member list (0.4) or an unreadable one leaves the endpoints as they are.
        """
        reply, answered = self._send(requests.members())
        try:
            advertised = keys.decode_client_urls(reply.body) if reply.head.status == 200 else []
        except InvalidReplyError:
            # Not fatal by itself: if this is no etcd at all, the request that follows says so.
            advertised = []
        self._cluster.learn(answered, advertised)

    def call(self, request: Request) -> keys.Result:
        """Carry out one request on the key space."""
        return decode_result(self._send(request).reply)

    def run(self, operation: Operation[T]) -> T:
        """Carry out one operation."""
        return operation.decode(self._send(operation.request).reply)

    def watch(
        self, key: str, *, wait_index: int = 0, recursive: bool = False, stream: bool = False
    ) -> BlockingWatch[keys.Result]:
        """Events of `key` at or after `wait_index` (0: from now on), once, in order and without an end.

        "Now" is when a `with` is entered, or else when the first event is asked for. A connection that is
        lost is replaced and the watch goes on where it was. Raises `EventsLostError` when events in between
        are no longer to be had. `stream` saves a request for each event, and loses events with etcd's own
        server.
        """
        from coreos_py.client.blocking_watch import BlockingWatch
        from coreos_py.client.steps import target_of
        from coreos_py.client.watching import watching

        target = target_of(key, recursive=recursive, stream=stream)
        return BlockingWatch(self, watching(target, wait_index, self._setting()))

    def follow(
        self, key: str, *, recursive: bool = True, stream: bool = False
    ) -> BlockingWatch[Snapshot | keys.Result]:
        """The state of `key` as a `Snapshot`, then every event after it; a new one if events were lost."""
        from coreos_py.client.blocking_watch import BlockingWatch
        from coreos_py.client.steps import target_of
        from coreos_py.client.watching import following

        target = target_of(key, recursive=recursive, stream=stream)
        return BlockingWatch(self, following(target, self._setting()))

    def _setting(self) -> Setting:
        from coreos_py.client.steps import Setting

        return Setting(time.monotonic, self._options.outage_s)

    @property
    def watch_limit(self) -> Deadline:
        """When watches have to be done."""
        return self._watch_limit

    def suspect(self, endpoint: Endpoint) -> None:
        """It broke off a watch and may be about to stop: others are asked first, if there are any."""
        self._cluster.put_last(endpoint)

    def send(self, request: Request) -> Reply:
        """Carry out one request, and give the reply whatever it says, unless it is 5xx."""
        return self._send(request).reply

    def ask_only(self, endpoint: Endpoint, request: Request) -> Reply:
        """Ask this one endpoint; its reply counts whatever its status is. Raises `AttemptError`."""
        deadline = self._limit or Deadline(self._options.total_timeout_s)
        return self._exchange(
            Ask(endpoint, request, False, self._cluster.knows(endpoint)), self._held, deadline
        )

    def fetch(self, request: Request) -> Reply:
        """Carry out a request of a watch, which has a limit of its own."""
        deadline = self._watch_limit.sooner(self._options.total_timeout_s)
        return self.send_on(request, self._held, deadline).reply

    def _send(self, request: Request) -> Answer:
        deadline = self._limit or Deadline(self._options.total_timeout_s)
        return self.send_on(request, self._held, deadline)

    def send_on(self, request: Request, held: Held, deadline: Deadline) -> Answer:
        """Carry out a request on a held connection, which is replaced where need be."""
        steps = plan(request, self._cluster)
        ask = next(steps)
        while True:
            try:
                reply = self._exchange(ask, held, deadline)
            except AttemptError as failure:
                ask = steps.throw(failure)
                continue
            try:
                ask = steps.send(reply)
            except StopIteration as end:
                answer: Answer = end.value
                return answer

    def _exchange(self, ask: Ask, held: Held, deadline: Deadline) -> Reply:
        request, timeout_s = ask.request, self._options.timeout_s
        if deadline.left_s() == 0:
            # Nothing is sent that could not be waited for.
            raise DeadlineExceededError(connected=False, sent=False)
        if self._options.trace is not None:
            self._options.trace(request.method, ask.endpoint.url + request.target, request.visible_form)
        with held:
            connection = held.connection
            if (
                connection is None
                or connection.endpoint != ask.endpoint
                or ask.is_fresh
                or not connection.is_fit()
            ):
                held.close()
                connection = Connection(
                    ask.endpoint, self._tls_context, timeout_s, deadline, self._http_proxy
                )
                held.connection = connection
            return connection.exchange(
                request, self._credentials if ask.has_credentials else {}, timeout_s, deadline
            )

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._options.tls_context()
        return self._context

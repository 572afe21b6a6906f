"""The Trio client."""

from __future__ import annotations

import math
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TypeVar

import trio

from coreos_py.client import keys, requests
from coreos_py.client._async_groups import Auth, Keys, Members, Server, Stats
from coreos_py.client._connection import Connection, Limits, limits_of
from coreos_py.client._pool import Pool
from coreos_py.client._wire import Reply
from coreos_py.client.endpoints import Cluster, Endpoint
from coreos_py.client.errors import (
    AttemptError,
    DeadlineExceededError,
    EtcdError,
    InvalidReplyError,
    ServerError,
)
from coreos_py.client.failover import Answer, Ask, plan
from coreos_py.client.operation import Operation
from coreos_py.client.options import Endpoints, Options, read_endpoints
from coreos_py.client.recipes.election import Observation, Term, campaign
from coreos_py.client.recipes.lease import Lease, lease
from coreos_py.client.recipes.lock import Held, lock
from coreos_py.client.requests import Request
from coreos_py.client.steps import Setting, Snapshot, target_of
from coreos_py.client.trio_watch import Watch
from coreos_py.client.watching import following, watching

T = TypeVar("T")


class Client(Keys, Server):
    """One cluster, for any number of tasks of one `trio.run`. Use it in an `async with`. Raises `EtcdError`s.

    Each operation takes a connection that is at rest, or a new one. What is cancelled leaves no trace on this
    side: its connection is closed. Whether the server carries it out all the same is then not known; to be
    told, use `total_timeout_s` instead of a cancel scope: `OutcomeUnknownError` says it.
    """

    def __init__(self, endpoints: Endpoints, options: Options | None = None) -> None:
        self._options = options or Options()
        self._options.check()
        self._cluster = Cluster(read_endpoints(endpoints))
        self._credentials = self._options.credentials()
        self._context: ssl.SSLContext | None = None
        self._pool = Pool(self._tls_context)
        self._slots: trio.CapacityLimiter | None = None
        self.members = Members(self)
        self.stats = Stats(self)
        self.auth = Auth(self)

    async def __aenter__(self) -> Client:
        self._slots = trio.CapacityLimiter(self._options.connections)
        self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._slots = None
        self._pool.close()

    def __repr__(self) -> str:
        return f"Client({[endpoint.url for endpoint in self.endpoints]})"

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints, the one that is asked first in front."""
        return self._cluster.in_turn()

    async def sync(self, *, leader_first: bool = False) -> None:
        """Replace the endpoints by what the members advertise; those that were given stay, behind them.

        With `leader_first` the leader is asked first from now on, which saves the others forwarding writes. A
        server that has no member list (0.4) or an unreadable one leaves the endpoints as they are.
        """
        reply, answered = await self._send(requests.members())
        try:
            advertised = keys.decode_client_urls(reply.body) if reply.head.status == 200 else []
        except InvalidReplyError:
            # Not fatal by itself: if this is no etcd at all, the request that follows says so.
            advertised = []
        self._cluster.learn(answered, advertised)
        if leader_first:
            self._cluster.put_leader_first((await self.members.leader()).client_urls)

    async def run(self, operation: Operation[T]) -> T:
        """Carry out one operation."""
        return operation.decode((await self._send(operation.request)).reply)

    async def run_hurried(self, operation: Operation[T], try_s: float) -> T:
        """The same, with less time for each try: so that another endpoint is asked while there is some."""
        return operation.decode((await self._send(operation.request, try_s)).reply)

    def watch(
        self, key: str, *, wait_index: int = 0, recursive: bool = False, stream: bool = False
    ) -> Watch[keys.Result]:
        """Events of `key` at or after `wait_index` (0: from now on), once, in order and without an end.

        "Now" is when an `async with` is entered, or else when the first event is asked for. A connection that
        is lost is replaced and the watch goes on where it was. Raises `EventsLostError` when events in
        between are no longer to be had. `stream` saves a request for each event, and loses events with etcd's
        own server.
        """
        target = target_of(key, recursive=recursive, stream=stream)
        return Watch(self, watching(target, wait_index, self._setting()))

    def follow(
        self, key: str, *, recursive: bool = True, stream: bool = False
    ) -> Watch[Snapshot | keys.Result]:
        """The state of `key` as a `Snapshot`, then every event after it; a new one if events were lost."""
        target = target_of(key, recursive=recursive, stream=stream)
        return Watch(self, following(target, self._setting()))

    def lock(
        self, key: str, *, ttl_s: int = 10, value: str = "", wait_s: float | None = None
    ) -> AbstractAsyncContextManager[Held]:
        """Hold a lock in an `async with`; see `recipes.lock`. Raises `LockLostError`, `TakenError`."""
        return lock(self, key, ttl_s=ttl_s, value=value, wait_s=wait_s)

    def lease(self, *, ttl_s: int = 10) -> AbstractAsyncContextManager[Lease]:
        """Keep keys alive in an `async with`; see `recipes.lease`. Raises `LeaseLostError`."""
        return lease(self, ttl_s=ttl_s)

    def campaign(
        self, key: str, value: str, *, ttl_s: int = 10, wait_s: float | None = None
    ) -> AbstractAsyncContextManager[Term]:
        """Lead in an `async with`; see `recipes.election`. Raises `LeadershipLostError`, `TakenError`."""
        return campaign(self, key, value, ttl_s=ttl_s, wait_s=wait_s)

    def observe(self, key: str) -> Observation:
        """Who leads, now and each time it changes: `Leader`, or None for nobody."""
        return Observation(self, key)

    def bears(self, failure: EtcdError, since: float) -> bool:
        """Whether to go on after a failure, as a watch would do that had no answer `since` then."""
        if isinstance(failure, ServerError) and failure.status < 500:
            return False
        outage_s = self._options.outage_s
        return outage_s is None or trio.current_time() - since < outage_s

    def _setting(self) -> Setting:
        return Setting(trio.current_time, self._options.outage_s)

    async def fetch(self, request: Request) -> Reply:
        """Carry out a request, and give the reply whatever it says, unless it is 5xx."""
        return (await self._send(request)).reply

    async def open(self, request: Request) -> tuple[Answer, Connection]:
        """Start a watch: the reply's body is still to come on the connection, which is the caller's now."""
        self._open_slots()
        limits = limits_of(self._options.timeout_s, None)
        last: Connection | None = None

        async def exchange(ask: Ask) -> Reply:
            nonlocal last
            if last is not None:
                # That one said 5xx, or where to go instead.
                self._pool.give_back(last)
                last = None
            last, reply = await self._exchange(ask, limits)
            return reply

        try:
            answer = await _carry_out(request, self._cluster, exchange)
        except BaseException:
            if last is not None:
                self._pool.give_back(last)
            raise
        assert last is not None
        return answer, last

    def give_back(self, connection: Connection) -> None:
        """A watch is done with its connection, and has read all that came."""
        self._pool.give_back(connection)

    def suspect(self, endpoint: Endpoint) -> None:
        """It broke off a watch and may be about to stop: others are asked first, if there are any."""
        self._cluster.put_last(endpoint)

    async def _send(self, request: Request, try_s: float = math.inf) -> Answer:
        slots = self._open_slots()
        limits = limits_of(self._options.timeout_s, self._options.total_timeout_s)
        limits = limits._replace(try_s=min(limits.try_s, try_s))
        with trio.CancelScope(deadline=limits.end) as waiting:
            await slots.acquire()
        if waiting.cancelled_caught:
            raise DeadlineExceededError(connected=False, sent=False)
        try:
            return await _carry_out(request, self._cluster, lambda ask: self._exchange_at_once(ask, limits))
        finally:
            slots.release()

    def _open_slots(self) -> trio.CapacityLimiter:
        if self._slots is None:
            raise RuntimeError("the client is not open: use it inside `async with`")
        return self._slots

    async def _exchange_at_once(self, ask: Ask, limits: Limits) -> Reply:
        connection, reply = await self._exchange(ask, limits)
        self._pool.give_back(connection)
        return reply

    async def _exchange(self, ask: Ask, limits: Limits) -> tuple[Connection, Reply]:
        request = ask.request
        if limits.is_over():
            # Nothing is sent that could not be waited for.
            raise DeadlineExceededError(connected=False, sent=False)
        if self._options.trace is not None:
            self._options.trace(request.method, ask.endpoint.url + request.target, request.visible_form)
        connection = await self._pool.take(ask.endpoint, limits, is_fresh=ask.is_fresh)
        headers = self._credentials if ask.has_credentials else {}
        return connection, await connection.exchange(request, headers, limits)

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._options.tls_context()
        return self._context


async def _carry_out(
    request: Request, cluster: Cluster, exchange: Callable[[Ask], Awaitable[Reply]]
) -> Answer:
    """Follow the plan for one request."""
    steps = plan(request, cluster)
    ask = next(steps)
    while True:
        try:
            reply = await exchange(ask)
        except AttemptError as failure:
            ask = steps.throw(failure)
            continue
        try:
            ask = steps.send(reply)
        except StopIteration as end:
            answer: Answer = end.value
            return answer

"""Clients of a cluster that write down what they asked and what they were told.

Every client is a thread with one connection. Each key is a register: values are numbers that nobody writes
twice. A client whose request had no reply has an unknown outcome: it goes on as somebody new, elsewhere.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from tests.histories.register import Read, Reply, Request, Swap, Write
from tests.support.cluster import Cluster
from tests.support.linearizable import Operation
from tests.support.waiting import wait_until
from tests.support.wire import BadReply, Connection, PeerClosed
from tests.support.wire import Reply as HttpReply

#: How long a client waits for a reply before it counts as none.
PATIENCE_S = 3.0
#: Between two attempts to reach somebody.
PAUSE_S = 0.02
_KEY_NOT_FOUND = 100
_COMPARE_FAILED = 101


@dataclass
class Recording:
    """What happened, by key."""

    histories: dict[str, list[Operation[Request, Reply]]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0
    unknown: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, key: str, operation: Operation[Request, Reply]) -> None:
        """One more. A read without a reply says nothing; it only counts."""
        with self._lock:
            self.count += 1
            self.unknown += operation.returned is None
        if operation.returned is not None or not isinstance(operation.request, Read):
            self.histories[key].append(operation)


class Clients:
    """Threads that ask until they are stopped. Used as a context; a reply that makes no sense fails it."""

    def __init__(
        self,
        cluster: Cluster,
        seed: int,
        *,
        count: int = 6,
        keys: int = 4,
        recording: Recording,
    ) -> None:
        self._cluster = cluster
        self._recording = recording
        self._keys = [f"/h/{number}" for number in range(keys)]
        for key in self._keys:
            # Made now: a dictionary that grows while others look is nobody's friend.
            recording.histories[key] = []
        self._values = itertools.count(1)
        self._names = itertools.count(1)
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        randoms = [random.Random(f"{seed} {number}") for number in range(count)]
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in randoms]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def wait_for(self, more: int) -> None:
        """Return when that many more operations have ended; fail when nobody asks any more."""
        target = self._recording.count + more

        def are_there() -> bool:
            is_enough = self._recording.count >= target
            assert is_enough or any(thread.is_alive() for thread in self._threads), self._failures
            return is_enough

        wait_until(are_there, lambda: f"{self._recording.count} of {target} operations")

    def _run(self, lots: random.Random) -> None:
        try:
            while not self._stop.is_set():
                member = lots.choice(self._cluster.members)
                try:
                    connection = Connection(member.address, timeout_s=PATIENCE_S)
                except OSError:
                    self._stop.wait(PAUSE_S)
                    continue
                with connection:
                    self._ask(connection, lots)
        except BaseException as failure:
            self._failures.append(failure)
            raise

    def _ask(self, connection: Connection, lots: random.Random) -> None:
        """Until it is stopped, or an outcome is unknown."""
        name = next(self._names)
        seen: dict[str, int] = {}
        while not self._stop.is_set():
            key = lots.choice(self._keys)
            request = self._request(lots, seen.get(key))
            called = time.monotonic_ns()
            try:
                reply = _meaning(request, _send(connection, key, request))
            except (OSError, PeerClosed, BadReply):
                reply = None
            returned = time.monotonic_ns() if reply is not None else None
            self._recording.add(key, Operation(name, called, returned, request, reply))
            if reply is None:
                return
            if isinstance(request, Read) and isinstance(reply[-1], int):
                seen[key] = reply[-1]

    def _request(self, lots: random.Random, seen: int | None) -> Request:
        lot = lots.random()
        if lot < 0.5:
            return Read()
        if lot < 0.75 or seen is None:
            return Write(next(self._values))
        return Swap(seen, next(self._values))


def _send(connection: Connection, key: str, request: Request) -> HttpReply:
    match request:
        case Read():
            return connection.get(key, "?quorum=true")
        case Write(value):
            return connection.put(key, str(value))
        case Swap(old, new):
            return connection.put(key, str(new), prevValue=old)


def _meaning(request: Request, reply: HttpReply) -> Reply | None:
    """What a reply says of the register; None if it leaves open what happened."""
    if reply.status >= 500:
        return None
    document = reply.json()
    if reply.status in (200, 201):
        return ("value", int(document["node"]["value"])) if isinstance(request, Read) else ("done",)
    code = document.get("errorCode")
    if code == _KEY_NOT_FOUND:
        return ("value", None) if isinstance(request, Read) else ("refused",)
    if code == _COMPARE_FAILED and isinstance(request, Swap):
        return ("refused",)
    raise AssertionError(f"{request} was answered {reply.status} {reply.body!r}")

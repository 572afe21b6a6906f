"""What a watch does, as generators without I/O that both clients carry out.

`watching` gives every event once and in order; `following` gives the state first, and again whenever events
were lost. They yield what to do next: `Open`, `More`, `Fetch` and `Pause` are to be done and answered, `Told`
is for the caller.

The rules that make it gap-free against etcd's own servers:

- The next request asks from the index after the last event, so nothing between two requests is missed.
- Without `stream` one event ends each request. With it etcd's server (not ours) sends one old event and is
  silent from then on, and drops a slow reader without a word; that is why it is not the default.
- An index that was seen already is dropped: etcd's streams tell the end of a watched file twice.
- A start "from now" is the index at which the server accepted the watch, whatever happens to the connection.
- A server that is behind what was seen is asked through consensus whether the cluster is. If so, it is
  another cluster or was set up anew, and the watch would wait for an index that comes again with other
  events.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from coreos_py.client import keys, requests
from coreos_py.client._wire import Head, Reply
from coreos_py.client.errors import (
    AttemptError,
    EtcdError,
    EventsLostError,
    HistoryClearedError,
    IndexResetError,
    InvalidReplyError,
    KeyNotFoundError,
    NotADirError,
    ServerError,
    UnavailableError,
)
from coreos_py.client.operation import decode_result
from coreos_py.client.requests import Request
from coreos_py.client.steps import Fetch, More, Open, Pause, Setting, Snapshot, Steps, Target, Told

PAUSE_S = 0.05
PAUSE_MAX_S = 1.0
"""Between two tries of a watch that is ended at once and without an event, or refused; doubled each time."""


def accepted(reply: Reply) -> Head:
    """The head of a watch that was accepted. Raises what the server says when it was not."""
    if reply.head.status != 200:
        decode_result(reply)
        raise InvalidReplyError(f"client: a watch was answered with HTTP status {reply.head.status}")
    return reply.head


class _Patience:
    """Pauses that grow while nothing comes of trying, and an end of trying."""

    def __init__(self, setting: Setting) -> None:
        self.clock = setting.clock
        self._outage_s = setting.outage_s
        self._pause_s = 0.0
        self._since: float | None = None
        self.has_reached = False

    def reached(self) -> None:
        """A server has accepted."""
        self._since = None
        self.has_reached = True

    def fruitful(self) -> None:
        """An event came, or a watch lasted."""
        self._pause_s = 0.0

    def next_pause(self) -> Pause:
        """How long to wait after a try that gave nothing."""
        self._pause_s = min(PAUSE_MAX_S, max(PAUSE_S, self._pause_s * 2))
        return Pause(self._pause_s)

    def failed(self, error: EtcdError) -> Pause:
        """Nobody answers. Raises the error when it is not worth going on."""
        if isinstance(error, ServerError) and error.status < 500:
            raise error
        now = self.clock()
        self._since = self._since if self._since is not None else now
        # Who was never there is more likely a wrong address than an outage.
        if not self.has_reached or (self._outage_s is not None and now - self._since >= self._outage_s):
            raise error
        return self.next_pause()


def watching(target: Target, wait_index: int, setting: Setting) -> Steps[keys.Result]:
    """Every event at or after `wait_index` (0: from now on), once and in order, without an end.

    Raises `EventsLostError` when that cannot be kept any more.
    """
    return _watch(target, wait_index, 0, _Patience(setting))


def following(target: Target, setting: Setting) -> Steps[Snapshot | keys.Result]:
    """A `Snapshot`, then every event after it; a new snapshot each time events were lost."""
    patience = _Patience(setting)
    while True:
        snapshot = yield from _snapshot(target, patience)
        yield Told(snapshot)
        try:
            yield from _watch(target, snapshot.etcd_index + 1, snapshot.etcd_index, patience)
        except EventsLostError:
            # A history that is lost faster than it can be read must not become a busy loop.
            yield patience.next_pause()


def _watch(target: Target, wait_index: int, seen_index: int, patience: _Patience) -> Steps[Any]:
    """`seen_index` is known to exist, 0 if none is: an index that a caller gave may well be a future one."""
    cluster_id = ""
    while True:
        key, recursive, stream = target
        began = patience.clock()
        request = requests.wait(key, wait_index=wait_index, recursive=recursive, stream=stream)
        try:
            head: Head = yield Open(request)
        except (UnavailableError, AttemptError, ServerError) as error:
            if isinstance(error, EventsLostError):
                raise
            yield patience.failed(error)
            continue
        patience.reached()
        cluster_id = cluster_id or head.cluster_id
        if head.cluster_id and head.cluster_id != cluster_id:
            raise IndexResetError("the endpoint belongs to another cluster than before")
        if not wait_index and head.etcd_index:
            wait_index = head.etcd_index + 1
            seen_index = head.etcd_index
        if 0 < head.etcd_index < seen_index:
            yield from _expect_index(target, seen_index, patience)
        has_told = False
        while (line := (yield More())) is not None:
            if not line.strip():
                continue
            try:
                event = keys.decode_event(line)
            except HistoryClearedError:
                raise
            except ServerError:
                # It says why it ends, and its end follows. What comes next is asked for again.
                continue
            if event.node.modified_index < wait_index:
                continue
            wait_index = event.node.modified_index + 1
            seen_index = event.node.modified_index
            has_told = True
            patience.fruitful()
            if target.concerns(event):
                yield Told(keys.Result(event, head.etcd_index))
        # Asked again without a pause, a server that ends every watch at once would be asked for ever.
        if not has_told:
            if patience.clock() - began < PAUSE_MAX_S:
                yield patience.next_pause()
            else:
                patience.fruitful()


def _expect_index(target: Target, seen_index: int, patience: _Patience) -> Steps[Any]:
    """Raise `IndexResetError` unless the cluster as a whole has the index that was seen."""
    index = (yield from _read(requests.get(target.key, quorum=True), patience)).etcd_index
    if index < seen_index:
        raise IndexResetError(f"index {seen_index} was seen before, and now the cluster is at {index}")


def _snapshot(target: Target, patience: _Patience) -> Generator[Any, Any, Snapshot]:
    return (yield from _read(requests.get(target.key, recursive=target.recursive, quorum=True), patience))


def _read(request: Request, patience: _Patience) -> Generator[Any, Any, Snapshot]:
    """Read through consensus: never older than anything that was seen before."""
    while True:
        try:
            reply: Reply = yield Fetch(request)
            result = decode_result(reply)
        except (KeyNotFoundError, NotADirError) as missing:
            patience.reached()
            return Snapshot(None, missing.index)
        except (UnavailableError, AttemptError, ServerError) as error:
            yield patience.failed(error)
        else:
            patience.reached()
            return Snapshot(result.node, result.etcd_index)

"""A server's watches as etcd has them, cut, refused and cleared by chance; and who carries out steps."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from coreos_py.client import HistoryClearedError, ServerError, UnavailableError
from coreos_py.client._wire import Head, Reply
from coreos_py.client.errors import server_error
from coreos_py.client.requests import Request
from coreos_py.client.steps import Fetch, More, Open, Pause, Steps, Told

TOP = "/w"
KEYS = ["/w/a", "/w/b", "/w/d/c", "/w/_hidden", "/w/d/_h/x", "/other", "/w2"]
#: Of these, a recursive watch on TOP is told live.
TOLD = {"/w/a", "/w/b", "/w/d/c"}


@dataclass(frozen=True)
class Change:
    """One event of the store."""

    index: int
    key: str
    is_set: bool

    def line(self) -> bytes:
        """As the server sends it."""
        node: dict[str, Any] = {"key": self.key, "modifiedIndex": self.index, "createdIndex": self.index}
        if self.is_set:
            node["value"] = str(self.index)
        return json.dumps({"action": "set" if self.is_set else "delete", "node": node}).encode()


class Store:
    """All changes so far; `cleared` is the index up to which they are forgotten."""

    def __init__(self, chance: random.Random, *, history: int) -> None:
        self.chance = chance
        self.changes: list[Change] = []
        self.index = 3
        self._history = history

    def change(self) -> None:
        """One more, by somebody."""
        self.index += 1
        key = self.chance.choice(KEYS)
        self.changes.append(Change(self.index, key, self.chance.random() < 0.7 or key not in self.files()))

    @property
    def cleared(self) -> int:
        """The newest index that is forgotten."""
        return max(0, self.index - self._history)

    def files(self, at_index: int | None = None) -> dict[str, str]:
        """Keys and values at an index, the present one if none is given."""
        files: dict[str, str] = {}
        for one in self.changes:
            if at_index is not None and one.index > at_index:
                break
            if one.is_set:
                files[one.key] = str(one.index)
            else:
                files.pop(one.key, None)
        return files

    def told(self, after: int, upto: int) -> list[int]:
        """The indexes that a recursive watch on TOP is told."""
        return [one.index for one in self.changes if after < one.index <= upto and one.key in TOLD]


class Watched:
    """Carries out the steps of a watch against the store, with trouble at every turn."""

    def __init__(self, store: Store, *, stream: bool, trouble: float) -> None:
        self.store = store
        self.chance = store.chance
        self.stream = stream
        self.trouble = trouble
        self.started_at = 0
        self.now = 0.0
        self._wait_index = 0
        self._is_open = False
        self._last: bytes | None = None

    def items(self, steps: Steps[Any], count: int) -> list[Any]:
        """The first `count` items that the steps tell. Raises what they raise."""
        told: list[Any] = []
        self.collect(steps, count, told)
        return told

    def collect(self, steps: Steps[Any], count: int, told: list[Any]) -> None:
        """The same into a list, which has what was told before an error."""
        step = next(steps)
        while len(told) < count:
            for _ in range(self.chance.randrange(3)):
                self.store.change()
            if isinstance(step, Told):
                told.append(step.item)
                step = steps.send(None)
            elif isinstance(step, Pause):
                assert 0 < step.seconds <= 1.0
                self.now += step.seconds
                step = steps.send(None)
            else:
                self.now += self.chance.random()
                try:
                    outcome = self._more() if isinstance(step, More) else self._asked(step)
                except (UnavailableError, ServerError) as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)

    def _has_trouble(self) -> bool:
        return self.started_at > 0 and self.chance.random() < self.trouble

    def _asked(self, step: Open | Fetch) -> Head | Reply:
        if self._has_trouble():
            if self.chance.random() < 0.5:
                raise UnavailableError(["connection refused"], reached=False)
            raise server_error(500, 300, "Raft Internal Error", "timed out", 0)
        head = Head(200, {"x-etcd-index": str(self.store.index), "x-etcd-cluster-id": "c"})
        if isinstance(step, Fetch):
            self.started_at = self.started_at or self.store.index
            return self._read(step.request, head)
        query = parse_qs(urlsplit(step.request.target).query)
        self._wait_index = int(query.get("waitIndex", ["0"])[0])
        if 0 < self._wait_index <= self.store.cleared:
            cleared = server_error(400, 401, "The event in requested index is outdated and cleared", "", 0)
            assert isinstance(cleared, HistoryClearedError)
            raise cleared
        self.started_at = self.started_at or self.store.index
        self._wait_index = self._wait_index or self.store.index + 1
        self._is_open = True
        self._last = None
        return head

    def _read(self, request: Request, head: Head) -> Reply:
        assert "quorum=true" in request.target
        nodes = [
            {"key": key, "value": value, "modifiedIndex": int(value), "createdIndex": int(value)}
            for key, value in self.store.files().items()
            if key in TOLD
        ]
        node = {"key": TOP, "dir": True, "nodes": nodes, "modifiedIndex": 1, "createdIndex": 1}
        return Reply(head, json.dumps({"action": "get", "node": node}).encode())

    def _more(self) -> bytes | None:
        if self._last is not None and not self.stream:
            return None
        if self._has_trouble():
            self._is_open = False
            return None
        if self._last is not None and self.chance.random() < 0.2:
            # etcd's streams tell the end of a watched file twice.
            return self._last
        while not (due := self._due()):
            self.store.change()
        self._wait_index = due.index + 1
        self._last = due.line()
        return self._last

    def _due(self) -> Change | None:
        """What the server tells next: of the past, etcd's own server also finds what is hidden."""
        return next(
            (
                one
                for one in self.store.changes
                if one.index >= self._wait_index and one.key.startswith(f"{TOP}/")
            ),
            None,
        )

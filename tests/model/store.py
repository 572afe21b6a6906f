"""The key space of etcd v2, as plainly as it can be written: one dict from paths to nodes.

Nothing here is fast or shared with the product. It takes the operations of the HTTP API (method, path and
parameters that have been found valid) and gives the answer's JSON object, the status, and the events that
watchers are due. Behaviour is the fixed one unless `upstream` is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]
NS = 1_000_000_000
STATUS = {100: 404, 101: 412, 102: 403, 104: 400, 105: 412, 107: 400, 108: 403}
MESSAGE = {
    100: "Key not found",
    101: "Compare failed",
    102: "Not a file",
    104: "Not a directory",
    105: "Key already exists",
    107: "Root is read only",
    108: "Directory not empty",
}


class Refused(Exception):
    """An operation that the store refuses."""

    def __init__(self, code: int, cause: str) -> None:
        super().__init__(f"{code} {cause}")
        self.code = code
        self.cause = cause


@dataclass
class Node:
    """A file (`value` is a string) or a directory (`value` is None)."""

    value: str | None
    created: int
    modified: int
    deadline_ns: int | None = None

    @property
    def is_dir(self) -> bool:
        return self.value is None


@dataclass(frozen=True)
class Event:
    """What an operation did. `removed` are the paths that ceased to exist below (and with) its key."""

    index: int
    answer: Json
    silent: bool = False
    removed: frozenset[str] = field(default_factory=frozenset)

    @property
    def key(self) -> str:
        key: str = self.answer["node"]["key"]
        return key

    def concerns(self, watched: str, *, recursive: bool) -> bool:
        """Whether a watch on a path is told."""
        if self.silent:
            return False
        if self.key == watched or watched in self.removed:
            return True
        prefix = watched.rstrip("/") + "/"
        below = self.key[len(prefix) :]
        hidden = any(name.startswith("_") for name in below.split("/"))
        return recursive and self.key.startswith(prefix) and not hidden


@dataclass(frozen=True)
class Result:
    """HTTP status, the object of the body, and the index of X-Etcd-Index."""

    status: int
    answer: Json
    index: int


@dataclass(frozen=True)
class Params:
    """The parameters of one request. `prev_value` None and `prev_index` 0 are "not given"."""

    value: str = ""
    dir: bool = False
    ttl_s: int | None = None
    prev_exist: bool | None = None
    prev_value: str | None = None
    prev_index: int = 0
    recursive: bool = False
    refresh: bool = False

    @property
    def compares(self) -> bool:
        return self.prev_value is not None or self.prev_index > 0


class Store:
    """All nodes, the index, and every event since the start."""

    def __init__(self, index: int = 0, *, upstream: bool = False) -> None:
        self.nodes: dict[str, Node] = {"/": Node(None, 0, 0)}
        self.index = index
        self.now_ns = 0
        self.events: list[Event] = []
        self.upstream = upstream

    def request(self, method: str, path: str, params: Params) -> Result:
        """Carry out one request; errors come back as their JSON object."""
        try:
            if method == "GET":
                return Result(200, self.get(path, params), self.index)
            event = self._write(method, path, params)
        except Refused as refused:
            answer = {"errorCode": refused.code, "message": MESSAGE[refused.code]}
            if refused.cause:
                answer["cause"] = refused.cause
            answer["index"] = self.index
            return Result(STATUS[refused.code], answer, self.index)
        self.events.append(event)
        action = event.answer["action"]
        created = action == "create" or (action == "set" and "prevNode" not in event.answer)
        return Result(201 if created else 200, event.answer, self.index)

    def _write(self, method: str, path: str, params: Params) -> Event:
        if method == "POST":
            return self._create_in_order(path, params)
        if method == "DELETE":
            return self._delete(path, params)
        if params.prev_exist is False:
            return self._create(path, params)
        if params.compares:
            return self._compare_and_swap(path, params)
        return self._update(path, params) if params.prev_exist else self._set(path, params)

    def get(self, path: str, params: Params) -> Json:
        """The object of a GET, children sorted."""
        self._find(path)
        return {"action": "get", "node": self._listing(path, recursive=params.recursive, top=True)}

    def first_event(self, watched: str, *, recursive: bool, since: int) -> Event | None:
        """What a watch with this waitIndex is given at once; None when it has to wait."""
        due = (e for e in self.events if e.index >= since)
        return next((e for e in due if e.concerns(watched, recursive=recursive)), None)

    def show(self, path: str) -> Json:
        """A node's object without its children."""
        return self._show(path)

    def expire(self) -> list[Event]:
        """Remove what is due at `now_ns`, oldest deadline first."""
        done: list[Event] = []
        while True:
            due = [
                (node.deadline_ns, path)
                for path, node in self.nodes.items()
                if node.deadline_ns is not None and node.deadline_ns <= self.now_ns
            ]
            if not due:
                return done
            done.append(self._remove(min(due)[1], "expire"))
            self.events.append(done[-1])

    def _set(self, path: str, params: Params) -> Event:
        value = params.value
        old = self._maybe(path)
        if params.refresh:
            if old is None:
                raise Refused(100, self._missing(path))
            value = old.value or ""
            if not self.upstream:
                # Only the time to live changes, so a file stays one.
                params = replace(params, dir=False)
        return self._place(path, params, value, "set", replace=True)

    def _create(self, path: str, params: Params) -> Event:
        if params.compares and not self.upstream and path != "/" and self._maybe(path) is None:
            # Both conditions were given and cannot hold together.
            raise Refused(100, self._missing(path))
        return self._place(path, params, params.value, "create", replace=False)

    def _create_in_order(self, path: str, params: Params) -> Event:
        child = f"{path.rstrip('/')}/{self.index + 1:020}"
        return self._place(child, params, params.value, "create", replace=False)

    def _place(self, path: str, params: Params, value: str, action: str, *, replace: bool) -> Event:
        if path == "/":
            raise Refused(107, "/")
        missing = []
        for parent in _parents(path):
            node = self.nodes.get(parent)
            if node is None:
                missing.append(parent)
            elif not node.is_dir:
                raise Refused(104, parent)
        old = self.nodes.get(path)
        if old is not None and not replace:
            raise Refused(105, path)
        if old is not None and old.is_dir:
            raise Refused(102, path)
        before = self._show(path) if old is not None else None
        self.index += 1
        for parent in missing:
            self.nodes[parent] = Node(None, self.index, self.index)
        self.nodes[path] = Node(None if params.dir else value, self.index, self.index, self._deadline(params))
        return self._event(action, self._show(path), before, silent=params.refresh and replace)

    def _update(self, path: str, params: Params) -> Event:
        if path == "/":
            raise Refused(107, "/")
        node = self._find(path)
        if node.is_dir and params.value:
            raise Refused(102, path)
        return self._rewrite(path, node, params, "update")

    def _compare_and_swap(self, path: str, params: Params) -> Event:
        if path == "/":
            raise Refused(107, "/")
        node = self._find(path)
        if node.is_dir:
            raise Refused(102, path)
        _compare(node, params)
        return self._rewrite(path, node, params, "compareAndSwap")

    def _rewrite(self, path: str, node: Node, params: Params, action: str) -> Event:
        before = self._show(path)
        self.index += 1
        if not node.is_dir:
            node.modified = self.index
            node.value = node.value if params.refresh else params.value
        node.deadline_ns = self._deadline(params)
        shown = {**self._show(path), "modifiedIndex": self.index, "createdIndex": node.created}
        return self._event(action, shown, before, silent=params.refresh)

    def _delete(self, path: str, params: Params) -> Event:
        if path == "/":
            raise Refused(107, "/")
        node = self._find(path)
        if params.compares:
            if node.is_dir:
                raise Refused(102, path)
            _compare(node, params)
            return self._remove(path, "compareAndDelete")
        if node.is_dir and not (params.dir or params.recursive):
            raise Refused(102, path)
        if node.is_dir and not params.recursive and any(self._below(path)):
            raise Refused(108, path)
        return self._remove(path, "delete")

    def _remove(self, path: str, action: str) -> Event:
        before = self._show(path)
        removed = frozenset([path, *self._below(path)])
        node = self.nodes[path]
        self.index += 1
        for gone in removed:
            del self.nodes[gone]
        shown: Json = {"key": path}
        if node.is_dir:
            shown["dir"] = True
        shown |= {"modifiedIndex": self.index, "createdIndex": node.created}
        return self._event(action, shown, before, removed=removed)

    def _event(
        self,
        action: str,
        node: Json,
        before: Json | None,
        *,
        silent: bool = False,
        removed: frozenset[str] = frozenset(),
    ) -> Event:
        answer: Json = {"action": action, "node": node}
        if before is not None:
            answer["prevNode"] = before
        return Event(self.index, answer, silent, removed)

    def _deadline(self, params: Params) -> int | None:
        return None if params.ttl_s is None else self.now_ns + params.ttl_s * NS

    def _show(self, path: str) -> Json:
        node = self.nodes[path]
        shown: Json = {"key": path}
        if node.value is None:
            shown["dir"] = True
        else:
            shown["value"] = node.value
        if node.deadline_ns is not None:
            shown["expiration"] = "<T>"
            if (left_ns := node.deadline_ns - self.now_ns) > 0:
                shown["ttl"] = -(-left_ns // NS)
        return {**shown, "modifiedIndex": node.modified, "createdIndex": node.created}

    def _listing(self, path: str, *, recursive: bool, top: bool) -> Json:
        shown = self._show(path)
        if self.nodes[path].is_dir and (recursive or top):
            children = [
                self._listing(child, recursive=recursive, top=False)
                for child in sorted(self._below(path), key=str.encode)
                if "/" not in (name := child[len(path.rstrip("/")) + 1 :]) and not name.startswith("_")
            ]
            if children:
                tail = {key: shown.pop(key) for key in ("modifiedIndex", "createdIndex")}
                shown |= {"nodes": children, **tail}
        if path == "/":
            return {key: shown[key] for key in ("dir", "nodes") if key in shown}
        return shown

    def _below(self, path: str) -> Iterator[str]:
        prefix = path.rstrip("/") + "/"
        return (other for other in self.nodes if other.startswith(prefix) and other != "/")

    def _missing(self, path: str) -> str:
        return next(p for p in [*_parents(path), path] if p not in self.nodes)

    def _maybe(self, path: str) -> Node | None:
        """The node, None when it is missing; refuses a way that leads through a file."""
        for parent in _parents(path):
            node = self.nodes.get(parent)
            if node is None:
                return None
            if not node.is_dir:
                raise Refused(104, parent)
        return self.nodes.get(path)

    def _find(self, path: str) -> Node:
        node = self._maybe(path)
        if node is None:
            raise Refused(100, self._missing(path))
        return node


def _parents(path: str) -> list[str]:
    """``/a/b/c`` gives ``/a`` and ``/a/b``."""
    names = path.split("/")[1:]
    return ["/" + "/".join(names[:depth]) for depth in range(1, len(names))]


def _compare(node: Node, params: Params) -> None:
    faults = []
    if params.prev_value is not None and params.prev_value != node.value:
        faults.append(f"[{params.prev_value} != {node.value}]")
    if params.prev_index and params.prev_index != node.modified:
        faults.append(f"[{params.prev_index} != {node.modified}]")
    if faults:
        raise Refused(101, " ".join(faults))

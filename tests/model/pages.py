"""Listings in pages as docs/v2-extensions.md has them, over the naive store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.model.store import Json, Store

Order = Callable[[str], list[bytes]]


def depth_first(key: str) -> list[bytes]:
    """What keys are ordered by: segment by segment, each by its bytes."""
    return [name.encode() for name in key.split("/")[1:]]


def as_text(key: str) -> list[bytes]:
    """A wrong order, for controls: `/a-` before `/a/b`."""
    return [key.encode()]


@dataclass(frozen=True)
class Look:
    """The parameters of a listing."""

    recursive: bool = False
    keys_only: bool = False
    count: bool = False
    limit: int | None = None
    after: str | None = None


def listing(store: Store, top: str, look: Look, order: Order = depth_first) -> Json:
    """The object of a GET with `limit`, `after` or `count`."""
    prefix = top.rstrip("/") + "/"
    below = [key for key in store.nodes if key.startswith(prefix) and key != "/"]
    shown = [key for key in sorted(below, key=order) if _is_shown(key[len(prefix) :], look)]
    if look.after is not None:
        after = [] if look.after == "/" else depth_first(look.after)
        shown = [key for key in shown if depth_first(key) > after]
    page = shown if look.limit is None else shown[: look.limit]
    node = _node(store, top, look)
    if page and not look.count:
        tail: Json = {name: node.pop(name) for name in ("modifiedIndex", "createdIndex") if name in node}
        node |= {"nodes": [_node(store, key, look) for key in page]} | tail
    answer: Json = {"action": "get", "node": node}
    if look.count:
        answer["count"] = len(page)
    if look.limit is not None or look.after is not None:
        answer["more"] = len(page) < len(shown)
        if answer["more"]:
            answer["next"] = page[-1]
    return answer


def _is_shown(below: str, look: Look) -> bool:
    names = below.split("/")
    return not any(name.startswith("_") for name in names) and (look.recursive or len(names) == 1)


def _node(store: Store, key: str, look: Look) -> Json:
    node = store.show(key)
    if look.keys_only:
        node.pop("value", None)
    return {"dir": True} if key == "/" else node

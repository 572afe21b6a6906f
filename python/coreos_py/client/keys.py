"""Typed results of the key space: nodes and events."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from coreos_py.client._json import NOT_JSON, as_list, as_object, number_of, parse_object, text_of
from coreos_py.client.errors import InvalidReplyError, ServerError, server_error


class Node(NamedTuple):
    """A file or a directory as one reply showed it.

    `value` is `""` for directories and removals. `nodes` is None where the reply lists no children.
    `expiration` is the server's own text (RFC 3339, UTC), `ttl_s` whole seconds; both are empty or 0 without
    a time limit.
    """

    key: str
    is_dir: bool
    value: str
    nodes: list[Node] | None
    created_index: int
    modified_index: int
    expiration: str
    ttl_s: int

    def walk(self) -> Iterator[Node]:
        """All nodes below this one that the reply lists, each before its own children."""
        for child in self.nodes or ():
            yield child
            yield from child.walk()


class Event(NamedTuple):
    """What an operation did, or what a watch was told."""

    action: str
    node: Node
    prev_node: Node | None

    @property
    def concerns_dir(self) -> bool:
        """True when the node is or was a directory (older servers leave `dir` out when one expires)."""
        return self.node.is_dir or (
            self.action in ("expire", "delete") and self.prev_node is not None and self.prev_node.is_dir
        )


class Result(NamedTuple):
    """An event with the server's numbers when it was answered (0 when the server did not say)."""

    event: Event
    etcd_index: int
    raft_index: int = 0
    raft_term: int = 0

    @property
    def action(self) -> str:
        """`get`, `set`, `create`, `update`, `delete`, `expire`, `compareAndSwap` or `compareAndDelete`."""
        return self.event.action

    @property
    def node(self) -> Node:
        """The node after the operation."""
        return self.event.node

    @property
    def prev_node(self) -> Node | None:
        """The node before it, where there was one and the operation changed it."""
        return self.event.prev_node

    @property
    def value(self) -> str:
        """The node's value."""
        return self.event.node.value


def decode_event(body: bytes) -> Event:
    """Read one success reply or watch event.

    Raises `InvalidReplyError`, or the `ServerError` that stands in its place: a watch is accepted before
    it is known how it ends.
    """
    fields = parse_object(body)
    if "errorCode" in fields:
        raise decode_error(200, body)
    node = fields.get("node")
    previous = fields.get("prevNode")
    if node is None:
        raise InvalidReplyError(NOT_JSON)
    return Event(text_of(fields, "action"), _node(node), None if previous is None else _node(previous))


REFUSED_UNREAD = (413, 414, 421, 431)
"""A body, target, host or headers that a server does not take. It says so in plain text, before it looks at
what is asked: nothing was carried out."""


def decode_error(status: int, body: bytes) -> ServerError:
    """Read an error reply of any endpoint. Raises `InvalidReplyError` when it is none (a proxy's page)."""
    fields = parse_object(body)
    if "message" not in fields:
        raise InvalidReplyError(NOT_JSON)
    return server_error(
        status,
        number_of(fields, "errorCode"),
        text_of(fields, "message"),
        text_of(fields, "cause"),
        number_of(fields, "index"),
    )


def raise_for_status(status: int, body: bytes) -> None:
    """Raise the `ServerError` that a reply tells of, `InvalidReplyError` when it is none of etcd's."""
    if 200 <= status < 300:
        return
    # A method or a path that this server does not have is answered in plain text.
    raise decode_plain(status, body, (404, 405, *REFUSED_UNREAD)) or decode_error(status, body)


def decode_plain(status: int, body: bytes, statuses: Collection[int]) -> ServerError | None:
    """Read an error reply of one of these statuses that is plain text: its first line is the message."""
    text = body.decode("utf-8", "replace").strip()
    if status not in statuses or not text or text.startswith(("{", "<")):
        return None
    return ServerError(status, 0, text.splitlines()[0], "", 0)


def decode_client_urls(body: bytes) -> list[str]:
    """All client URLs in a reply of `/v2/members`. Raises `InvalidReplyError`."""
    urls: list[str] = []
    for member in as_list(parse_object(body).get("members")):
        urls.extend(url for url in as_list(as_object(member).get("clientURLs")) if isinstance(url, str))
    return urls


def _node(value: Any) -> Node:
    fields = as_object(value)
    children = fields.get("nodes")
    return Node(
        key=text_of(fields, "key"),
        is_dir=fields.get("dir") is True,
        value=text_of(fields, "value"),
        nodes=None if children is None else [_node(child) for child in as_list(children)],
        created_index=number_of(fields, "createdIndex"),
        modified_index=number_of(fields, "modifiedIndex"),
        expiration=text_of(fields, "expiration"),
        ttl_s=number_of(fields, "ttl"),
    )

"""Typed results of the key space: nodes and events."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from coreos_py.client.errors import InvalidReplyError, ServerError

NOT_JSON = "client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint."


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
    """An event with the store's index when it was answered (0 when the server did not say)."""

    event: Event
    etcd_index: int


def decode_event(body: bytes) -> Event:
    """Read one success reply or watch event. Raises `InvalidReplyError`."""
    fields = _object(body)
    node = fields.get("node")
    previous = fields.get("prevNode")
    if node is None:
        raise InvalidReplyError(NOT_JSON)
    return Event(_text(fields, "action"), _node(node), None if previous is None else _node(previous))


def decode_error(status: int, body: bytes) -> ServerError:
    """Read an error reply of any endpoint. Raises `InvalidReplyError` when it is none (a proxy's page)."""
    fields = _object(body)
    if "message" not in fields:
        raise InvalidReplyError(NOT_JSON)
    return ServerError(
        status,
        _number(fields, "errorCode"),
        _text(fields, "message"),
        _text(fields, "cause"),
        _number(fields, "index"),
    )


def decode_client_urls(body: bytes) -> list[str]:
    """All client URLs in a reply of `/v2/members`. Raises `InvalidReplyError`."""
    urls: list[str] = []
    for member in _list(_object(body).get("members")):
        if not isinstance(member, dict):
            raise InvalidReplyError(NOT_JSON)
        urls.extend(url for url in _list(member.get("clientURLs")) if isinstance(url, str))
    return urls


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise InvalidReplyError(NOT_JSON) from error
    except RecursionError as error:
        raise InvalidReplyError("client: the reply is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise InvalidReplyError(NOT_JSON)
    return parsed


def _node(fields: Any) -> Node:
    if not isinstance(fields, dict):
        raise InvalidReplyError(NOT_JSON)
    children = fields.get("nodes")
    return Node(
        key=_text(fields, "key"),
        is_dir=fields.get("dir") is True,
        value=_text(fields, "value"),
        nodes=None if children is None else [_node(child) for child in _list(children)],
        created_index=_number(fields, "createdIndex"),
        modified_index=_number(fields, "modifiedIndex"),
        expiration=_text(fields, "expiration"),
        ttl_s=_number(fields, "ttl"),
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidReplyError(NOT_JSON)
    return value


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidReplyError(NOT_JSON)
    return value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidReplyError(NOT_JSON)
    return value

"""Reading the JSON of replies: what is not of the expected shape does not come from an etcd server."""

from __future__ import annotations

import json
from typing import Any

from coreos_py.client.errors import InvalidReplyError

NOT_JSON = "client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint."


def parse_object(body: bytes) -> dict[str, Any]:
    """The object that a body holds. Raises `InvalidReplyError`, as all of these do."""
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise InvalidReplyError(NOT_JSON) from error
    except RecursionError as error:
        raise InvalidReplyError("client: the reply is nested too deeply") from error
    return as_object(parsed)


def as_object(value: Any) -> dict[str, Any]:
    """An object inside a reply."""
    if not isinstance(value, dict):
        raise InvalidReplyError(NOT_JSON)
    return value


def as_list(value: Any) -> list[Any]:
    """A list; an empty one for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidReplyError(NOT_JSON)
    return value


def text_of(fields: dict[str, Any], name: str) -> str:
    """A text, empty when it is missing or null."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidReplyError(NOT_JSON)
    return value


def texts_of(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts, empty when it is missing or null."""
    texts = as_list(fields.get(name))
    if not all(isinstance(text, str) for text in texts):
        raise InvalidReplyError(NOT_JSON)
    return tuple(texts)


def number_of(fields: dict[str, Any], name: str) -> int:
    """An integer, 0 when it is missing or null."""
    value = fields.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidReplyError(NOT_JSON)
    return value

"""Parsed JSON, read field by field: what has another type than it must have is no etcd's reply."""

from __future__ import annotations

import json
from typing import Any

from coreos_py.client.errors import InvalidReplyError

NOT_JSON = "client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint."


def object_of(body: bytes) -> dict[str, Any]:
    """The object that a body is. Raises `InvalidReplyError`."""
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise InvalidReplyError(NOT_JSON) from error
    except RecursionError as error:
        raise InvalidReplyError("client: the reply is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise InvalidReplyError(NOT_JSON)
    return parsed


def text_of(fields: Any, name: str) -> str:
    """A text field, empty when it is left out. Raises `InvalidReplyError`."""
    if not isinstance(fields, dict):
        raise InvalidReplyError(NOT_JSON)
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidReplyError(NOT_JSON)
    return value


def number_of(fields: dict[str, Any], name: str) -> int:
    """A whole-number field, 0 when it is left out. Raises `InvalidReplyError`."""
    value = fields.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidReplyError(NOT_JSON)
    return value


def list_of(value: Any) -> list[Any]:
    """A list, empty when it is null or left out. Raises `InvalidReplyError`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidReplyError(NOT_JSON)
    return value


def float_of(fields: dict[str, Any], name: str) -> float:
    """A number field, 0 when it is left out. Raises `InvalidReplyError`."""
    value = fields.get(name, 0)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidReplyError(NOT_JSON)
    return float(value)


def fields_of(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """An object inside an object, empty when it is left out. Raises `InvalidReplyError`."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidReplyError(NOT_JSON)
    return value


def texts_of(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts, empty when it is null or left out. Raises `InvalidReplyError`."""
    texts = list_of(fields.get(name))
    if not all(isinstance(text, str) for text in texts):
        raise InvalidReplyError(NOT_JSON)
    return tuple(texts)

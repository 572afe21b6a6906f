"""The member list of a cluster: requests for it, and its replies as typed values. No I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from coreos_py.client._json import NOT_JSON, as_list, as_object, parse_object, text_of, texts_of
from coreos_py.client._text import path_segment
from coreos_py.client.errors import InvalidReplyError
from coreos_py.client.keys import raise_for_status
from coreos_py.client.requests import JSON, Request

_PREFIX = "/v2/members"


class Member(NamedTuple):
    """One member. `id` is the server's own hexadecimal text; `name` is empty until it has started once."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]

    @property
    def is_started(self) -> bool:
        """Whether it has ever told the others its name."""
        return bool(self.name)


def list_members() -> Request:
    """All members, as the answering one knows them; needs no leader. Decode with `decode_members`."""
    return Request("GET", _PREFIX, None, repeatable=True)


def leader() -> Request:
    """The leader, 503 without one. Decode with `decode_member`."""
    return Request("GET", f"{_PREFIX}/leader", None, repeatable=True)


def add(peer_urls: Sequence[str]) -> Request:
    """A new member at these peer URLs. Decode with `decode_member`."""
    return Request("POST", _PREFIX, _peer_urls(peer_urls), repeatable=False, content_type=JSON)


def update(member_id: str, peer_urls: Sequence[str]) -> Request:
    """New peer URLs of a member. Decode with `decode_done`."""
    target = f"{_PREFIX}/{path_segment(member_id)}"
    return Request("PUT", target, _peer_urls(peer_urls), repeatable=True, content_type=JSON)


def remove(member_id: str) -> Request:
    """Remove a member for good. Decode with `decode_done`."""
    return Request("DELETE", f"{_PREFIX}/{path_segment(member_id)}", None, repeatable=False)


def health() -> Request:
    """Whether the member that is asked can serve. Decode with `decode_health`."""
    return Request("GET", "/health", None, repeatable=True)


def decode_members(status: int, body: bytes) -> list[Member]:
    """The reply to `list_members`. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return [_member(fields) for fields in as_list(parse_object(body).get("members"))]


def decode_member(status: int, body: bytes) -> Member:
    """The reply to `leader` or `add`. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)
    return _member(parse_object(body))


def decode_done(status: int, body: bytes) -> None:
    """The reply to `update` or `remove`, which is empty. Raises `ServerError`, `InvalidReplyError`."""
    raise_for_status(status, body)


def decode_health(status: int, body: bytes) -> bool:
    """The reply to `health`, of any status. Raises `InvalidReplyError` for what is none."""
    told = parse_object(body).get("health")
    if not isinstance(told, str | bool):
        raise InvalidReplyError(NOT_JSON)
    return status == 200 and told in ("true", True)


def _peer_urls(urls: Sequence[str]) -> str:
    return json.dumps({"peerURLs": list(urls)}, separators=(",", ":"))


def _member(fields: Any) -> Member:
    words = as_object(fields)
    return Member(
        id=text_of(words, "id"),
        name=text_of(words, "name"),
        peer_urls=texts_of(words, "peerURLs"),
        client_urls=texts_of(words, "clientURLs"),
    )

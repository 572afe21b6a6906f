"""The members of a cluster."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from coreos_py.client._json import list_of, object_of, text_of, texts_of
from coreos_py.client._text import quote_segment
from coreos_py.client.operation import Operation, decode_nothing, decoded_body
from coreos_py.client.requests import JSON, Request, members

PATH = "/v2/members"


class Member(NamedTuple):
    """One member. `name` and `client_urls` are empty until it has been started for the first time."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]


def list_members() -> Operation[list[Member]]:
    """All members."""

    def read(body: bytes) -> list[Member]:
        return [_member(fields) for fields in list_of(object_of(body).get("members"))]

    return Operation(members(), decoded_body(read))


def leader() -> Operation[Member]:
    """The leader. Raises `ServerError` with status 503 while there is none."""
    return Operation(Request("GET", f"{PATH}/leader", None, repeatable=True), decoded_body(_read_member))


def add(*peer_urls: str) -> Operation[Member]:
    """Make room for a member, which has to be started then.

    Raises `ServerError` 409 for a URL that is in use.
    """
    return Operation(_write("POST", PATH, peer_urls, repeatable=False), decoded_body(_read_member))


def update(member_id: str, *peer_urls: str) -> Operation[None]:
    """Give a member other peer URLs. Raises `ServerError` 404 for one that does not exist."""
    return Operation(_write("PUT", _path(member_id), peer_urls, repeatable=True), decode_nothing)


def remove(member_id: str) -> Operation[None]:
    """Remove a member for good. Raises `ServerError` 404, or 410 when that was done before."""
    return Operation(Request("DELETE", _path(member_id), None, repeatable=False), decode_nothing)


def _path(member_id: str) -> str:
    return f"{PATH}/{quote_segment(member_id)}"


def _write(method: str, path: str, peer_urls: tuple[str, ...], *, repeatable: bool) -> Request:
    return Request(method, path, json.dumps({"peerURLs": peer_urls}), repeatable, content_type=JSON)


def _read_member(body: bytes) -> Member:
    return _member(object_of(body))


def _member(fields: Any) -> Member:
    return Member(
        id=text_of(fields, "id"),
        name=text_of(fields, "name"),
        peer_urls=texts_of(fields, "peerURLs"),
        client_urls=texts_of(fields, "clientURLs"),
    )

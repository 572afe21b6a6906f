"""Operations on the members of a cluster."""

from __future__ import annotations

from coreos_py.client import members
from coreos_py.client.members import Member
from coreos_py.client.operation import Operation, by


def list_members() -> Operation[list[Member]]:
    """All members, as the one that answers knows them."""
    return Operation(members.list_members(), by(members.decode_members))


def leader() -> Operation[Member]:
    """The leader. Raises `ServerError` with status 503 while there is none."""
    return Operation(members.leader(), by(members.decode_member))


def add(*peer_urls: str) -> Operation[Member]:
    """Make room for a member, which has to be started then. Raises `ServerError` 409 for a URL in use."""
    return Operation(members.add(peer_urls), by(members.decode_member))


def update(member_id: str, *peer_urls: str) -> Operation[None]:
    """Give a member other peer URLs. Raises `ServerError` 404 for one that does not exist."""
    return Operation(members.update(member_id, peer_urls), by(members.decode_done))


def remove(member_id: str) -> Operation[None]:
    """Remove a member for good. Raises `ServerError` 404, or 410 when that was done before."""
    return Operation(members.remove(member_id), by(members.decode_done))


def health() -> Operation[bool]:
    """Whether the server that answers can take writes. etcd's own takes up to a second for it."""
    return Operation(members.health()._replace(takes_503=True), by(members.decode_health))

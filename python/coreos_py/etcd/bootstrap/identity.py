"""Ids as etcd computes them, to know a member from its flags before the engine runs."""

import hashlib
from collections.abc import Iterable

DEFAULT_TOKEN = "etcd-cluster"


def member_id(peer_urls: Iterable[str], token: str | None) -> int:
    """First eight bytes, big-endian, of SHA-1 over the sorted peer URLs and the token."""
    return _first_eight("".join(sorted(peer_urls)).encode() + (token or DEFAULT_TOKEN).encode())


def cluster_id(member_ids: Iterable[int]) -> int:
    """The same of SHA-1 over the ascending member ids, eight bytes each."""
    return _first_eight(b"".join(number.to_bytes(8, "big") for number in sorted(member_ids)))


def _first_eight(data: bytes) -> int:
    return int.from_bytes(hashlib.sha1(data, usedforsecurity=False).digest()[:8], "big")

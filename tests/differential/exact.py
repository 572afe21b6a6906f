"""When two replies are the same: everything counts but what cannot be equal on two members.

Not compared: raft index and term (their presence is), ids of members and clusters, dates, ports. Expirations
may be a second apart, and times to live with them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.support.wire import Reply

#: Headers whose value must agree.
HEADERS = ("Content-Type", "Allow", "Location", "X-Etcd-Index")
#: Headers of which only the presence must agree.
PRESENCE = ("X-Etcd-Cluster-Id", "X-Raft-Index", "X-Raft-Term")
SLACK_S = 1.0

_EXPIRATION = re.compile(rb'"expiration":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z"')
_TTL = re.compile(rb'"ttl":(-?\d+)')
_PORT = re.compile(rb"(127\.0\.0\.1:)\d+")
_ID = re.compile(rb'("(?:id|leader)":")[0-9a-f]{1,16}"')


@dataclass(frozen=True)
class Answer:
    """What is compared. `None` as a whole: the request was not answered in the time that it had."""

    status: int
    headers: tuple[str | None, ...]
    present: tuple[bool, ...]
    body: bytes
    expirations: tuple[float, ...]
    ttls: tuple[int, ...]


def seconds(text: str) -> float:
    """A time of RFC 3339 (without its final Z) in seconds since 1970."""
    whole, _, fraction = text.partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return moment.timestamp() + float(f"0.{fraction or '0'}")


def answer(reply: Reply) -> Answer:
    """A reply as it is compared."""
    expirations = tuple(seconds(found.decode()) for found in _EXPIRATION.findall(reply.body))
    ttls = tuple(int(found) for found in _TTL.findall(reply.body))
    body = _TTL.sub(b'"ttl":T', _EXPIRATION.sub(b'"expiration":"T"', reply.body))
    body = _ID.sub(rb'\1ID"', _PORT.sub(rb"\1PORT", body))
    return Answer(
        reply.status,
        tuple(reply.header(name) for name in HEADERS),
        tuple(reply.header(name) is not None for name in PRESENCE),
        body,
        expirations,
        ttls,
    )


def difference(left: Answer | None, right: Answer | None) -> str | None:
    """The first difference in words; None when there is none."""
    if left is None or right is None:
        return None if left is right else f"answered: {left is not None} != {right is not None}"
    if left.status != right.status:
        return f"status: {left.status} != {right.status} ({left.body[:300]!r}, {right.body[:300]!r})"
    for name, one, other in zip(HEADERS, left.headers, right.headers, strict=True):
        if one != other:
            return f"{name}: {one!r} != {other!r}"
    for name, here, there in zip(PRESENCE, left.present, right.present, strict=True):
        if here != there:
            return f"has {name}: {here} != {there}"
    if left.body != right.body:
        return f"body: {left.body!r} != {right.body!r}"
    for what, ours, theirs in (
        ("expiration", left.expirations, right.expirations),
        ("ttl", left.ttls, right.ttls),
    ):
        apart = [abs(one - other) for one, other in zip(ours, theirs, strict=True)]
        if any(gap > SLACK_S for gap in apart):
            return f"{what}: {ours} and {theirs} are more than {SLACK_S} s apart"
    return None

"""Statistics of the member that answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from coreos_py.client._json import fields_of, float_of, number_of, object_of, text_of
from coreos_py.client.operation import Operation, decoded_body
from coreos_py.client.requests import Request


class SelfStats(NamedTuple):
    """The member itself. Times are the server's own text; `state` is `StateLeader` or the like."""

    name: str
    id: str
    state: str
    start_time: str
    leader_id: str
    leader_uptime: str
    leader_start_time: str
    received_appends: int
    sent_appends: int


class StoreStats(NamedTuple):
    """How often each operation was carried out, and how many watches there are."""

    gets_success: int
    gets_fail: int
    sets_success: int
    sets_fail: int
    delete_success: int
    delete_fail: int
    update_success: int
    update_fail: int
    create_success: int
    create_fail: int
    compare_and_swap_success: int
    compare_and_swap_fail: int
    compare_and_delete_success: int
    compare_and_delete_fail: int
    expire_count: int
    watchers: int


class FollowerStats(NamedTuple):
    """How a follower keeps up with its leader."""

    latency_ms: float
    latency_average_ms: float
    latency_minimum_ms: float
    latency_maximum_ms: float
    fails: int
    successes: int


class LeaderStats(NamedTuple):
    """The leader's id, and its followers by theirs."""

    leader_id: str
    followers: dict[str, FollowerStats]


def own() -> Operation[SelfStats]:
    """The member that answers."""

    def read(body: bytes) -> SelfStats:
        fields = object_of(body)
        leader = fields_of(fields, "leaderInfo")
        return SelfStats(
            name=text_of(fields, "name"),
            id=text_of(fields, "id"),
            state=text_of(fields, "state"),
            start_time=text_of(fields, "startTime"),
            leader_id=text_of(leader, "leader"),
            leader_uptime=text_of(leader, "uptime"),
            leader_start_time=text_of(leader, "startTime"),
            received_appends=number_of(fields, "recvAppendRequestCnt"),
            sent_appends=number_of(fields, "sendAppendRequestCnt"),
        )

    return _stats("self", read)


def store() -> Operation[StoreStats]:
    """The key space of the member that answers."""

    def read(body: bytes) -> StoreStats:
        fields = object_of(body)
        return StoreStats(*(number_of(fields, _camel(name)) for name in StoreStats._fields))

    return _stats("store", read)


def leader() -> Operation[LeaderStats]:
    """The leader's view of its followers. Raises `ServerError` 403 where another member answers."""

    def read(body: bytes) -> LeaderStats:
        fields = object_of(body)
        followers = fields_of(fields, "followers")
        return LeaderStats(
            text_of(fields, "leader"), {name: _follower(fields_of(followers, name)) for name in followers}
        )

    return _stats("leader", read)


def _stats(name: str, read: Any) -> Operation[Any]:
    return Operation(Request("GET", f"/v2/stats/{name}", None, repeatable=True), decoded_body(read))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _follower(fields: dict[str, Any]) -> FollowerStats:
    latency, counts = fields_of(fields, "latency"), fields_of(fields, "counts")
    return FollowerStats(
        latency_ms=float_of(latency, "current"),
        latency_average_ms=float_of(latency, "average"),
        latency_minimum_ms=float_of(latency, "minimum"),
        latency_maximum_ms=float_of(latency, "maximum"),
        fails=number_of(counts, "fail"),
        successes=number_of(counts, "success"),
    )

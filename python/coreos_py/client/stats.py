"""Statistics of the member that answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from coreos_py.client._json import NOT_JSON, as_object, number_of, parse_object, text_of
from coreos_py.client.errors import InvalidReplyError
from coreos_py.client.keys import raise_for_status
from coreos_py.client.operation import Operation, by
from coreos_py.client.requests import Request

T = TypeVar("T")


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
        fields = parse_object(body)
        leader = _fields_of(fields, "leaderInfo")
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
        fields = parse_object(body)
        return StoreStats(*(number_of(fields, _camel(name)) for name in StoreStats._fields))

    return _stats("store", read)


def leader() -> Operation[LeaderStats]:
    """The leader's view of its followers. Raises `ServerError` 403 where another member answers."""

    def read(body: bytes) -> LeaderStats:
        fields = parse_object(body)
        followers = _fields_of(fields, "followers")
        return LeaderStats(
            text_of(fields, "leader"), {name: _follower(_fields_of(followers, name)) for name in followers}
        )

    return _stats("leader", read)


def _stats(name: str, read: Callable[[bytes], T]) -> Operation[T]:
    def decode(status: int, body: bytes) -> T:
        raise_for_status(status, body)
        return read(body)

    return Operation(Request("GET", f"/v2/stats/{name}", None, repeatable=True), by(decode))


def _fields_of(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return {} if value is None else as_object(value)


def _float_of(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidReplyError(NOT_JSON)
    return float(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _follower(fields: dict[str, Any]) -> FollowerStats:
    latency, counts = _fields_of(fields, "latency"), _fields_of(fields, "counts")
    return FollowerStats(
        latency_ms=_float_of(latency, "current"),
        latency_average_ms=_float_of(latency, "average"),
        latency_minimum_ms=_float_of(latency, "minimum"),
        latency_maximum_ms=_float_of(latency, "maximum"),
        fails=number_of(counts, "fail"),
        successes=number_of(counts, "success"),
    )

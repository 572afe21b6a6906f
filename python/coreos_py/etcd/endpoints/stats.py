"""/v2/stats: what this member, the leader and the store have done."""

from typing import Any

from coreos_py.etcd.endpoints.context import Context, Incoming, hex_id
from coreos_py.etcd.endpoints.go_time import duration_text, time_text
from coreos_py.etcd.endpoints.reply import Reply, as_json


def self_stats(_request: Incoming, context: Context) -> Reply:
    """This member. There are no append messages to count in a cluster of one."""
    status = context.member.status()
    return as_json(200, {
        "name": status["name"],
        "id": hex_id(status["member_id"]),
        "state": status["state"],
        "startTime": time_text(status["start_time_ns"]),
        "leaderInfo": _leader_info(status, context.now_ns()),
        "recvAppendRequestCnt": 0,
        "sendAppendRequestCnt": 0,
    })  # fmt: skip


def _leader_info(status: dict[str, Any], now_ns: int) -> dict[str, str]:
    if not status["leader_id"]:
        return {"leader": "", "uptime": "", "startTime": time_text(None)}
    since_ns = status["leader_since_ns"]
    return {
        "leader": hex_id(status["leader_id"]),
        "uptime": duration_text(max(now_ns - since_ns, 0)),
        "startTime": time_text(since_ns),
    }


def leader_stats(_request: Incoming, context: Context) -> Reply:
    """The leader's followers; only the leader knows."""
    status = context.member.status()
    if status["leader_id"] != status["member_id"]:
        return as_json(403, {"message": "not current leader"})
    return as_json(200, {"leader": hex_id(status["leader_id"]), "followers": {}})


def store_stats(_request: Incoming, context: Context) -> Reply:
    """The sixteen counters of the store."""
    return as_json(200, context.member.store_stats())

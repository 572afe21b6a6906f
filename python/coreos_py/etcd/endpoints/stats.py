"""/v2/stats: what this member, the leader and the store have done."""

from typing import Any

from coreos_py.etcd.endpoints.context import Context, Incoming, hex_id
from coreos_py.etcd.endpoints.go_time import duration_text, time_text
from coreos_py.etcd.endpoints.reply import Reply, as_json


def self_stats(_request: Incoming, context: Context) -> Reply:
    """This member. Rates of 0 are left out, as etcd does."""
    status = context.member.status()
    traffic = context.member.statistics()
    return as_json(200, {
        "name": status["name"],
        "id": hex_id(status["member_id"]),
        "state": status["state"],
        "startTime": time_text(status["start_time_ns"]),
        "leaderInfo": _leader_info(status, context.now_ns()),
        **_traffic("recv", *traffic["received"]),
        **_traffic("send", *traffic["sent"]),
    })  # fmt: skip


def _traffic(way: str, count: int, appends_s: float, bytes_s: float) -> dict[str, object]:
    rates = {f"{way}PkgRate": appends_s, f"{way}BandwidthRate": bytes_s}
    return {f"{way}AppendRequestCnt": count, **{name: rate for name, rate in rates.items() if rate}}


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
    followers = context.member.statistics()["followers"]
    shown = {hex_id(number): _follower(one) for number, one in followers.items()}
    return as_json(200, {"leader": hex_id(status["leader_id"]), "followers": shown})


def _follower(stats: dict[str, Any]) -> dict[str, object]:
    current, average, deviation, minimum, maximum = stats["latency_ms"]
    return {
        "latency": {
            "current": current,
            "average": average,
            "standardDeviation": deviation,
            # What etcd shows for one that was never reached.
            "minimum": minimum if stats["success"] else 9223372036854776000,
            "maximum": maximum,
        },
        "counts": {"fail": stats["fail"], "success": stats["success"]},
    }


def store_stats(_request: Incoming, context: Context) -> Reply:
    """The sixteen counters of the store."""
    return as_json(200, context.member.store_stats())

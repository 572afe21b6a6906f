"""/metrics: the engine's and the front's numbers as Prometheus text, with etcd 2.3's names."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from coreos_py import __version__
from coreos_py.etcd.endpoints.context import Context, Incoming, hex_id
from coreos_py.etcd.endpoints.reply import Reply
from coreos_py.etcd.versions import API_VERSION

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "etcd_"
_FRONT_PREFIX = "etcd_http_"
# Gauges whose names end like counters': so etcd 2.3 called them.
_GAUGES = frozenset({"server_pending_proposal_total"})
_HELP = {
    "store_reads_total": "Reads of the key space, failed ones included.",
    "store_writes_total": "Successful writes to the key space.",
    "store_expires_total": "Expired nodes.",
    "store_watchers": "Open watches.",
    "store_keys": "Nodes in the key space, the root not counted.",
    "server_pending_proposal_total": "Writes on their way to being durable.",
    "server_proposal_failed_total": "Writes refused or failed before they were durable.",
    "server_read_only": "1 while the disk has no room and writes are refused.",
    "server_proposal_durations_seconds": "From proposal to applied.",
    "wal_fsync_durations_seconds": "One write and sync of the log.",
    "wal_last_index_saved": "Index of the last entry in the log.",
    "wal_segments": "Segment files of the log.",
    "wal_syncs_total": "Syncs of the log.",
    "wal_written_bytes_total": "Bytes written to the log.",
    "snapshot_save_total_durations_seconds": "One snapshot, written and synced.",
}
_FRONT_HELP = {
    "requests": "Requests parsed.",
    "rejected": "Requests refused for their form or size.",
    "accepted": "Connections accepted.",
    "refused": "Connections refused at the limit.",
    "slow_watches": "Stream watches closed because their client read too slowly.",
    "revoked_watches": "Watches ended because their client may no longer read.",
    "password_checks": "Passwords compared with a stored hash; known ones need none.",
}


def metrics(_request: Incoming, context: Context) -> Reply:
    """All metrics. The first call loads the library that writes them."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import generate_latest

    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Collector(context))
    return Reply(200, (("Content-Type", _CONTENT_TYPE),), generate_latest(registry))


class _Collector:
    """Asks the member when Prometheus asks us; nothing is counted here."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator["Metric"]:
        """Every metric once."""
        yield from self._engine(self._context.member.metrics())
        yield from self._server(self._context.member.status())
        yield from self._front()

    def _engine(self, values: dict[str, Any]) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        for name, value in values.items():
            full, text = _PREFIX + name, _HELP.get(name, name.replace("_", " "))
            if isinstance(value, dict):
                buckets = [(_bound(bound), float(count)) for bound, count in value["buckets"]]
                buckets.append(("+Inf", float(value["count"])))
                yield HistogramMetricFamily(full, text, buckets=buckets, sum_value=value["sum"])
            elif name.endswith("_total") and name not in _GAUGES:
                yield CounterMetricFamily(full, text, value=value)
            else:
                yield GaugeMetricFamily(full, text, value=value)

    def _server(self, status: dict[str, Any]) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        has_leader = status["leader_id"] != 0
        is_leader = has_leader and status["leader_id"] == status["member_id"]
        gauges = {
            "has_leader": ("1 while a leader is known.", int(has_leader)),
            "is_leader": ("1 while this member leads.", int(is_leader)),
            "etcd_index": ("Index of the last change of the key space.", status["etcd_index"]),
            "raft_term": ("Raft term.", status["term"]),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"etcd_server_{name}", text, value=value)
        counters = {
            "proposals_applied": ("Index of the last entry applied.", status["applied"]),
            "proposals_committed": ("Index of the last entry committed.", status["commit"]),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"etcd_server_{name}_total", text, value=value)
        about = GaugeMetricFamily(
            "etcd_server_version",
            "Always 1; the labels say what runs.",
            labels=["server_version", "coreos_py"],
        )
        about.add_metric([API_VERSION, __version__], 1)
        yield about
        own = GaugeMetricFamily("etcd_server_id", "Always 1; the label is the member.", labels=["server_id"])
        own.add_metric([hex_id(status["member_id"])], 1)
        yield own

    def _front(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, value in self._context.front_counters():
            text = _FRONT_HELP.get(name, name.replace("_", " "))
            yield CounterMetricFamily(f"{_FRONT_PREFIX}{name}_total", text, value=value)
        connections = self._context.connections()
        yield GaugeMetricFamily(f"{_FRONT_PREFIX}connections", "Open client connections.", value=connections)


def _bound(seconds: float) -> str:
    return repr(float(seconds))

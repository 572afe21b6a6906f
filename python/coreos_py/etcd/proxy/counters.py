"""The proxy's own numbers, under etcd 2.3's names."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from coreos_py.etcd.endpoints.reply import Reply

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A client may make words up; each would be a row for ever.
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"})


class Counters:
    """Requests by method, answered ones by status too, dropped ones by reason."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._handled: Counter[tuple[str, ...]] = Counter()
        self._dropped: Counter[tuple[str, ...]] = Counter()

    def requested(self, method: str) -> None:
        """A request is to be forwarded."""
        self._requests[_known(method),] += 1

    def handled(self, method: str, status: int) -> None:
        """A member has answered it."""
        self._handled[_known(method), str(status)] += 1

    def dropped(self, method: str, why: str) -> None:
        """Nobody has."""
        self._dropped[_known(method), why] += 1

    def render(self) -> Reply:
        """/metrics. The first call loads the library that writes them."""
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import generate_latest

        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(self)
        return Reply(200, (("Content-Type", CONTENT_TYPE),), generate_latest(registry))

    def collect(self) -> Iterator["Metric"]:
        """Every metric once."""
        from prometheus_client.core import CounterMetricFamily

        for name, text, labels, counter in (
            ("requests", "Requests to be forwarded.", ["method"], self._requests),
            ("handled", "Requests that a member has answered.", ["method", "code"], self._handled),
            ("dropped", "Requests that nobody has answered.", ["method", "proxying_error"], self._dropped),
        ):
            family = CounterMetricFamily(f"etcd_proxy_{name}_total", text, labels=labels)
            # A copy: they are counted on another thread.
            for values, count in sorted(counter.copy().items()):
                family.add_metric(list(values), count)
            yield family


def _known(method: str) -> str:
    return method if method in _METHODS else "other"

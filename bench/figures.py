"""What is judged of a measurement: figures with their targets, as ratios within one call."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Measurement = dict[str, Any]
Rounds = dict[str, list[Measurement]]


@dataclass(frozen=True)
class Figure:
    """One judged number. The ratio is ours / etcd's `name`, unless something else is named to compare with.

    `target`: the ratio that the design asks for (section 12); `better` says in which direction it counts.
    `or_cpu`: a lower ratio that will do when our CPU per request is at most half of etcd's.
    """

    name: str
    better: str  # "more" or "less"
    target: float
    or_cpu: float | None = None
    against: str = "etcd"
    against_name: str | None = None

    def ratio(self, rounds: Rounds) -> float:
        """Ratio of the medians."""
        return median(rounds["ours"], self.name) / median(
            rounds[self.against], self.against_name or self.name
        )

    def reached(self, rounds: Rounds) -> bool:
        """Whether the target is reached."""
        ratio = self.ratio(rounds)
        if self.better == "less":
            return ratio <= self.target
        if ratio >= self.target:
            return True
        cpu = "server_us_per_request"
        return (
            self.or_cpu is not None
            and ratio >= self.or_cpu
            and median(rounds["ours"], cpu) <= median(rounds["etcd"], cpu) / 2
        )

    def wanted(self) -> str:
        """The target in words."""
        sign = ">=" if self.better == "more" else "<="
        extra = f" (or {self.or_cpu} at half the CPU)" if self.or_cpu is not None else ""
        return f"{sign} {self.target}{extra}"


@dataclass(frozen=True)
class Row:
    """One measurement of both servers and what is judged of it."""

    name: str
    what: str
    measure: Callable[[str, float], Measurement]
    figures: tuple[Figure, ...]


def median(rounds: list[Measurement], name: str) -> float:
    """Median of one number over the rounds of one server."""
    return statistics.median(float(measurement[name]) for measurement in rounds)

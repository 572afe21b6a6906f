"""Time budgets of the suite: what an area may take on two cores, and when one test counts as hung.

The same table is in CONTRIBUTING.md; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Seconds: the whole area in `make test`, one test, one test marked long."""

    area_s: int
    test_s: int
    long_test_s: int


BUDGETS: dict[str, Budget] = {
    "support": Budget(area_s=20, test_s=30, long_test_s=60),
    "structure": Budget(area_s=40, test_s=120, long_test_s=120),
    "model": Budget(area_s=20, test_s=30, long_test_s=300),
    "histories": Budget(area_s=130, test_s=60, long_test_s=7200),
    "cluster": Budget(area_s=150, test_s=90, long_test_s=90),
    "api": Budget(area_s=260, test_s=60, long_test_s=1800),
    "differential": Budget(area_s=80, test_s=180, long_test_s=180),
    "clients": Budget(area_s=30, test_s=60, long_test_s=60),
    "client": Budget(area_s=90, test_s=60, long_test_s=60),
    "etcd": Budget(area_s=60, test_s=60, long_test_s=60),
    "bootstrap": Budget(area_s=30, test_s=60, long_test_s=60),
    "proxy": Budget(area_s=50, test_s=60, long_test_s=60),
    "etcdctl": Budget(area_s=140, test_s=60, long_test_s=60),
    "faults": Budget(area_s=130, test_s=150, long_test_s=7200),
}


def timeout_s_of(area: str, *, is_long: bool) -> int | None:
    """The limit of one test of an area (its folder under tests/); None for an area without a row."""
    budget = BUDGETS.get(area)
    if budget is None:
        return None
    return budget.long_test_s if is_long else budget.test_s

"""The record of the long run says when it is stale."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import long_run
from tests.support.budgets import BUDGETS
from tests.support.long_run import PARTS, ROOT, staleness

NOW = {"rust": "1" * 40, "python": "2" * 40, "tests/faults": "3" * 40}


def record(**changes: Any) -> dict[str, Any]:
    parts = [{"name": p.name, "count": p.count, "what": p.what, "result": "passed"} for p in PARTS]
    return {"format": 1, "covers": dict(NOW), "uncommitted": [], "parts": parts, **changes}


def test_a_fresh_record_is_not_stale() -> None:
    assert staleness(record(), NOW, []) == []


@pytest.mark.parametrize(
    ("made", "now", "changed", "says"),
    [
        (record(), {**NOW, "rust": "9" * 40}, [], "rust has changed"),
        (record(), NOW, ["rust/wal/src/lib.rs"], "rust/wal/src/lib.rs"),
        (record(uncommitted=["python/x.py"]), NOW, [], "python/x.py"),
        (record(parts=[]), NOW, [], "power-cuts: was not run"),
        (record(parts=[{"name": "kills", "result": "failed with exit status 1"}]), NOW, [], "kills: failed"),
        (record(covers={"rust": "1" * 40}), NOW, [], "python is not covered"),
        (
            record(parts=[{"name": "kills", "result": "passed", "count": 3}]),
            NOW,
            [],
            "kills: only 3 of 1000 kills",
        ),
        (record(format=0), NOW, [], "another format"),
    ],
)
def test_staleness_is_said(made: dict[str, Any], now: dict[str, str], changed: list[str], says: str) -> None:
    assert any(says in reason for reason in staleness(made, now, changed))


def test_check_informs_and_never_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_run.main(["--check"]) == 0
    assert capsys.readouterr().out.startswith("long run: ")


def test_every_part_names_tests_that_exist() -> None:
    for part in PARTS:
        for test in part.tests:
            assert "pytest.mark.long" in (ROOT / test).read_text(), test


def test_the_budgets_are_those_of_the_documentation() -> None:
    """CONTRIBUTING.md shows the same table."""
    rows = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in BUDGETS:
            rows[cells[0]] = tuple(int(cell) for cell in cells[1:])
    assert rows == {area: (b.area_s, b.test_s, b.long_test_s) for area, b in BUDGETS.items()}

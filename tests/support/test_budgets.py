"""The time that each area of tests may take."""

from __future__ import annotations

from tests.structure.project import ROOT
from tests.support.budgets import BUDGETS


def test_every_area_has_a_budget() -> None:
    """Except `bench`, which `make test` does not run."""
    areas = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert areas - {"bench"} == BUDGETS.keys()


def test_the_budgets_are_those_of_the_documentation() -> None:
    """CONTRIBUTING.md shows the same table."""
    rows = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in BUDGETS:
            rows[cells[0]] = tuple(int(cell) for cell in cells[1:])
    assert rows == {area: (b.area_s, b.test_s, b.long_test_s) for area, b in BUDGETS.items()}

"""No number of the checklist has been forgotten."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api import replay

#: Groups A to I are what one member shows.
NUMBERS = set(range(1, 212))


def numbers_in(name: str) -> set[int]:
    """``test_99_to_103_and_115_ttl`` stands for 99 to 103 and 115."""
    found: set[int] = set()
    for first, last in re.findall(r"(?<![a-z\d])_?(\d+)(?:_to_(\d+))?", name):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def numbers_of_tests() -> set[int]:
    """Numbers in the names of the scripted checks; a name's leading numbers count, up to its first word."""
    found: set[int] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for name in re.findall(
            r"^def test_(\d[\d_]*(?:(?:to|and)_\d[\d_]*)*)", path.read_text(), re.MULTILINE
        ):
            found |= numbers_in(name)
    return found


def test_every_check_is_there() -> None:
    in_data = {step.number for group in replay.groups() for step in replay.load(group)} - {None}
    scripted = numbers_of_tests()
    assert in_data | scripted == NUMBERS
    assert in_data & scripted == set(), "a check has two homes"


def test_names_are_read_right() -> None:
    assert numbers_in("99_to_103_and_115_") == {99, 100, 101, 102, 103, 115}
    assert numbers_in("117_132_135_") == {117, 132, 135}

"""No number of the checklist (section 12 of the reference) is forgotten, and none is left out silently."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.api import replay
from tests.etcdctl import player

NUMBERS = set(range(1, 333))
#: Groups A to J: one member and its command line show all of it.
NEVER_LEFT_OUT = set(range(1, 288))
TESTS = Path(__file__).parents[1]
NOT_HERE = Path(__file__).with_name("checklist_not_here.toml")


def numbers_in(name: str) -> set[int]:
    """``test_99_to_103_and_115_ttl`` stands for 99 to 103 and 115."""
    found: set[int] = set()
    for first, last in re.findall(r"(?<![a-z\d])_?(\d+)(?:_to_(\d+))?", name):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def numbers_of_tests() -> set[int]:
    """Numbers in the names of the scripted checks; a name's leading numbers count, up to its first word."""
    found: set[int] = set()
    for area in ("api", "etcdctl", "faults"):
        for path in (TESTS / area).glob("test_*.py"):
            for name in re.findall(
                r"^def test_(\d[\d_]*(?:(?:to|and)_\d[\d_]*)*)", path.read_text(), re.MULTILINE
            ):
                found |= numbers_in(name)
    return found


def numbers_in_data() -> set[int]:
    """Numbers of the checks that are rows of a file."""
    replies = {step.number for group in replay.groups() for step in replay.load(group)}
    return {number for number in replies | {row.number for row in player.load()} if number is not None}


def left_out() -> set[int]:
    """The reviewed numbers that no test plays."""
    found: set[int] = set()
    for entry in tomllib.loads(NOT_HERE.read_text())["left_out"]:
        assert entry["reason"]
        numbers = entry.get("numbers") or range(entry["first"], entry["last"] + 1)
        assert not found & set(numbers), "a number is named twice"
        found |= set(numbers)
    return found


def test_every_check_is_there() -> None:
    in_data, scripted = numbers_in_data(), numbers_of_tests()
    assert in_data | scripted | left_out() == NUMBERS
    assert in_data & scripted == set(), "a check has two homes"
    assert (in_data | scripted) & left_out() == set(), "a check is played that is said to be left out"


def test_what_is_left_out_is_what_was_reviewed() -> None:
    assert len(left_out()) == tomllib.loads(NOT_HERE.read_text())["count"]
    assert not left_out() & NEVER_LEFT_OUT


def test_names_are_read_right() -> None:
    assert numbers_in("99_to_103_and_115_") == {99, 100, 101, 102, 103, 115}
    assert numbers_in("117_132_135_") == {117, 132, 135}

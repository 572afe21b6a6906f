"""Comparing a reply with an expectation that leaves room where servers may differ."""

from __future__ import annotations

import re
from typing import Any

#: What stands for a varying part in an expectation.
MARKS = {
    "<N>": r"-?\d+",
    "<T>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z",
    "<H>": r"[0-9a-f]+",
    "<I20>": r"\d{20}",
    "<TTL20>": r"(?:20|1\d|[1-9])",
    "<*>": r".*",
}
_SPLIT = re.compile("(" + "|".join(re.escape(mark) for mark in MARKS) + ")")


def pattern(expected: str) -> re.Pattern[str]:
    """The expression for an expectation; ``⏎`` is a newline, everything but the marks is literal."""
    parts = _SPLIT.split(expected.replace("⏎", "\n"))
    return re.compile("".join(MARKS.get(part) or re.escape(part) for part in parts), re.DOTALL)


def matches(expected: str, got: str) -> bool:
    """Whether the whole of `got` is what is expected."""
    return pattern(expected).fullmatch(got) is not None


def field(document: Any, dotted: str) -> Any:
    """The member of a JSON document at a path such as ``node.value``; KeyError when it is missing."""
    for name in dotted.split("."):
        document = document[name]
    return document

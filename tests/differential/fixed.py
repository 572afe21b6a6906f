"""The list of requests in ``fixed.txt``."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from pathlib import Path

from tests.differential.playing import Request

FILE = Path(__file__).with_name("fixed.txt")
_LINE = re.compile(r"(?P<marks>(?:\[[^\]]+\] )*)(?P<method>[A-Z]+) (?P<target>\S+)(?: (?P<body>.*))?")


@dataclass(frozen=True)
class Line:
    """A request with what is known of it."""

    number: int
    section: str
    request: Request
    fix: int | None = None
    old: str | None = None

    @property
    def is_alike(self) -> bool:
        """Whether ours is to answer like the oracle in both modes."""
        return self.fix is None and self.old is None


def _request(text: str) -> tuple[Request, dict[str, str]]:
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a request: {text!r}")
    marks = {}
    for mark in re.findall(r"\[([^\]]+)\]", found["marks"]):
        name, _, value = mark.partition("=")
        marks[name] = value.replace("+", " ")
    body = found["body"]
    made = Request(found["method"], found["target"], None if body is None else body.encode())
    if "json" in marks:
        made = replace(made, content_type="application/json")
    if "type" in marks:
        made = replace(made, content_type=marks["type"])
    if "as" in marks:
        pair = base64.b64encode(marks["as"].encode()).decode()
        made = replace(made, authorization=f"Basic {pair}")
    if unknown := set(marks) - {"json", "type", "as", "fix", "old"}:
        raise ValueError(f"unknown mark {unknown} in {text!r}")
    return made, marks


def read(text: str) -> list[Line]:
    """All lines, each watch with what follows it."""
    lines: list[Line] = []
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.startswith("## "):
            section = raw[3:]
        elif raw.startswith("then "):
            watch = lines.pop()
            nudge, _ = _request(raw[5:])
            request = replace(watch.request, nudges=(*watch.request.nudges, nudge))
            lines.append(replace(watch, request=request))
        elif raw and not raw.startswith("#"):
            request, marks = _request(raw)
            fix = int(marks["fix"]) if "fix" in marks else None
            lines.append(Line(number, section, request, fix, marks.get("old")))
    return lines


def all_lines() -> list[Line]:
    """What is in the file."""
    return read(FILE.read_text())

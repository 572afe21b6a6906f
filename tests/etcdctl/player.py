"""Plays the rows of `checklist/` with one `etcdctl` against one server, and says how each row went."""

from __future__ import annotations

import json
import shlex
import tomllib
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from tests.etcdctl.runner import Ctl, Done, wait_for_watchers
from tests.support.matching import matches
from tests.support.server import Server

DATA = [Path(__file__).with_name("checklist") / name for name in ("keys.toml", "members_and_users.toml")]


class Program(Enum):
    """Whose `etcdctl`."""

    OURS = "ours"
    DEBIAN = "debian"


@dataclass(frozen=True)
class Expectation:
    """How a command ends; texts with the marks of `tests.support.matching`."""

    rc: int = 0
    out: str = ""
    err: str = ""


@dataclass(frozen=True)
class Row:
    """One command or request. Rows without a number prepare the ground; theirs must hold as well."""

    number: int | None
    do: str
    http: str
    stdin: bytes
    save: str
    meanwhile: tuple[str, ...]
    lines: int
    upstream: Expectation
    fixed: Expectation
    debian: Expectation | None

    def expected_of(self, program: Program) -> Expectation | None:
        """What this program is to do; None when there is nothing to compare."""
        return self.fixed if program is Program.OURS else self.debian


_KEYS = {
    "n",
    "do",
    "http",
    "stdin",
    "save",
    "meanwhile",
    "lines",
    "fixed",
    "debian",
    "rc",
    "out",
    "err",
}


def _row(step: dict[str, Any]) -> Row:
    if unknown := set(step) - _KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)} in {step}")
    upstream = Expectation(**{name: step[name] for name in ("rc", "out", "err") if name in step})
    fixed = Expectation(**step["fixed"]) if "fixed" in step else upstream
    told = step.get("debian", {})
    debian = None if told == "differs" else Expectation(**told) if told else upstream
    return Row(
        number=step.get("n"),
        do=step.get("do", ""),
        http=step.get("http", ""),
        stdin=step.get("stdin", "").encode(),
        save=step.get("save", ""),
        meanwhile=tuple(step.get("meanwhile", ())),
        lines=step.get("lines", 0),
        upstream=upstream,
        fixed=fixed,
        debian=debian,
    )


def load() -> list[Row]:
    """All rows, in order."""
    return [_row(step) for path in DATA for step in tomllib.loads(path.read_text())["step"]]


@dataclass
class Played:
    """What came of the rows: for each number nothing, or how it differs; `left_out` could not be played."""

    faults: dict[int, str] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)
    broken_setup: list[str] = field(default_factory=list)


class Player:
    """One program and one server."""

    def __init__(self, ctl: Ctl, server: Server, program: Program) -> None:
        self._ctl = ctl
        self._server = server
        self._program = program
        self._saved: dict[str, int] = {}

    def play(self, rows: list[Row]) -> Played:
        """Everything in order."""
        played = Played()
        for row in rows:
            expected = row.expected_of(self._program)
            if expected is None:
                if row.number is not None:
                    played.left_out.add(row.number)
                continue
            done = self._request(row) if row.http else self._command(row)
            fault = "" if row.http and row.number is None else self._fault(expected, done)
            if row.number is not None:
                played.faults[row.number] = fault
            elif fault or done.code:
                played.broken_setup.append(f"{row.do or row.http}: {fault or done}")
        return played

    def _fault(self, expected: Expectation, done: Done) -> str:
        out, err = (self._filled(text) for text in (expected.out, expected.err))
        if done.code == expected.rc and matches(out, done.out) and matches(err, done.err):
            return ""
        return f"{done}, expected {expected}"

    def _filled(self, text: str) -> str:
        for name, index in self._saved.items():
            text = text.replace(f"{{{name}}}", str(index))
        return text

    def _request(self, row: Row) -> Done:
        status, body = self._send(row.http)
        if row.save:
            self._saved[row.save] = json.loads(body)["node"]["modifiedIndex"]
        return Done(0 if status < 300 else 1, body, "")

    def _send(self, request: str) -> tuple[int, str]:
        method, target, *form = request.split(" ")
        reply = self._server.request(method, target, form[0].encode() if form else None)
        return reply.status, reply.body.decode()

    def _command(self, row: Row) -> Done:
        words = shlex.split(self._filled(row.do))
        if not row.meanwhile and not row.lines:
            return self._ctl.run(*words, stdin=row.stdin)
        with self._ctl.start(*words) as run:
            if row.meanwhile:
                wait_for_watchers(self._server, 1)
            for request in row.meanwhile:
                _, body = self._send(request)
                self._saved["index"] = json.loads(body)["node"]["modifiedIndex"]
            if row.lines:
                seen = "".join(run.line() for _ in range(row.lines))
                code, out, err = run.interrupt()
                done = Done(0 if code < 0 or code == 0 else code, seen + out, err)
            else:
                done = run.ended()
        wait_for_watchers(self._server, 0)
        return done

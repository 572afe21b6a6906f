"""Plays the data files of `conformance/` against a server and judges the replies.

The checks of a group build on each other, so a group is played once per server, in order; each check is
then judged on its own.
"""

from __future__ import annotations

import base64
import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.matching import field as member
from tests.support.matching import matches
from tests.support.server import Kind
from tests.support.wire import FORM, Connection, Headers, PeerClosed, Reply

FOLDER = Path(__file__).parent / "conformance"
GENERATIONS = {"23", "34", "04"}


@dataclass(frozen=True)
class Expectation:
    """What a reply must be; parts that are not given are not looked at."""

    status: int
    reply: str | None = None
    field: dict[str, Any] = dataclasses.field(default_factory=dict)
    header: dict[str, str] = dataclasses.field(default_factory=dict)
    no_header: tuple[str, ...] = ()
    exact_names: tuple[str, ...] = ()
    named_after_index: bool = False

    def faults(self, got: Reply) -> list[str]:
        """How the reply differs from this, one sentence each."""
        text = got.body.decode(errors="surrogateescape")
        found = []
        if got.status != self.status:
            found.append(f"status {got.status}, expected {self.status}")
        if self.reply is not None and not matches(self.reply, text):
            found.append(f"body {text!r}, expected {self.reply!r}")
        for path, value in self.field.items():
            try:
                actual = member(got.json(), path)
            except (KeyError, TypeError, ValueError) as error:
                found.append(f"no {path} in {text!r} ({error!r})")
                continue
            if actual != value:
                found.append(f"{path} is {actual!r}, expected {value!r}")
        for name, value in self.header.items():
            actual_header = got.header(name)
            if actual_header is None or not matches(value, actual_header):
                found.append(f"{name}: {actual_header!r}, expected {value!r}")
        found += [f"has {name}" for name in self.no_header if got.header(name) is not None]
        found += [f"{name} is not written so" for name in self.exact_names if name not in got.names()]
        if self.named_after_index and not found:
            node = got.json()["node"]
            if node["key"].rpartition("/")[2] != f"{node['createdIndex']:020}":
                found.append(f"{node['key']} is not named after index {node['createdIndex']}")
        return found


def basic(credentials: str) -> tuple[str, str]:
    """The header of `name:password`."""
    return ("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())


@dataclass(frozen=True)
class Step:
    """One request of a group. Steps without a number prepare the ground; theirs must hold as well."""

    number: int | None
    method: str
    target: str
    body: bytes | None
    content_type: str
    credentials: str | None
    seen: frozenset[str]
    upstream: Expectation
    fixed: Expectation

    def expected_of(self, kind: Kind) -> Expectation:
        """What this server is to answer."""
        return self.fixed if kind.has_fixes else self.upstream

    def play(self, conn: Connection) -> Reply:
        """Send the request and read the reply (also when the server stops reading a long body)."""
        headers: Headers = (("Content-Type", self.content_type),) if self.body is not None else ()
        if self.credentials is not None:
            headers += (basic(self.credentials),)
        try:
            return conn.request(self.method, self.target, self.body, headers)
        except (BrokenPipeError, ConnectionResetError):
            return conn.read_reply(head_only=self.method == "HEAD")


def _expectation(row: dict[str, Any]) -> Expectation:
    known = {k: v for k, v in row.items() if k in Expectation.__dataclass_fields__}
    for name in ("no_header", "exact_names"):
        known[name] = tuple(known.get(name, ()))
    return Expectation(**known)


_REQUEST_KEYS = {"n", "do", "as", "body", "value_bytes", "type", "seen", "fixed"}


def _step(row: dict[str, Any]) -> Step:
    unknown = set(row) - _REQUEST_KEYS - set(Expectation.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)} in {row}")
    method, _, target = row["do"].partition(" ")
    body = row["body"].encode() if "body" in row else None
    if "value_bytes" in row:
        body = b"value=" + b"x" * row["value_bytes"]
    seen = frozenset(row.get("seen", "23 34").split())
    if not seen <= GENERATIONS:
        raise ValueError(f"unknown generation in {row}")
    upstream = _expectation(row)
    fixed = _expectation(row["fixed"]) if "fixed" in row else upstream
    content_type = row.get("type", FORM)
    return Step(row.get("n"), method, target, body, content_type, row.get("as"), seen, upstream, fixed)


def load(name: str) -> list[Step]:
    """The steps of one group, in order."""
    with (FOLDER / f"{name}.toml").open("rb") as file:
        return [_step(row) for row in tomllib.load(file)["step"]]


def groups() -> list[str]:
    """Names of all data files."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@dataclass
class Played:
    """What came of a group: a reply, or why there is none, for each number."""

    replies: dict[int, Reply | str] = dataclasses.field(default_factory=dict)
    broken_setup: list[str] = dataclasses.field(default_factory=list)


def play(steps: list[Step], connect: Any, kind: Kind) -> Played:
    """Send every step on one keep-alive connection, replacing it when the server closes it."""
    played = Played()
    conn: Connection = connect()
    try:
        for step in steps:
            try:
                reply: Reply | str = step.play(conn)
            except (PeerClosed, TimeoutError, OSError) as error:
                reply = f"no reply: {error}"
            if isinstance(reply, str) or not reply.keeps_alive:
                conn.close()
                conn = connect()
            if step.number is not None:
                played.replies[step.number] = reply
                continue
            faults = [reply] if isinstance(reply, str) else step.expected_of(kind).faults(reply)
            played.broken_setup += [f"{step.method} {step.target}: {fault}" for fault in faults]
    finally:
        conn.close()
    return played

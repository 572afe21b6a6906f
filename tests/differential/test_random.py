"""500 sequences of 50 requests by chance, each member fresh before the first: every reply is the same.

Nothing is left out and indexes are exact, so one lost or extra event shows in all that follows.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.conftest import require
from tests.differential import oracle
from tests.differential.exact import Answer, difference
from tests.differential.playing import Player, play
from tests.differential.random_requests import Chance
from tests.support.server import Kind, Server

SEQUENCES = 500
CONTROL_SEQUENCES = 20
Servers = Callable[[Kind], Server]
Answers = list[list[Answer | None]]
Tamper = Callable[[Answers], Answers]


def seed() -> str:
    """From the environment, to play a failure again; else from the clock."""
    return os.environ.get("COREOS_SEED") or str(time.time_ns())


def as_it_is(answers: Answers) -> Answers:
    """No tampering."""
    return answers


def compare(servers: Sequence[Server], start: str, sequences: int, tamper: Tamper = as_it_is) -> None:
    """Plays the sequences to both servers; AssertionError at the first difference."""
    with ExitStack() as stack:
        players = [Player(server, stack) for server in servers]
        for number in range(sequences):
            index = servers[0].request("GET", "/v2/keys/_none").etcd_index
            directory = f"/s{number}"
            requests = Chance(f"{start}/{number}", directory, index).sequence()
            for place, request in enumerate(requests):
                left, right = tamper(play(players, request))
                found = [difference(one, other) for one, other in zip(left, right, strict=True)]
                if any(found):
                    before = "\n".join(f"  {earlier}" for earlier in requests[: place + 1])
                    raise AssertionError(
                        f"COREOS_SEED={start}, sequence {number}, request {place}: {found}\n{before}"
                    )


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Makes servers that nobody has written to."""
    made: list[Server] = []

    def make(kind: Kind) -> Server:
        require(kind, request.config)
        made.append(Server(kind, tmp_path_factory.mktemp(kind.value)).start())
        return made[-1]

    try:
        yield make
        for server in made:
            server.stop()
    finally:
        for server in made:
            server.discard()


def test_random_sequences(fresh: Servers) -> None:
    servers = [fresh(Kind.UPSTREAM), fresh(Kind.ETCD34)]
    print(oracle.find())
    compare(servers, seed(), SEQUENCES)


def test_control_two_oracles_agree(fresh: Servers) -> None:
    """The comparison itself finds nothing where nothing is."""
    compare([fresh(Kind.ETCD34), fresh(Kind.ETCD34)], seed(), CONTROL_SEQUENCES)


def _body(pattern: bytes, new: bytes) -> Tamper:
    def tamper(answers: Answers) -> Answers:
        left = [
            None if one is None else replace(one, body=re.sub(pattern, new, one.body)) for one in answers[0]
        ]
        return [left, answers[1]]

    return tamper


TAMPERINGS: dict[str, Tamper] = {
    "an index by one": _body(rb'"createdIndex":\d+', b'"createdIndex":4'),
    "an event of a watch": lambda answers: [
        [None, *answers[0][1:]] if len(answers[0]) > 1 else answers[0],
        answers[1],
    ],
    "a comparison's text": _body(rb"!= ", b"!="),
    "in-order names": _body(rb"/0(\d{19})", rb"/\1"),
    "a value": _body(rb'"value":"w"', b'"value":"W"'),
}


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_control_what_is_changed_is_found(fresh: Servers, name: str) -> None:
    servers = [fresh(Kind.UPSTREAM), fresh(Kind.ETCD34)]
    with pytest.raises(AssertionError, match="COREOS_SEED"):
        compare(servers, "control", CONTROL_SEQUENCES, TAMPERINGS[name])


def test_control_our_fixes_are_found(fresh: Servers) -> None:
    """Without `--compat upstream` the same sequences show differences."""
    with pytest.raises(AssertionError, match="COREOS_SEED"):
        compare([fresh(Kind.OURS), fresh(Kind.ETCD34)], "control", CONTROL_SEQUENCES)

"""A fixed list of requests: ours with `--compat upstream`, and ours, against Debian's etcd 3.4, all fresh."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from tests.conftest import require
from tests.differential import fixed, oracle
from tests.differential.exact import Answer, difference
from tests.differential.playing import Player
from tests.support.server import Kind, Server

LINES = fixed.all_lines()
LEAST = 300
Played = dict[Kind, list[list[Answer | None]]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Played:
    """What each server answered, by line."""
    require(Kind.ETCD34, request.config)
    print(oracle.find())
    answers: Played = {kind: [] for kind in Kind}
    servers = {kind: Server(kind, tmp_path_factory.mktemp(kind.value)) for kind in Kind}
    try:
        with ExitStack() as stack:
            players = {kind: Player(server.start(), stack) for kind, server in servers.items()}
            # Line by line, as times are compared too.
            for line in LINES:
                for kind, player in players.items():
                    answers[kind].append(player.play(line.request))
        for server in servers.values():
            server.stop()
    finally:
        for server in servers.values():
            server.discard()
    return answers


def found(played: Played, kind: Kind, place: int) -> list[str]:
    """Differences between a server and the oracle in one line."""
    pairs = zip(played[kind][place], played[Kind.ETCD34][place], strict=True)
    return [text for one, other in pairs if (text := difference(one, other)) is not None]


def differs(played: Played, kind: Kind, place: int) -> bool:
    """Whether a server and the oracle answer differently, whatever their indexes."""

    def without_numbers(answers: list[Answer | None]) -> list[object]:
        return [None if one is None else (one.status, re.sub(rb"\d+", b"N", one.body)) for one in answers]

    return without_numbers(played[kind][place]) != without_numbers(played[Kind.ETCD34][place])


ROWS = [pytest.param(place, id=f"line{line.number}") for place, line in enumerate(LINES)]


@pytest.mark.parametrize("place", ROWS)
def test_upstream_mode_answers_like_the_original(played: Played, place: int) -> None:
    line = LINES[place]
    differences = found(played, Kind.UPSTREAM, place)
    if line.old is None:
        assert not differences, f"{line.request}: {differences}"
    else:
        assert differs(played, Kind.UPSTREAM, place), f"{line.request} is said to be as in 2.3.8, but is not"


@pytest.mark.parametrize("place", ROWS)
def test_ours_answers_like_the_original_but_for_the_fixes(played: Played, place: int) -> None:
    line = LINES[place]
    if line.is_alike:
        differences = found(played, Kind.OURS, place)
        assert not differences, f"{line.request}: {differences}"
    else:
        assert differs(played, Kind.OURS, place), f"{line.request} is said to differ, but does not"


def test_what_differs_stands_at_the_end() -> None:
    """Behind it indexes are not the same any more, and would have to be left out of the comparison."""
    first = next(place for place, line in enumerate(LINES) if not line.is_alike)
    assert not any(line.is_alike for line in LINES[first:])


def test_the_list_is_long_enough() -> None:
    assert len(LINES) >= LEAST


def test_control_a_list_that_cannot_be_read_is_refused() -> None:
    refused = {
        "GET": "not a request",
        "get /x": "not a request",
        "[no such mark] GET /x": "unknown mark",
        "[fix=one] GET /x": "invalid literal",
    }
    for text, why in refused.items():
        with pytest.raises(ValueError, match=why):
            fixed.read(text)

"""The checklist of `etcdctl`, 212 to 287: ours against both servers, and Debian's against its own.

The last pair is the test of the test: what the rows say about the original is seen on the original.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.conftest import require
from tests.etcdctl.player import Expectation, Played, Player, Program, Row, load
from tests.etcdctl.runner import Ctl, Done, client_url
from tests.support.server import Kind, Server

DEBIAN = "/usr/bin/etcdctl"
NUMBERS = set(range(212, 288))
ROWS = load()


class Pair(NamedTuple):
    """Who talks to whom."""

    program: Program
    kind: Kind

    def __str__(self) -> str:
        return f"{self.program.value}-{self.kind.value}"


PAIRS = [Pair(Program.OURS, Kind.OURS), Pair(Program.OURS, Kind.ETCD34), Pair(Program.DEBIAN, Kind.ETCD34)]


@pytest.fixture(scope="module", params=PAIRS, ids=str)
def pair(request: pytest.FixtureRequest) -> Pair:
    assert isinstance(request.param, Pair)
    return request.param


@pytest.fixture(scope="module")
def played(
    pair: Pair, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[], Played]:
    """What came of the rows; they are played once, when first asked for."""
    require(pair.kind, request.config)
    if pair.program is Program.DEBIAN and shutil.which(DEBIAN) is None:
        pytest.skip("Debian's etcd-client (the oracle) is not installed")
    result: list[Played] = []

    def get() -> Played:
        if not result:
            server = Server(pair.kind, tmp_path_factory.mktemp(str(pair))).start()
            try:
                url = client_url(server)
                is_ours = pair.program is Program.OURS
                ctl = Ctl.ours(url) if is_ours else Ctl([DEBIAN], url, {"ETCDCTL_API": "2"})
                result.append(Player(ctl, server, pair.program).play(ROWS))
                server.stop()
            finally:
                server.discard()
        return result[0]

    return get


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", sorted(NUMBERS), ids=lambda number: f"j{number}")
def test_row(number: int, played: Callable[[], Played]) -> None:
    rows = played()
    if number in rows.left_out:
        pytest.skip("Debian's etcdctl 3.4 does here what no 2.x one did: there is nothing to compare")
    assert not rows.faults[number], rows.faults[number]


def test_the_ground_was_prepared(played: Callable[[], Played]) -> None:
    assert played().broken_setup == []


def test_every_number_is_there_once() -> None:
    numbers = [row.number for row in ROWS if row.number is not None]
    assert sorted(numbers) == sorted(NUMBERS)


def test_what_is_left_out_is_known(pair: Pair, played: Callable[[], Played]) -> None:
    differing = {row.number for row in ROWS if row.debian is None and pair.program is Program.DEBIAN}
    assert played().left_out == differing


def row(number: int) -> Row:
    return next(row for row in ROWS if row.number == number)


@pytest.mark.parametrize("number", [234, 246, 252, 253, 255, 283, 284])
def test_control_a_fix_is_not_what_the_original_does(number: int) -> None:
    assert row(number).fixed != row(number).debian


def test_control_a_wrong_answer_is_a_fault() -> None:
    player = Player(Ctl.ours(), Server.__new__(Server), Program.OURS)
    expected = Expectation(4, err="Error:  100: Key not found (/c/nope) [<N>]⏎")
    good = Done(4, "", "Error:  100: Key not found (/c/nope) [12]\n")
    assert player._fault(expected, good) == ""
    for bad in (good._replace(code=1), good._replace(out="x"), good._replace(err=good.err[:-1])):
        assert player._fault(expected, bad)

"""Debian's `etcdctl`, with the v2 API, cannot tell our server from Debian's own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.etcdctl.runner import Ctl, Done, client_url
from tests.support.server import Kind, Server

PROGRAM = "/usr/bin/etcdctl"
COMMANDS = Path(__file__).with_name("etcdctl.txt").read_text().splitlines()
Output = tuple[str, Done]

pytestmark = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason="Debian's etcd-client (the outside client) is not installed"
)


def debian(server: Server) -> Ctl:
    """The program, told to use the v2 API."""
    return Ctl([PROGRAM], client_url(server), {"ETCDCTL_API": "2"})


def comparable(done: Done, server: Server) -> Done:
    """Output without what is a member's own: ids, ports, expirations."""

    def plain(text: str) -> str:
        text = text.replace(str(server.client_port), "CLIENT").replace(str(server.peer_port), "PEER")
        text = re.sub(r'"expiration":"[^"]*"', '"expiration":"T"', text)
        return re.sub(r"(member |^)[0-9a-f]{8,16}( is|: name)", r"\1ID\2", text, flags=re.MULTILINE)

    return Done(done.code, plain(done.out), plain(done.err))


def play(server: Server, tamper: Callable[[Done], Done] = lambda done: done) -> list[Output]:
    """All commands, one after the other."""
    ctl = debian(server)
    return [(line, tamper(comparable(ctl.run(*line.split(" ")), server))) for line in COMMANDS]


@pytest.fixture
def original(make_server: ServerFactory) -> list[Output]:
    """What it says to the server that it belongs to."""
    return play(make_server(Kind.ETCD34).start())


@pytest.mark.parametrize("kind", [Kind.OURS, Kind.UPSTREAM], ids=lambda kind: kind.value)
def test_it_cannot_tell_ours_from_the_original(
    make_server: ServerFactory, original: list[Output], kind: Kind
) -> None:
    ours = play(make_server(kind).start())
    different = [pair for pair in zip(ours, original, strict=True) if pair[0] != pair[1]]
    assert not different, "\n".join(f"{one[0]}: {one[1]} != {other[1]}" for one, other in different)


def test_control_a_changed_letter_is_seen(make_server: ServerFactory, original: list[Output]) -> None:
    changed = play(make_server(Kind.ETCD34).start(), lambda done: done._replace(out=done.out.upper()))
    assert changed != original

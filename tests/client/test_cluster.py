"""A cluster of three of Debian's members, one of which is killed while clients write and watch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coreos_py.client import BlockingClient, OutcomeUnknownError
from tests.client.faces import PATIENT, play, play_watch
from tests.conftest import require
from tests.support.server import Kind, Server

WRITES = 40


@pytest.fixture
def members(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    """Three members that have a leader."""
    require(Kind.ETCD34, request.config)
    made = [Server(Kind.ETCD34, tmp_path / f"m{number}", name=f"m{number}") for number in range(3)]
    peers = ",".join(f"{one.name}=http://127.0.0.1:{one.peer_port}" for one in made)
    try:
        for one in made:
            one.flags += ["--initial-cluster", peers]
            one.launch()
        for one in made:
            one.wait_ready()
        yield made
    finally:
        for one in made:
            one.discard()


def url_of(server: Server) -> str:
    """Where it listens for clients."""
    return f"http://127.0.0.1:{server.client_port}"


def test_a_killed_leader(members: list[Server]) -> None:
    """Every answered write is told to a watcher once and in order; one in doubt may be told or not.

    One client writes and the other one watches.
    """
    urls = [url_of(one) for one in members]
    options = PATIENT._replace(timeout_s=5.0)
    sure: dict[str, int] = {}
    doubtful: set[str] = set()

    async def scenario(etcd: Any) -> None:
        leader = (await etcd.members.leader()).client_urls[0]
        for number in range(WRITES):
            if number == WRITES // 2:
                members[urls.index(leader)].kill()
            try:
                made = await etcd.create(f"/top/{number}", "v")
            except OutcomeUnknownError:
                doubtful.add(f"/top/{number}")
            else:
                sure[f"/top/{number}"] = made.node.modified_index
        await etcd.set("/top/last", "v")

    def watch() -> None:
        def start(etcd: Any) -> Any:
            return etcd.watch("/top", recursive=True, wait_index=1)

        told.extend(play_watch("blocking", urls, start, lambda event: event.node.key == "/top/last", options))

    told: list[Any] = []
    watching = threading.Thread(target=watch)
    watching.start()
    play("trio", urls, scenario, options)
    watching.join()
    keys = [event.node.key for event in told]
    assert len(keys) == len(set(keys))
    assert {event.node.key: event.node.modified_index for event in told if event.node.key in sure} == sure
    assert set(keys) - sure.keys() - {"/top/last"} <= doubtful
    with BlockingClient(urls, options) as etcd:
        assert {node.key for node in etcd.ls("/top", quorum=True)} == set(keys)

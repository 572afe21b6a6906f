"""kill -9 under load: what was acknowledged survives, and no index goes back."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.conftest import ServerFactory
from tests.support.server import Kind, Server
from tests.support.writers import Journal, Writers, losses

ROUNDS = 50
LONG_ROUNDS = int(os.environ.get("COREOS_KILLS", "1000"))
SEED = int(os.environ.get("COREOS_SEED", "20261125"))
#: How long a server lives before it is killed.
LIFE_S = (0.0, 0.25)
#: Every so many rounds it is killed while it starts, after so long.
BIRTH_EVERY = 5
BIRTH_S = (0.0, 0.4)


def kill_at_birth(server: Server, after_s: float) -> None:
    """Start and kill before it may have answered anybody: recovery is cut as well."""
    server.launch()
    time.sleep(after_s)
    server.kill()
    # It may not have come to publishing itself, so this start does not count.
    server.starts -= 1


def kill_rounds(make: ServerFactory, rounds: int) -> None:
    choice = random.Random(SEED)
    server = make(Kind.OURS)
    journal = Journal()
    last_index = 0
    for number in range(rounds):
        if number % BIRTH_EVERY == BIRTH_EVERY - 1:
            kill_at_birth(server, choice.uniform(*BIRTH_S))
        server.start()
        lost = losses(server, journal.snapshot(), dict(journal.sent))
        assert not lost, f"after kill {number} (seed {SEED}): {len(lost)} lost: {lost[:5]}"
        index = server.request("GET", "/v2/keys/_none").etcd_index
        assert index >= last_index, f"etcd index went from {last_index} back to {index}"
        server.assert_no_traces()
        try:
            with Writers(server, journal, count=16):
                time.sleep(choice.uniform(*LIFE_S))
                server.kill()
        finally:
            server.kill()
        last_index = max([index, *(write.index for write in journal.acked.values())])
    assert journal.count > rounds, "the writers hardly wrote"
    assert not journal.refusals, journal.refusals[:5]


def test_fifty_kills(make_server: ServerFactory) -> None:
    kill_rounds(make_server, ROUNDS)


@pytest.mark.long
def test_a_thousand_kills(make_server: ServerFactory) -> None:
    kill_rounds(make_server, LONG_ROUNDS)


def test_control_a_lost_key_is_noticed(make_server: ServerFactory) -> None:
    """The check finds a key that is gone, one that is old, one that nobody sent, and an index behind."""
    server = make_server(Kind.OURS).start()
    journal = Journal()
    with Writers(server, journal, count=2) as writers:
        writers.wait_for(100)
    assert losses(server, journal.acked, journal.sent) == []
    first, second, third = sorted(journal.acked)[:3]
    with server.connect() as conn:
        conn.delete(first)
        conn.put(second, "0")
        conn.put(third, "999999")
        ahead = conn.get("/_none").etcd_index + 5
    journal.acked[sorted(journal.acked)[3]] = type(journal.acked[second])(1, ahead)
    found = " ".join(losses(server, journal.acked, journal.sent))
    for text in ("key missing", "value 0", "was never sent", f"{ahead} was acknowledged"):
        assert text in found

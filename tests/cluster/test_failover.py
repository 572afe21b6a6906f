"""What clients see while a leader dies or ends, and while members restart one after the other."""

from __future__ import annotations

import itertools
import threading
import time

from tests.cluster.asking import figure, put, value, wait_equal
from tests.cluster.conftest import ClusterFactory
from tests.support.cluster import Member
from tests.support.waiting import wait_until
from tests.support.wire import PeerClosed

#: How long a ttl is, in seconds, and what an election and the look for what is due may add.
TTL_S = 6
LATE_S = 6.0


def test_a_ttl_outlives_the_leader_and_no_longer(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    leader = cluster.leader()
    began = time.monotonic()
    with leader.connect() as conn:
        assert conn.put("/t", "1", ttl=TTL_S).status == 201
    wait_equal(cluster, "/t", "1")
    leader.kill()
    alive = list(leader.others)
    gone: dict[str, float] = {}

    def are_gone() -> bool:
        for member in alive:
            asked = time.monotonic()
            if member.name not in gone and value(member, "/t") is None:
                # It may have gone at any time before the answer; early is what counts.
                gone[member.name] = time.monotonic() - began
                assert time.monotonic() - began >= TTL_S, (member.name, asked - began)
        return len(gone) == 2

    wait_until(are_gone, lambda: gone, TTL_S + LATE_S)


class Client(threading.Thread):
    """Writes growing numbers, tries the others when one fails, remembers what failed everywhere."""

    def __init__(self, members: list[Member], key: str) -> None:
        super().__init__()
        self.members = members
        self.key = key
        self.acked = 0
        self.failures: list[str] = []
        self.longest_s = 0.0
        self.count = 0
        self.stop = threading.Event()

    def run(self) -> None:
        """Until it is stopped."""
        turn = itertools.cycle(self.members)
        member = next(turn)
        last = time.monotonic()
        for number in itertools.count(1):
            if self.stop.is_set():
                return
            tried = []
            for _ in range(4 * len(self.members)):
                try:
                    reply = put(member, self.key, str(number))
                except (OSError, PeerClosed) as error:
                    tried.append(f"{member.name}: {error}")
                else:
                    if reply.status in (200, 201):
                        self.acked, self.count = number, self.count + 1
                        break
                    tried.append(f"{member.name}: {reply.status} {reply.body!r}")
                member = next(turn)
            else:
                self.failures.append(f"{number}: {tried}")
            now = time.monotonic()
            self.longest_s, last = max(self.longest_s, now - last), now


def test_a_leader_that_is_stopped_hands_over(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    leader = cluster.leader()
    term = int(figure(leader, "etcd_server_raft_term"))
    other = leader.others[0]
    client = Client([other], "/k")
    client.start()
    try:
        wait_until(lambda: client.count > 50)
        leader.stop()
        seen = client.count
        wait_until(lambda: client.count > seen + 50)
    finally:
        client.stop.set()
        client.join()
    assert not client.failures
    assert value(other, "/k", "?quorum=true") == str(client.acked)
    assert next_term_seen(leader, term)
    # It was the successor's own election, not one that came after it.
    won = f'"this member leads since term {term + 1}"'
    wait_until(lambda: any(won in member.stderr() for member in leader.others))


def test_control_a_leader_that_nobody_answers_ends_without_a_successor(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    leader = cluster.leader()
    term = int(figure(leader, "etcd_server_raft_term"))
    for other in leader.others:
        other.pause()
    leader.stop()
    assert not next_term_seen(leader, term)
    for other in leader.others:
        other.resume()


def next_term_seen(member: Member, term: int) -> bool:
    """Whether one that was stopped while it led in `term` has heard, before it ended, that another stands."""
    last_words = member.stderr().partition("msg=stopping")[2].partition("msg=stopped")[0]
    assert last_words
    return f"term {term + 1}" in last_words


def test_a_rolling_restart_loses_nothing(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    clients = [Client(cluster.members[n:] + cluster.members[:n], f"/k{n}") for n in range(3)]
    for client in clients:
        client.start()
    try:
        for member in cluster.members:
            seen = [client.count for client in clients]
            member.restart()
            wait_until(lambda seen=seen: all(c.count > s + 20 for c, s in zip(clients, seen, strict=True)))  # type: ignore[misc]
    finally:
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join()
    assert [client.failures for client in clients] == [[], [], []]
    for member in cluster.members:
        told = [value(member, client.key, "?quorum=true") for client in clients]
        assert told == [str(client.acked) for client in clients]

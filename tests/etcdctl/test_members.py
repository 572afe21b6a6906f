"""`member` and `cluster-health`: without a leader, with members that are away, and real changes."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ServerFactory
from tests.etcdctl.fake import HANG, Answer, Asked, FakeServer, reply
from tests.etcdctl.runner import PATIENT, Ctl, client_url
from tests.support.ports import free_port
from tests.support.server import Kind
from tests.support.waiting import wait_until

HEALTHY = '{"health":"true"}'
#: Ours adds no member before there are clusters of several.
KINDS = [Kind.ETCD34]


class Cluster:
    """A member list, and what each URL says of its health."""

    def __init__(self) -> None:
        self.members: list[dict[str, object]] = []
        self.health: Answer = reply(HEALTHY.encode())
        self.leader: Answer = reply({"message": "During election"}, 503)

    def __call__(self, asked: Asked) -> Answer:
        if asked.target == "/health":
            return self.health
        if asked.target == "/v2/members/leader":
            return self.leader
        return reply({"members": self.members})

    def add(self, number: int, name: str, *urls: str) -> None:
        peer_urls = [f"http://127.0.0.1:{number}"]
        self.members.append(
            {"id": f"{number:x}", "name": name, "peerURLs": peer_urls, "clientURLs": list(urls)}
        )


def refused(url: str) -> str:
    return f'Get "{url}/health": dial tcp {url.partition("//")[2]}: connect: connection refused'


def test_health_of_a_cluster_that_is_partly_away() -> None:
    cluster = Cluster()
    away = f"http://127.0.0.1:{free_port()}"
    with FakeServer(cluster) as server:
        ctl = Ctl.ours(server.url)
        cluster.add(10, "a", server.url)
        assert ctl.run("cluster-health") == (
            0,
            f"member a is healthy: got healthy result from {server.url}\ncluster is healthy\n",
            "",
        )
        # The second URL of a member is asked when the first is silent; a member without any is not asked.
        cluster.add(11, "b", away, server.url)
        cluster.add(12, "")
        cluster.add(13, "d", away, away)
        told = (
            f"member a is healthy: got healthy result from {server.url}\n"
            f"failed to check the health of member b on {away}: {refused(away)}\n"
            f"member b is healthy: got healthy result from {server.url}\n"
            "member c is unreachable: no available published client urls\n"
            f"failed to check the health of member d on {away}: {refused(away)}\n"
            f"failed to check the health of member d on {away}: {refused(away)}\n"
            f"member d is unreachable: [{away} {away}] are all unreachable\n"
            "cluster is degraded\n"
        )
        assert ctl.run("cluster-health") == (5, told, "")
        cluster.health = reply(b'{"health":"false"}', 503)
        del cluster.members[1:]
        assert ctl.run("cluster-health") == (
            5,
            f"member a is unhealthy: got unhealthy result from {server.url}\ncluster is unavailable\n",
            "",
        )
        cluster.health = reply(b"<html>", 200)
        code, out, _ = ctl.run("cluster-health")
        assert (code, out.splitlines()[-1]) == (5, "cluster is unavailable")
        cluster.health = HANG
        code, out, _ = Ctl([*ctl.program, "--endpoints", server.url]).run(
            "--timeout", "200ms", "cluster-health"
        )
        assert (code, out.splitlines()[-1]) == (5, "cluster is unavailable")


@pytest.mark.parametrize("health", [b'{"health":"true"}', b'{"health": "true"}', b'{"health":true}'])
def test_every_form_of_health(health: bytes) -> None:
    cluster = Cluster()
    cluster.health = reply(health)
    with FakeServer(cluster) as server:
        cluster.add(10, "a", server.url)
        assert Ctl.ours(server.url).run("cluster-health").code == 0


def test_health_when_nobody_answers() -> None:
    code, out, err = Ctl.ours("http://127.0.0.1:1").run("cluster-health")
    assert (code, out) == (2, "cluster may be unhealthy: failed to list members\n")
    assert "connection refused" in err
    with FakeServer(lambda _: reply(b"404 page not found\n", 404)) as server:
        code, out, err = Ctl.ours(server.url).run("cluster-health")
    assert (code, out) == (4, "cluster may be unhealthy: failed to list members\n")
    assert err == "Error:  404 page not found\n"


def test_health_tells_with_debug_whom_it_asks() -> None:
    with FakeServer(Cluster()) as server:
        _, _, err = Ctl.ours(server.url).run("--debug", "cluster-health")
        told = f"Cluster-Endpoints: {server.url}\ncURL Command: curl -X GET {server.url}/v2/members\n"
    assert err.startswith(told)


def test_no_url_of_the_member_list_is_told_the_password() -> None:
    """/health is open to everybody, and who answers at an advertised URL may be anybody."""
    cluster = Cluster()
    with FakeServer(cluster) as server, FakeServer(cluster) as advertised:
        cluster.add(10, "a", server.url)
        cluster.add(11, "b", advertised.url)
        assert Ctl.ours(server.url).run("-u", "root:secret", "cluster-health").code == 0
    told = {asked.target: "authorization" in asked.headers for asked in server.asked}
    assert told == {"/v2/members": True, "/health": False}
    assert [asked.target for asked in advertised.asked] == ["/health"]
    assert "authorization" not in advertised.asked[0].headers


def test_an_empty_member_list_is_not_healthy() -> None:
    with FakeServer(Cluster()) as server:
        told = "the member list is empty\ncluster is unavailable\n"
        assert Ctl.ours(server.url).run("cluster-health") == (5, told, "")


def test_health_for_ever_until_ctrl_c() -> None:
    cluster = Cluster()
    with FakeServer(cluster) as server:
        cluster.add(10, "a", server.url)
        with Ctl.ours(server.url).start("cluster-health", "--forever") as run:
            lines = [run.line() for _ in range(5)]
            assert lines[1:] == ["cluster is healthy\n", "\n", "next check after 10 second...\n", "\n"]
            assert run.interrupt() == (0, "", "")


def test_the_list_needs_no_leader() -> None:
    """Pain 19: each member knows the list itself."""
    cluster = Cluster()
    with FakeServer(cluster) as server:
        cluster.add(10, "a", "http://h:1", "http://h:2")
        cluster.add(11, "")
        code, out, err = Ctl.ours(server.url).run("--no-sync", "member", "list")
        assert (code, err) == (0, "Failed to get leader:  During election\n")
        assert out == (
            "a: name=a peerURLs=http://127.0.0.1:10 clientURLs=http://h:1,http://h:2 isLeader=false\n"
            "b[unstarted]: peerURLs=http://127.0.0.1:11\n"
        )
        cluster.leader = reply(cluster.members[0])
        assert "isLeader=true" in Ctl.ours(server.url).run("--no-sync", "member", "list").out


def test_a_name_in_place_of_an_id_is_explained() -> None:
    cluster = Cluster()
    with FakeServer(cluster) as server:
        cluster.add(10, "core-01", "http://h:1")
        code, out, err = Ctl.ours(server.url).run("--no-sync", "member", "remove", "core-01")
        assert (code, out) == (1, "")
        assert err == (
            "Found a member named core-01; if this is correct, please use its ID, eg:\n"
            "\tetcdctl member remove a\n\n"
            "Couldn't find a member in the cluster with an ID of core-01.\n"
        )
        assert all(asked.method == "GET" for asked in server.asked)


@pytest.mark.parametrize("name", ["..", ".", "a/b", ""])
def test_no_id_is_a_step_through_the_path(name: str) -> None:
    with FakeServer(Cluster()) as server:
        code, out, _ = Ctl.ours(server.url).run("--no-sync", "member", "update", name, "http://h:1")
        assert (code, out) == (1, "")
        assert server.asked == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_adding_a_member_for_real(kind: Kind, make_server: ServerFactory) -> None:
    """Two are a quorum then, so nobody leads: the list is there all the same, and health says what is."""
    server = make_server(kind).start()
    # The leader has to be known to be gone; no other member will ever answer.
    ctl = Ctl([*Ctl.ours().program, "--endpoints", client_url(server), *PATIENT])
    peer_url = f"http://127.0.0.1:{server.peer_port}"
    member_id = json.loads(server.request("GET", "/v2/members").body)["members"][0]["id"]
    assert ctl.run("member", "update", member_id, peer_url) == (
        0,
        f"Updated member with ID {member_id} in cluster\n",
        "",
    )
    new_url = f"http://127.0.0.1:{free_port()}"
    code, out, err = ctl.run("member", "add", "second", new_url)
    assert (code, err) == (0, "")
    first, empty, *settings = out.splitlines()
    new_id = first.split()[6]
    assert first == f"Added member named second with ID {new_id} to cluster"
    assert (empty, settings[0], settings[2]) == (
        "",
        'ETCD_NAME="second"',
        'ETCD_INITIAL_CLUSTER_STATE="existing"',
    )
    cluster = settings[1].removeprefix('ETCD_INITIAL_CLUSTER="').rstrip('"').split(",")
    assert sorted(cluster) == sorted([f"m1={peer_url}", f"second={new_url}"])
    if kind is Kind.ETCD34:
        wait_until(lambda: ctl.run("member", "list").err.startswith("Failed to get leader:  "))
        code, out, _ = ctl.run("member", "list")
        assert code == 0
        assert f"{new_id}[unstarted]: peerURLs={new_url}\n" in out
        assert "isLeader=true" not in out
        code, out, _ = ctl.run("cluster-health")
        assert code == 5
        assert f"member {new_id} is unreachable: no available published client urls\n" in out
    server.kill()
